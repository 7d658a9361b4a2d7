package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/ui"
)

// planOptions are the flags of ocmt migrate plan.
type planOptions struct {
	From versionFlag
	selectionOptions
	AllowDowngrade bool
	guardOptions
	Out   fileFlag // file to write
	Force bool     // replace the file
}

// Validate refuses options that contradict each other.
func (o *planOptions) Validate() error {
	if o.Force && o.Out == "" {
		return errors.New("--force is for --out, and there is none")
	}
	return firstError(o.guardOptions.Validate(), checkVersions(o.From, o.To))
}

func newMigratePlanCommand(app *App, run func(context.Context, *config.Settings, *planOptions) error) *cobra.Command {
	if run == nil {
		run = app.runMigratePlan
	}
	options := &planOptions{}
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what a run would do, and what would stop it",
		Long: `Count every encrypted value by key version, open a sample of each with the key
that is set for it, and look for what would stop a run: a wrong, swapped or
missing key, missing rights, a read-only server, a column too narrow, encrypted
values in columns that nothing lists. It writes nothing.

With --out the plan is also written into a file: ocmt migrate run --plan and
rotate --plan hold a run to it, and refuse where the database, its columns,
their triggers or the keys are others than it says.

` + describeDocument("migrate-plan"),
		Example: `  ocmt migrate plan
  ocmt migrate plan --from-version 0 --out plan.json`,
		Args: noArgs,
	}
	cmd.Flags().Var(&options.From, "from-version", "the key version to leave (default: every one below the version to reach)")
	options.selectionOptions.addFlags(cmd)
	cmd.Flags().BoolVar(&options.AllowDowngrade, "allow-downgrade", false, "reach a version older than that of the servers or of the values")
	options.guardOptions.addFlags(cmd)
	cmd.Flags().Var(&options.Out, "out", "also write the plan into this new file, mode 0600")
	cmd.Flags().BoolVar(&options.Force, "force", false, "replace the file")
	addLockTimeout(cmd)
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitFound, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

func (a *App) runMigratePlan(ctx context.Context, settings *config.Settings, options *planOptions) error {
	engine, err := a.newEngine(settings, engineRequest{selectionOptions: options.selectionOptions, guardOptions: options.guardOptions,
		From: options.From, AllowDowngrade: options.AllowDowngrade})
	if err != nil {
		return err
	}
	defer engine.close()
	plan, err := engine.plan(ctx)
	if err != nil {
		return err
	}
	around, err := engine.lookAround(ctx, plan)
	if err != nil {
		return causeOf(ctx, err)
	}
	printPlan(a.printer, plan, around)
	printBeside(a.printer, plan.Outline)
	if err := a.proposeRecord(ctx, engine.db.chain); err != nil {
		return causeOf(ctx, err)
	}
	written := newPlanDocument(plan, around)
	if options.Out != "" {
		if err := a.writePlan(options, written); err != nil {
			return err
		}
	}
	if err := a.printer.Document("migrate-plan", written); err != nil {
		return err
	}
	return foundObstacles(plan.Findings)
}
