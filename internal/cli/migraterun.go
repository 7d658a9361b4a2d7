package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/ui"
)

// runDocument is the JSON form of a run.
type runDocument struct {
	From    *int    `json:"from_version"`
	To      int     `json:"to_version"`
	Seconds float64 `json:"seconds"`
	Rested  float64 `json:"rested_seconds"` // of them, to give way to others
	*migrate.Result
}

func newMigrateRunCommand(app *App) *cobra.Command {
	options := &engineOptions{}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Move values to the current key version",
		Long: `Make the plan, and bring every value to the version of ENCRYPTION_KEY (or
--to-version) while the servers run. Without --from-version it takes every older
version. Each new value is opened again before it is written, and a row is
written only while it is still what was read. Values that cannot be moved are
reported and left as they are (exit status 4).

On a terminal it asks first; without one it goes on.

It gives way to live servers: while others are at work in the database, it
moves a few rows at a time and rests in between. --pace full does not.

JSON document ocmt/migrate-run/v1: from_version, to_version, seconds,
rested_seconds, values_moved, rows_written, passes, rows_changed_meanwhile,
still_leaving, rows_locked, not_ended, set_aside, set_aside_list (table,
column, key, reason, detail), dry_run.`,
		Example: `  ocmt migrate run --dry-run
  ocmt migrate run --from-version 0
  ocmt migrate run --table user_integrations --yes`,
		Args: noArgs,
	}
	addRunFlags(cmd, options)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runMigrateRun(cmd.Context(), cmd, app, options) }
	exits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitPartial, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

func runMigrateRun(ctx context.Context, cmd *cobra.Command, app *App, options *engineOptions) error {
	engine, err := app.engine(cmd, options)
	if err != nil {
		return err
	}
	defer engine.store.Close()
	_, result, err := engine.run(ctx, options.DryRun)
	if result != nil {
		if failed := app.printer.Document("migrate-run", newRunDocument(engine.request, result)); failed != nil {
			return failed
		}
	}
	if err != nil {
		return err
	}
	return outcome(engine.request, result)
}

// run makes the plan, asks, and carries it out. The result is nil where nothing
// was begun.
func (e *engine) run(ctx context.Context, dry bool) (*migrate.Plan, *migrate.Result, error) {
	plan, err := e.plan(ctx)
	if err != nil {
		return nil, nil, err
	}
	printPlan(e.app.printer, plan)
	if err := plan.Refusal(); err != nil {
		return plan, nil, err
	}
	if !dry {
		question := ui.Question{Reversible: true, Text: fmt.Sprintf("Move %s to version %d now?",
			ui.Count(plan.Pending(), "value", "values"), plan.Request.To)}
		asking, answered := e.app.stop.Context(ctx)
		err := e.app.printer.Confirm(asking, question)
		answered()
		if err != nil {
			return plan, nil, err
		}
	}
	progress := e.progress("moving", "values")
	runner := e.runner(progress)
	run := runner.Run
	if dry {
		run = runner.DryRun
	}
	leave := e.pacing.Watch(ctx, e.store)
	result, err := run(ctx, plan)
	leave()
	progress.end()
	if err == nil || result.Rows > 0 { // one that failed before it wrote has not found nothing to do
		printResult(e.app.printer, e.request, result)
	}
	return plan, result, causeOf(ctx, err)
}

func newRunDocument(request migrate.Request, result *migrate.Result) runDocument {
	if result.List == nil {
		result.List = []migrate.SetAside{}
	}
	if result.Unseen == nil {
		result.Unseen = []string{}
	}
	return runDocument{From: request.From, To: request.To, Seconds: result.Elapsed.Seconds(), Rested: result.Rested.Seconds(), Result: result}
}

// printResult shows what happened.
func printResult(printer *ui.Printer, request migrate.Request, result *migrate.Result) {
	if result.Moved == 0 && result.SetAside == 0 && result.Left == 0 {
		printer.Line("\nNothing to do: no value is under %s.", leavingName(request))
		return
	}
	done := "Moved"
	if result.DryRun {
		done = "Dry run, nothing written: would move"
	}
	printer.Line("\n%s %s in %s to version %d, in %s and %s.", done, ui.Count(result.Moved, "value", "values"),
		ui.Count(result.Rows, "row", "rows"), request.To, ui.Duration(result.Elapsed), ui.Count(int64(result.Passes), "pass", "passes"))
	if result.Changed > 0 {
		printer.Line("%s changed or locked by the servers meanwhile and met again.", ui.Count(result.Changed, "row was", "rows were"))
	}
	if result.Rested > worthTelling {
		printer.Line("It worked gently and rested %s of that: %s. --pace full takes no rests.", ui.Duration(result.Rested), result.Why)
	}
	printSetAside(printer, "Set aside, left as they are:", result.SetAside, result.List)
}

// worthTelling is how long a run must have rested for the operator to be told.
const worthTelling = 2 * time.Second

// shownSetAside is how many the screen lists; JSON has more.
const shownSetAside = 20

func printSetAside(printer *ui.Printer, title string, count int64, list []migrate.SetAside) {
	if count == 0 {
		return
	}
	printer.Line("\n%s", title)
	table := ui.Table{Columns: []ui.Column{{Title: "COLUMN"}, {Title: "ROW"}, {Title: "REASON", Flexible: true}}}
	for _, entry := range list[:min(len(list), shownSetAside)] {
		table.Rows = append(table.Rows, ui.Row(entry.Table+"."+entry.Column, entry.Key, entry.Detail))
	}
	printer.Table(table)
	if count > shownSetAside {
		printer.Line("… and %s more; --output json lists the first 1,000.", ui.Number(count-shownSetAside))
	}
}

// outcome is the error that a run ends with though nothing failed, or nil.
func outcome(request migrate.Request, result *migrate.Result) error {
	switch {
	case result.Left > 0 && result.Blocked == result.Left:
		return &ui.Error{Code: ui.ExitPartial,
			Message: ui.Count(result.Left, "row was", "rows were") + " locked by another transaction all the time, and left",
			Hints:   []string{"look in pg_stat_activity for a transaction that has not ended, then run this again"}}
	case result.Left > 0:
		told := &ui.Error{Code: ui.ExitPartial,
			Message: fmt.Sprintf("%s still found in the last of %d passes: values are being written under an old version", ui.Count(result.Left, "row was", "rows were"), result.Passes),
			Hints:   []string{fmt.Sprintf("a server has not been switched to version %d: switch it, then run this again", request.To)}}
		if result.Changed > 0 {
			told.Message += ", or something else holds them"
			told.Hints = append(told.Hints, "where every server is switched, look for a transaction that holds rows (pg_stat_activity) and for a trigger that drops writes")
		}
		return told
	case len(result.Unseen) > 0:
		return &ui.Error{Code: ui.ExitPartial,
			Message: "a transaction has written to these tables and not ended; what it wrote could not be looked at",
			Hints:   []string{strings.Join(result.Unseen, "; "), "end it (a prepared one with COMMIT PREPARED or ROLLBACK PREPARED), then run this again"}}
	case result.SetAside > 0:
		return &ui.Error{Code: ui.ExitPartial,
			Message: ui.Count(result.SetAside, "value was set aside and left as it is", "values were set aside and left as they are"),
			Hints:   []string{"keep every old key until they are dealt with", "ocmt migrate verify shows them again"}}
	}
	return nil
}
