package cli

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/internal/ui"
)

// finishOptions are the flags of ocmt rotate finish.
type finishOptions struct {
	From         versionFlag
	Store        storeFlag
	BackupsUntil dayFlag
	Escrow       escrowFlag
	NoEscrow     bool
	Evidence     fileFlag
	AllowEmpty   bool
	DryRun       bool
	proofOptions
}

// Validate refuses a file of evidence that its page could not stand beside, and two answers about the copy of the key.
func (o *finishOptions) Validate() error {
	switch {
	case o.Escrow != "" && o.NoEscrow:
		return errors.New("--escrow and --no-escrow exclude each other")
	case o.Escrow == rotation.EscrowOutput:
		return errors.New("--escrow names a file here, not standard output")
	}
	if o.Evidence != "" && !strings.HasSuffix(string(o.Evidence), evidenceSuffix) {
		return errors.New("--evidence takes a file whose name ends in .json; the page for people is written beside it, as .html")
	}
	return o.proofOptions.Validate()
}

// dayFlag is a flag that holds a day.
type dayFlag struct{ time.Time }

// Set reads a day.
func (f *dayFlag) Set(text string) error {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return formError("it must be a day in the form year-month-day, such as 2027-03-31")
	}
	f.Time = day
	return nil
}

// String returns the day, or nothing.
func (f *dayFlag) String() string {
	if f.IsZero() {
		return ""
	}
	return f.Format(time.DateOnly)
}

// Type names the kind of value in help texts.
func (f *dayFlag) Type() string { return "day" }

func newRotateFinishCommand(app *App, run func(context.Context, *config.Settings, *finishOptions) error) *cobra.Command {
	if run == nil {
		run = app.runRotateFinish
	}
	options := &finishOptions{}
	cmd := &cobra.Command{
		Use:   "finish",
		Short: "Take the old key away, once nothing needs it",
		Long: `Prove once more that every value opens with the new key alone, show on one value
that the old key no longer opens it, take ENCRYPTION_KEY_VN out of its store,
look whether it is gone, record it, and write the evidence.

It refuses (exit status 5) while the servers were not seen to write the new
version (ocmt rotate readiness), while a value is under the old one, while the
proof lacks anything, where the store, the settings and the record do not agree,
and where --backups-until is not said: a backup of the database from before the
rotation needs the old key, which must stay in its escrow until that day. Where
that day is to come and ocmt rotate begin has written no copy of this key into a
file, --escrow FILE or --no-escrow is needed.

It asks on a terminal, and needs --yes without one. Where it was cut off, the
same command goes on. With --store it takes a retired key out of one more place.

` + describeDocument("rotate-finish"),
		Example: `  ocmt rotate finish --backups-until 2027-03-31 --dry-run
  ocmt rotate finish --backups-until 2027-03-31 --escrow /media/offline/key-v0
  ocmt rotate finish --backups-until 2027-03-31 --evidence rotation-2026-4.json
  ocmt rotate finish --backups-until 2027-03-31 --store /etc/ocmt/.env --yes`,
		Args: noArgs,
	}
	flags := cmd.Flags()
	flags.Var(&options.From, "from-version", "the key version to take away (default: the only one that is only read with)")
	flags.Var(&options.Store, "store", "where the key is, as envfile:PATH or dir:PATH (default: the env file of the settings)")
	markEnvFileStore(flags)
	flags.Var(&options.BackupsUntil, "backups-until", "the day until which a backup of the database may need the key (needed)")
	flags.Var(&options.Escrow, "escrow", "the file with a copy of the old key, which is compared; the key is written into a new one, mode 0600, before it is taken away")
	flags.BoolVar(&options.NoEscrow, "no-escrow", false, "say, for the record, that a copy of the old key is kept elsewhere")
	flags.Var(&options.Evidence, "evidence", "write the evidence into this new file, NAME.json, and as a page for people beside it, NAME.html")
	flags.BoolVar(&options.DryRun, "dry-run", false, "prove everything, and take nothing away")
	options.addFlags(cmd)
	addAllowEmptyFlag(cmd, &options.AllowEmpty)
	addPaceFlags(cmd)
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

func (a *App) runRotateFinish(ctx context.Context, settings *config.Settings, options *finishOptions) error {
	store, err := a.openKeyStore(settings, options.Store)
	if err != nil {
		return err
	}
	engine, err := a.newEngine(settings, engineRequest{guardOptions: guardOptions{AllowEmpty: options.AllowEmpty}, Search: options.depth()})
	if err != nil {
		return err
	}
	defer engine.close()
	err = engine.underLock(ctx, func(ctx context.Context) error {
		finish := &finishing{engine: engine, options: options, store: store, record: engine.db.record}
		if options.DryRun {
			finish.store, finish.record, finish.retirer = &dryStore{Store: store, taken: map[string]bool{}}, dryFinishRecord{engine.db.record}, noRetirer{}
		} else {
			finish.retirer, finish.record = tellingRetirer{engine.db.record, finish}, tellingFinishRecord{engine.db.record, finish}
		}
		return finish.run(ctx)
	})
	return explainFinishLock(err)
}

// finishing is one run of ocmt rotate finish.
type finishing struct {
	engine  *engine
	options *finishOptions
	store   secretstore.Store
	record  rotation.FinishRecord
	retirer rotation.Retirer
	// tellRecord says once, before the first change, that the tool's own record is made.
	tellRecord func()
	// planned is what a dry run would do about a copy of the key.
	planned *rotation.KeyEscrow
}

func (f *finishing) run(ctx context.Context) error {
	app, settings := f.engine.app, f.engine.settings
	tell, err := app.lookAtRecord(ctx, f.engine.db.chain)
	if err != nil {
		return err
	}
	f.tellRecord = sync.OnceFunc(tell)
	finisher := rotation.Finisher{Record: f.record, Store: f.store, Prove: f.prove, Look: f.engine.lookAtLabels, OpenEscrow: f.openEscrow, Confirm: f.confirm}
	finished, err := finisher.Finish(ctx, rotation.FinishRequest{Version: f.options.From.pointer(), BackupsUntil: f.options.BackupsUntil.Time,
		Escrow: string(f.options.Escrow), NoEscrow: f.options.NoEscrow, Settings: placementOf(settings), Operator: settings.Operator, Host: app.deps.Host})
	f.engine.app.tellStore(f.store)
	if err != nil {
		return err
	}
	document := finishDocument{DryRun: f.options.DryRun, Resumed: finished.Resumed, Evidence: *finished.Evidence, Files: []string{}}
	if f.planned != nil {
		document.Evidence.Escrow = *f.planned
	}
	if f.options.Evidence != "" && !f.options.DryRun {
		if document.Files, err = app.writeEvidence(string(f.options.Evidence), finished.Evidence); err != nil {
			return err
		}
	}
	f.print(finished, document.Files)
	return app.printer.Document("rotate-finish", document)
}

// prove plans a run that has nothing to move, and proves what ocmt rotate proves behind one.
func (f *finishing) prove(ctx context.Context, from, _ int) (*rotation.FinishProof, error) {
	e := f.engine
	e.request.From = &from
	plan, err := e.plan(ctx)
	if err != nil {
		return nil, err
	}
	if err := plan.Refusal(); err != nil {
		return nil, err
	}
	if plan.Pending() > 0 {
		return &rotation.FinishProof{Plan: plan, Proof: &rotation.Proof{}}, nil
	}
	prover := rotation.Prover{Verify: e.verify, Search: e.search, Record: f.retirer}
	proof, err := prover.Prove(ctx, plan, &migrate.Result{})
	if err != nil {
		return nil, err
	}
	e.app.printer.Line("%s with %s alone.", ui.Count(proof.Verification.Opened, "value opens", "values open"), keyOfVersion(plan.Request))
	printVerification(e.app.printer, plan.Request, proof.Verification)
	printSearch(e.app.printer, proof.Search)
	e.app.doing("trying the old key on one value")
	trial, err := rotation.TryOldKey(ctx, e.db.tables, plan.Tables, e.ring, from)
	if err != nil {
		return nil, err
	}
	return &rotation.FinishProof{Plan: plan, Proof: proof, Trial: trial}, nil
}

// confirm asks before the key is taken away. A dry run takes nothing away.
func (f *finishing) confirm(ctx context.Context, evidence *rotation.Evidence) error {
	place, err := describePlace(ctx, f.engine.db.DB)
	if err != nil {
		return err
	}
	f.engine.app.printer.Line("\n%s", place)
	printEvidence(f.engine.app.printer, evidence)
	if f.options.DryRun {
		planned := evidence.Escrow
		f.planned = &planned
		return nil
	}
	if err := f.engine.app.checkEvidence(string(f.options.Evidence), evidence); err != nil {
		return err
	}
	asking, answered := f.engine.app.stop.Context(ctx)
	defer answered()
	err = f.engine.app.printer.Confirm(asking, ui.Question{Text: "Take " + rotation.SettingOf(evidence.Version) + " out of " + f.store.Place() + "?"})
	if err == nil {
		f.engine.app.doing("taking the old key away")
		f.tellRecord()
	}
	return err
}
