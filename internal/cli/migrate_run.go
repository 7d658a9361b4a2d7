package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/ui"
)

// runOptions are the flags of ocmt migrate run.
type runOptions struct {
	From versionFlag
	selectionOptions
	AllowDowngrade bool
	guardOptions
	Plan inputFlag
	moveOptions
}

func (o *runOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().Var(&o.From, "from-version", "the key version to leave (default: every one below the version to reach)")
	o.selectionOptions.addFlags(cmd)
	cmd.Flags().BoolVar(&o.AllowDowngrade, "allow-downgrade", false, "reach a version older than that of the servers or of the values")
	o.guardOptions.addFlags(cmd)
	cmd.Flags().Var(&o.Plan, "plan", "refuse if anything differs from the plan in this file")
	o.moveOptions.addFlags(cmd)
}

// Validate refuses options that contradict each other.
func (o *runOptions) Validate() error {
	return firstError(o.moveOptions.Validate(), o.guardOptions.Validate(), checkVersions(o.From, o.To))
}

func (o *runOptions) request() engineRequest {
	return engineRequest{selectionOptions: o.selectionOptions, guardOptions: o.guardOptions, From: o.From, AllowDowngrade: o.AllowDowngrade,
		StopOnSetAside: o.OnError == onErrorStop, Plan: o.Plan}
}

func newMigrateRunCommand(app *App, run func(context.Context, *config.Settings, *runOptions) error) *cobra.Command {
	if run == nil {
		run = app.runMigrateRun
	}
	options := &runOptions{}
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

` + describeDocument("migrate-run"),
		Example: `  ocmt migrate run --dry-run
  ocmt migrate run --from-version 0
  ocmt migrate run --table user_integrations --yes`,
		Args: noArgs,
	}
	options.addFlags(cmd)
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitPartial, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

func (a *App) runMigrateRun(ctx context.Context, settings *config.Settings, options *runOptions) error {
	engine, err := a.newEngine(settings, options.request())
	if err != nil {
		return err
	}
	defer engine.close()
	_, result, err := engine.run(ctx, options.DryRun)
	if result != nil {
		if failed := a.printer.Document("migrate-run", newRunDocument(engine.request, result)); failed != nil {
			return failed
		}
	}
	if err != nil {
		return err
	}
	return rotation.CheckFinished(engine.request, result)
}

// run makes the plan, asks, and carries the plan out. The result is nil where nothing
// was begun.
func (e *engine) run(ctx context.Context, dry bool) (*migrate.Plan, *migrate.Result, error) {
	if err := rotation.CheckPlaces(e.settings.CheckKeyPlaces(), e.request.KeyConfirmed); err != nil {
		return nil, nil, err
	}
	plan, err := e.plan(ctx)
	if err != nil {
		return nil, nil, err
	}
	printPlan(e.app.printer, plan)
	if err := plan.Refusal(); err != nil {
		return plan, nil, err
	}
	if !dry {
		if err := e.confirm(ctx, plan); err != nil {
			return plan, nil, err
		}
	}
	progress := e.app.newProgress("moving", "values", e.pacing)
	runner := e.runner(progress)
	carryOut := runner.Run
	if dry {
		carryOut = runner.DryRun
	}
	stopWatching := e.pacing.WatchActivity(ctx, e.db)
	result, err := carryOut(ctx, plan)
	stopWatching()
	progress.end()
	if err == nil || result.Rows > 0 { // a run that failed before it wrote has not found that nothing is to do
		printResult(e.app.printer, e.request, result)
	}
	return plan, result, causeOf(ctx, err)
}

// confirm asks before the first write.
func (e *engine) confirm(ctx context.Context, plan *migrate.Plan) error {
	asking, answered := e.app.stop.Context(ctx)
	defer answered()
	return e.app.printer.Confirm(asking, ui.Question{Reversible: true, Text: fmt.Sprintf("Move %s to version %d now?",
		ui.Count(plan.Pending(), "value", "values"), plan.Request.To)})
}
