package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// putBackOptions are the flags of ocmt rotate put-back.
type putBackOptions struct {
	To     versionFlag
	Store  storeFlag
	DryRun bool
}

// Validate needs a version.
func (o *putBackOptions) Validate() error {
	if !o.To.set {
		return errors.New("--to-version is needed: the key version that servers are to write with again")
	}
	return nil
}

func newRotatePutBackCommand(app *App, run func(context.Context, *config.Settings, *putBackOptions) error) *cobra.Command {
	if run == nil {
		run = app.runRotatePutBack
	}
	options := &putBackOptions{}
	cmd := &cobra.Command{
		Use:   "put-back --to-version N",
		Short: "Put an older key back in place after a rollback",
		Long: `After ocmt rotate rollback, change the store so that servers write with version
N again: ENCRYPTION_KEY has its key then, ENCRYPTION_KEY_VERSION is N, and the
newer key stands under its own number, so that the rollback can be run once
more. An env file is changed in one write, a folder one file after the other:
cut off in between, it goes on when it is run again. It refuses a version that
no rollback has brought the values to.

` + describeDocument("rotate-put-back"),
		Example: `  ocmt rotate put-back --to-version 0 --dry-run
  ocmt rotate put-back --to-version 0`,
		Args: noArgs,
	}
	cmd.Flags().Var(&options.To, "to-version", "the key version that servers are to write with again (needed)")
	addStoreFlags(cmd.Flags(), &options.Store)
	cmd.Flags().BoolVar(&options.DryRun, "dry-run", false, "only say what would be done")
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitPartial, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

func (a *App) runRotatePutBack(ctx context.Context, settings *config.Settings, options *putBackOptions) error {
	db, err := a.openDatabase(settings)
	if err != nil {
		return err
	}
	store, err := a.openKeyStore(settings, options.Store)
	if err != nil {
		return err
	}
	engine := a.newEngineOn(settings, db, engineRequest{})
	defer engine.close()
	putter := rotation.PutBacker{Record: db.record, Store: store, Look: engine.lookAtLabels}
	return engine.underLock(ctx, func(ctx context.Context) error { return engine.putBack(ctx, putter, options) })
}

// putBack plans, asks, and changes the store.
func (e *engine) putBack(ctx context.Context, putter rotation.PutBacker, options *putBackOptions) error {
	asking, answered := e.app.stop.Context(ctx)
	defer answered()
	plan, err := putter.Plan(asking, options.To.number)
	if err != nil {
		return causeOf(asking, err)
	}
	e.printPutBack(plan)
	kind, _ := secret.Lookup("encryption")
	written := putBackDocument{DryRun: options.DryRun, To: plan.To, From: plan.From, Store: plan.Store.Place, Placed: plan.Done, Newer: plan.Newer,
		Restart: restartNames(kind.Change), Next: plan.Next()}
	if plan.Done || options.DryRun {
		return e.app.printer.Document("rotate-put-back", written)
	}
	tell, err := e.app.lookAtRecord(asking, e.db.chain)
	if err != nil {
		return causeOf(asking, err)
	}
	if err := e.app.printer.Confirm(asking, ui.Question{Text: "Put the key of version " + versionText(plan.To) + " back in place?", Reversible: true}); err != nil {
		return err
	}
	tell()
	err = putter.PutBack(ctx, plan)
	e.app.tellStore(putter.Store)
	if err != nil {
		return causeOf(ctx, err)
	}
	written.Placed = true
	e.app.printer.Line("\nVersion %d is in place again, and the store was read back. Restart every management server that shares the database: %s.", plan.To, kind.Change.Why)
	for _, step := range plan.Next() {
		e.app.printer.Line("%s", stepText(step))
	}
	return e.app.printer.Document("rotate-put-back", written)
}

// printPutBack says what stands where, and what will happen.
func (e *engine) printPutBack(plan *rotation.PutBackPlan) {
	place := ui.Clean(plan.Store.Place)
	if plan.Done {
		e.app.printer.Line("Nothing to do: %s has the key of version %d as the one to write with.", place, plan.To)
		return
	}
	e.app.printer.Line("%s writes with version %d. Version %d is active in the record, and %s labelled with a newer one.", place, plan.From, plan.To,
		ui.Count(plan.Newer, "value is", "values are"))
	e.app.printer.Line("%s gets the key of version %d, %s that of version %d, and %s=%d is set.", secret.NameEncryptionKey, plan.To,
		rotation.SettingOf(plan.From), plan.From, secret.NameEncryptionKeyVersion, plan.To)
}
