package cli

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/ui"
)

// statusDocument is the JSON form of ocmt migrate status.
type statusDocument struct {
	Running bool                    `json:"running"`
	Runs    []postgres.RecordedMove `json:"recorded"`
}

func newMigrateStatusCommand(app *App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show whether a run is at work, and what was recorded",
		Long: `Ask the database whether a run holds its lock, from whatever machine, and list
the last entries of encryption_migrations, a column each.

JSON document ocmt/migrate-status/v1: running, recorded (table, column,
from_version, to_version, total, moved, started, completed, status).`,
		Example: `  ocmt migrate status`,
		Args:    noArgs,
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runMigrateStatus(cmd.Context(), cmd, app) }
	exits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitInterrupted)
	return cmd
}

func runMigrateStatus(ctx context.Context, cmd *cobra.Command, app *App) error {
	settings, err := app.settings(cmd)
	if err != nil {
		return err
	}
	store, err := app.store(settings)
	if err != nil {
		return err
	}
	ctx, cancel := app.stop.Context(ctx)
	defer cancel()
	running, moves, err := store.Status(ctx)
	if err != nil {
		return causeOf(ctx, err)
	}
	if running {
		app.printer.Line("A run is at work on this database.")
	} else {
		app.printer.Line("No run is at work on this database.")
	}
	if len(moves) == 0 {
		app.printer.Line("No run is recorded.")
	} else {
		app.printer.Table(movesTable(moves, running))
	}
	return app.printer.Document("migrate-status", statusDocument{Running: running, Runs: moves})
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
