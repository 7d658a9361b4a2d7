package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/ui"
)

// statusDocument is the JSON form of ocmt migrate status.
type statusDocument struct {
	Running bool                    `json:"running"`
	Run     *migrate.Status         `json:"run"` // null where none is at work, or none that tells
	Runs    []postgres.RecordedMove `json:"recorded"`
}

func newMigrateStatusCommand(app *App) *cobra.Command {
	watch := false
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show whether a run is at work, and what was recorded",
		Long: `Ask the database whether a run is at work on it, from whatever machine, how far
it is, how fast, and what it waits for; and list the last entries of
encryption_migrations, a column each.

With --watch it shows the run every second until it has ended; with --output
json as one document a line.

JSON document ocmt/migrate-status/v1: running, run (from_version, to_version,
started, updated, ended, phase, pass, values_done, values_to_move,
rows_written, set_aside, rows_per_second, max_rows_per_second, waiting_for,
pace, giving_way, workers, orders_seen), recorded (table, column,
from_version, to_version, total, moved, started, completed, status).`,
		Example: `  ocmt migrate status
  ocmt migrate status --watch`,
		Args: noArgs,
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "show the run every second until it has ended")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runMigrateStatus(cmd.Context(), cmd, app, watch) }
	exits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitInterrupted)
	return cmd
}

// watchEvery is how often --watch looks.
const watchEvery = time.Second

func runMigrateStatus(ctx context.Context, cmd *cobra.Command, app *App, watch bool) error {
	settings, err := app.settings(cmd)
	if err != nil {
		return err
	}
	store, err := app.store(settings)
	if err != nil {
		return err
	}
	defer store.Close()
	ctx, cancel := app.stop.Context(ctx)
	defer cancel()
	document, err := lookAtRuns(ctx, store)
	for err == nil && watch && document.Running {
		if document.Run != nil {
			app.printer.Line("%s", describeRun(*document.Run))
		}
		if err := app.printer.DocumentLine("migrate-status", document); err != nil {
			return err
		}
		if err := pause(ctx, watchEvery); err != nil {
			return causeOf(ctx, err)
		}
		document, err = lookAtRuns(ctx, store)
	}
	if err != nil {
		return causeOf(ctx, err)
	}
	printStatus(app.printer, document)
	if watch {
		return app.printer.DocumentLine("migrate-status", document)
	}
	return app.printer.Document("migrate-status", document)
}

func pause(ctx context.Context, length time.Duration) error {
	select {
	case <-time.After(length):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func lookAtRuns(ctx context.Context, store *postgres.Store) (document statusDocument, err error) {
	if document.Running, document.Runs, err = store.Status(ctx); err != nil || !document.Running {
		return document, err
	}
	found, err := store.Steering(ctx)
	switch {
	case errors.Is(err, postgres.ErrNoRun): // a dry run, or one that has just ended
		return document, nil
	case err != nil:
		return document, err
	}
	document.Run = &found.Status
	return document, nil
}

func printStatus(printer *ui.Printer, document statusDocument) {
	switch {
	case !document.Running:
		printer.Line("No run is at work on this database.")
	case document.Run == nil:
		printer.Line("A run is at work on this database. It does not tell how far it is: a dry run, or one that has just begun.")
	default:
		printer.Line("A run is at work on this database.")
		printer.Line("%s", describeRun(*document.Run))
	}
	if len(document.Runs) == 0 {
		printer.Line("No run is recorded.")
	} else {
		printer.Table(movesTable(document.Runs, document.Running))
	}
}

// describeRun puts a run into a line.
func describeRun(run migrate.Status) string {
	parts := []string{fmt.Sprintf("%s: %s of %s", run.Phase, ui.Number(run.Done), ui.Count(run.Total, "value", "values"))}
	if run.RowsPerSecond > 0 {
		parts = append(parts, ui.Number(int64(run.RowsPerSecond+0.5))+" rows/s")
		if left := timeLeft(run); left > 0 {
			parts = append(parts, "about "+ui.Duration(left)+" left")
		}
	}
	if run.MaxRowsPerSecond > 0 {
		parts = append(parts, "at most "+ui.Number(int64(run.MaxRowsPerSecond))+" rows/s")
	}
	if run.GivingWay {
		parts = append(parts, "gently")
	}
	if run.SetAside > 0 {
		parts = append(parts, ui.Number(run.SetAside)+" set aside")
	}
	if run.Waiting != "" {
		parts = append(parts, "waiting for "+ui.Clean(run.Waiting))
	}
	return strings.Join(parts, ", ")
}

// timeLeft goes by the values a second since the beginning.
func timeLeft(run migrate.Status) time.Duration {
	elapsed := run.Updated.Sub(run.Started)
	if run.Done == 0 || run.Done >= run.Total {
		return 0
	}
	return time.Duration(float64(elapsed) * float64(run.Total-run.Done) / float64(run.Done))
}

// movesTable tells a run that was killed from one that is at work: both stand as
// running in the record.
func movesTable(moves []postgres.RecordedMove, running bool) ui.Table {
	table := ui.Table{Columns: []ui.Column{{Title: "COLUMN", Flexible: true}, {Title: "VERSIONS"}, {Title: "MOVED"}, {Title: "STARTED"}, {Title: "STATUS"}}}
	for _, move := range moves {
		status := move.Status
		if status == "running" && !running {
			status = "ended without a word"
		}
		table.Rows = append(table.Rows, ui.Row(move.Table+"."+move.Column,
			strconv.Itoa(move.From)+" to "+strconv.Itoa(move.To),
			ui.Number(move.Moved)+" of "+ui.Number(move.Total), move.Started, status))
	}
	return table
}
