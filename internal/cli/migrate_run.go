package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/finding"
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
		return a.tellUnknownVersion(ctx, settings, options.From, err)
	}
	defer engine.close()
	return engine.underLock(ctx, func(ctx context.Context) error {
		plan, result, err := engine.run(ctx, options.DryRun)
		if result == nil {
			return err
		}
		verdict := engine.printRun(plan, result, err)
		printAfterRun(a.printer, engine.request, verdict)
		if failed := a.printer.Document("migrate-run", engine.newRunDocument(result, verdict)); failed != nil {
			return failed
		}
		if err != nil {
			return err
		}
		return endOf(engine.request, verdict, rotation.CheckFinished(engine.request, result))
	})
}

// printRun shows what a run came to that no proof follows. A run that failed before it wrote anything has not found
// that nothing is to do, and its error alone speaks.
func (e *engine) printRun(plan *migrate.Plan, result *migrate.Result, failure error) rotation.Verdict {
	verdict := rotation.JudgeRun(plan, result, failure)
	if failure == nil || result.Rows > 0 {
		e.app.printer.Line("")
		printVerdict(e.app.printer, e.request, verdict, keyOfVersion(e.request))
		printResult(e.app.printer, e.request, result)
		printSetAside(e.app.printer, "Set aside, left as they are:", result.SetAside, result.List)
		if verdict.Kind == rotation.VerdictDryRun && verdict.IsGood() && verdict.Moved > 0 {
			printStep(e.app.printer, rotation.Step{Text: "the same command without --dry-run"})
		}
	}
	return verdict
}

// printAfterRun says what is next after a run that left nothing.
func printAfterRun(printer *ui.Printer, request migrate.Request, verdict rotation.Verdict) {
	switch verdict.Kind {
	case rotation.VerdictMoved:
		printStep(printer, rotation.Step{Command: verifyCommand(request), Text: "opens every value with that key alone; remove no key before"})
	case rotation.VerdictNoneUnder:
		for _, hint := range moveHints(request, verdict.Under) {
			printStep(printer, rotation.Step{Text: hint})
		}
	}
}

// verifyCommand is what opens every value with the key that a run has reached.
func verifyCommand(request migrate.Request) string {
	if request.To == request.Configured {
		return "ocmt migrate verify"
	}
	return fmt.Sprintf("ocmt migrate verify --to-version %d", request.To)
}

// run makes the plan, asks, and carries the plan out. The result is nil where nothing
// was begun.
func (e *engine) run(ctx context.Context, dry bool) (*migrate.Plan, *migrate.Result, error) {
	if err := e.checkPlaces(ctx); err != nil {
		return nil, nil, err
	}
	plan, err := e.plan(ctx)
	if err == nil {
		plan, err = e.askAboutEmptied(ctx, plan)
	}
	if err != nil {
		return nil, nil, err
	}
	if e.around, err = e.lookAround(ctx, plan); err != nil {
		return nil, nil, causeOf(ctx, err)
	}
	printPlan(e.app.printer, plan, e.around)
	if err := e.refuse(ctx, plan); err != nil {
		return plan, nil, err
	}
	prospect, err := e.app.prospectOf(ctx, e.db.chain)
	if err != nil {
		return plan, nil, causeOf(ctx, err)
	}
	if !dry && (plan.Pending() > 0 || e.request.RepairLabels) { // nobody is asked about nothing
		if err := e.confirm(ctx, plan); err != nil {
			return plan, nil, err
		}
	}
	e.app.tellMade(prospect, dry)
	progress := runProgress{engineProgress{e.app.newStoppableProgress("moving", "values", e.pacing)}}
	runner := e.runner(progress)
	carryOut := runner.Run
	if dry {
		carryOut = runner.DryRun
	}
	stopWatching := e.pacing.WatchActivity(ctx, e.db)
	result, err := carryOut(ctx, plan)
	stopWatching()
	progress.end()
	if err != nil && result.Rows == 0 { // else the verdict says it
		printLeft(e.app.printer, result)
	}
	return plan, result, causeOf(ctx, err)
}

// refuse returns the error of a plan that a run refuses to carry out. Where rights are missing, it also looks for those
// that the tool's own record lacks: whoever gives the ones should not be asked for the others in the next attempt.
func (e *engine) refuse(ctx context.Context, plan *migrate.Plan) error {
	refused := plan.Refusal()
	if slices.ContainsFunc(plan.Findings, func(one finding.Finding) bool { return len(one.Rights) > 0 }) {
		_, _ = e.app.prospectOf(ctx, e.db.chain) // the plan is refused in any case
	}
	return refused
}

// checkPlaces refuses keys that are put together from two places, unless the operator has named
// the key to reach, or says on a terminal that these are the right ones.
func (e *engine) checkPlaces(ctx context.Context) error {
	refused := rotation.CheckPlaces(e.settings.CheckKeyPlaces(), e.request.KeyConfirmed)
	if refused == nil || !e.app.printer.Interactive() || e.app.globals.yes {
		return refused
	}
	e.app.printer.Line("%s.", refused.Error())
	for _, version := range e.ring.Versions() {
		key, _ := e.ring.Key(version)
		e.app.printer.Line("Key of version %d: %s", version, key.Fingerprint())
	}
	asking, answered := e.app.stop.Context(ctx)
	defer answered()
	return e.app.printer.Confirm(asking, ui.Question{Text: "Does ocmt validate show these fingerprints on the servers?"})
}

// askAboutEmptied asks about tables that held values and hold none, on a terminal and if nothing
// else stops the run. With a yes it makes the plan again, and the record keeps the answer.
func (e *engine) askAboutEmptied(ctx context.Context, plan *migrate.Plan) (*migrate.Plan, error) {
	if len(plan.Findings) == 0 || !e.app.printer.Interactive() || e.app.globals.yes ||
		slices.ContainsFunc(plan.Findings, func(f finding.Finding) bool { return f.Code != finding.EmptyTable }) {
		return plan, nil
	}
	for _, one := range plan.Findings {
		e.app.printer.Line("%s: %s.", one.Where, one.Message)
	}
	asking, answered := e.app.stop.Context(ctx)
	defer answered()
	err := e.app.printer.Confirm(asking, ui.Question{Text: "Is that right? The record keeps the answer."})
	if err != nil {
		return nil, err
	}
	e.request.AllowEmpty = true
	return e.plan(ctx)
}

// confirm asks before the first write.
func (e *engine) confirm(ctx context.Context, plan *migrate.Plan) error {
	asking, answered := e.app.stop.Context(ctx)
	defer answered()
	text := fmt.Sprintf("Move %s to version %d now?", ui.Count(plan.Pending(), "value", "values"), plan.Request.To)
	if plan.Request.RepairLabels {
		text = fmt.Sprintf("Move %s to version %d now, and those that are labelled wrongly?", ui.Count(plan.Pending(), "value", "values"), plan.Request.To)
	}
	return e.app.printer.Confirm(asking, ui.Question{Reversible: true, Text: text})
}
