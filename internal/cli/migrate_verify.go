package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/ui"
)

// verifyOptions are the flags of ocmt migrate verify.
type verifyOptions struct {
	selectionOptions
	AllowEmpty bool
	proofOptions
}

func newMigrateVerifyCommand(app *App, run func(context.Context, *config.Settings, *verifyOptions) error) *cobra.Command {
	if run == nil {
		run = app.runMigrateVerify
	}
	options := &verifyOptions{}
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Open every value with the current key alone",
		Long: `Open every encrypted value with the key of the current version (or --to-version)
and no other, and list what does not open. Then look through every other column
for values that nothing lists; of tables above 256 MiB, or 1 GiB in all, through
a sample, unless --search full says otherwise. It writes nothing. Status 0 means
that every value of the listed columns opens with it, and that nothing else was
found; with --table or --column, that every value of those does.

A transaction that has written to the tables and not ended hides what it wrote.
The command waits for it, up to the statement timeout, and then gives no proof.

` + describeDocument("migrate-verify"),
		Example: `  ocmt migrate verify
  ocmt migrate verify --output json`,
		Args: noArgs,
	}
	options.selectionOptions.addFlags(cmd)
	options.proofOptions.addFlags(cmd)
	addAllowEmptyFlag(cmd, &options.AllowEmpty)
	addLockTimeout(cmd)
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitFound, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

func (a *App) runMigrateVerify(ctx context.Context, settings *config.Settings, options *verifyOptions) error {
	engine, err := a.newEngine(settings, engineRequest{selectionOptions: options.selectionOptions,
		guardOptions: guardOptions{AllowEmpty: options.AllowEmpty}, AllowDowngrade: true, Search: options.depth()})
	if err != nil {
		return err
	}
	defer engine.close()
	found, err := engine.verify(ctx, engine.request)
	if err != nil {
		return err
	}
	var report *discover.Report
	if engine.request.Search != "" && len(found.Obstacles) == 0 && !found.Narrowed {
		if report, err = engine.search(ctx, rotation.WaitOnce(engine.request, found), found, nil); err != nil {
			return err
		}
	}
	verdict := rotation.JudgeVerification(engine.request, found, report)
	printVerdict(a.printer, engine.request, verdict, keyOfVersion(engine.request))
	printVerification(a.printer, engine.request, found)
	printSearch(a.printer, report)
	printUnproven(a.printer, rotation.FindUnproven(engine.request, found, report))
	if err := a.printer.Document("migrate-verify", newVerifyDocument(engine.request, found, report)); err != nil {
		return err
	}
	return endOf(engine.request, verdict, engine.nameCause(ctx, found, rotation.CheckProven(engine.request, found, report)))
}
