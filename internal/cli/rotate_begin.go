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

// beginOptions are the flags of ocmt rotate begin.
type beginOptions struct {
	Store      storeFlag
	Escrow     escrowFlag
	NoEscrow   bool
	FromEscrow inputFlag
	Abandon    bool
	AllowEmpty bool
	DryRun     bool
}

// escrowFlag is a flag that names a new file for a key, or standard output as "-".
type escrowFlag string

// Set takes any name but the empty one.
func (f *escrowFlag) Set(name string) error {
	if name == "" {
		return errNoName
	}
	*f = escrowFlag(name)
	return nil
}

// String returns the name.
func (f *escrowFlag) String() string { return string(*f) }

// Type names the kind of value in help texts.
func (f *escrowFlag) Type() string { return "file" }

// Validate refuses two answers to one question.
func (o *beginOptions) Validate() error {
	said := 0
	for _, one := range []bool{o.Escrow != "", o.NoEscrow, o.FromEscrow != "", o.Abandon} {
		if one {
			said++
		}
	}
	switch {
	case said > 1:
		return errors.New("--escrow, --no-escrow, --from-escrow and --abandon exclude each other")
	case o.FromEscrow == "-":
		return errors.New("--from-escrow names the file of an offline copy, not standard input")
	}
	return nil
}

func newRotateBeginCommand(app *App, run func(context.Context, *config.Settings, *beginOptions) error) *cobra.Command {
	if run == nil {
		run = app.runRotateBegin
	}
	options := &beginOptions{}
	cmd := &cobra.Command{
		Use:   "begin --escrow FILE",
		Short: "Make a new key and put it in place",
		Long: `Make a new encryption key, write an offline copy of it, record it, and put it
into the store: ENCRYPTION_KEY_VN has the old key then, ENCRYPTION_KEY the new
one, ENCRYPTION_KEY_VERSION its number. The new key is shown nowhere but in the
offline copy; its fingerprint is.

It refuses while an earlier rotation is unfinished, where store and settings
differ, and where the key that is set does not open the values of the database.

Killed at any step, it goes on when it is run again, on any machine: from the
store, or from the offline copy with --from-escrow. With the same flag it puts
the key into one more store, where servers have stores of their own.

` + describeDocument("rotate-begin"),
		Example: `  ocmt rotate begin --escrow /media/offline/ocmt-key-v1
  ocmt rotate begin --escrow - | gpg --encrypt -r ops > key-v1.gpg
  ocmt rotate begin --from-escrow /media/offline/ocmt-key-v1
  ocmt rotate begin --abandon`,
		Args: noArgs,
	}
	flags := cmd.Flags()
	addStoreFlags(flags, &options.Store)
	flags.Var(&options.Escrow, "escrow", "write the offline copy of the new key into this new file, mode 0600; - for standard output, and nothing else goes there")
	flags.BoolVar(&options.NoEscrow, "no-escrow", false, "make no offline copy: without the store the values of the database are lost")
	flags.Var(&options.FromEscrow, "from-escrow", "go on with the key in this file, which an earlier begin has written")
	flags.BoolVar(&options.Abandon, "abandon", false, "give up the version that was begun and is not in place")
	addAllowEmptyFlag(cmd, &options.AllowEmpty)
	flags.BoolVar(&options.DryRun, "dry-run", false, "only say what would be done")
	addPaceFlags(cmd)
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitPartial, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

func (a *App) runRotateBegin(ctx context.Context, settings *config.Settings, options *beginOptions) error {
	if options.Escrow == rotation.EscrowOutput && a.printer.JSON() {
		return &ui.Error{Message: "--escrow - gives standard output to the key, and the JSON document goes there too", Code: ui.ExitUsage,
			Hints: []string{"name a file, or leave --output json out"}}
	}
	if options.Escrow == rotation.EscrowOutput && a.deps.Streams.OutTTY {
		return &ui.Error{Message: "--escrow - would show the key on the screen, where it stays: standard output is a terminal", Code: ui.ExitUsage,
			Hints: []string{"name a file, or pipe it into a program that encrypts it: ocmt rotate begin --escrow - | gpg --encrypt -r ops > key.gpg"}}
	}
	a.isOutputTaken = options.Escrow == rotation.EscrowOutput
	work, err := a.newBeginning(settings, options)
	if err != nil {
		return err
	}
	defer work.engine.close()
	err = work.engine.underLock(ctx, func(ctx context.Context) error {
		if options.Abandon {
			return work.abandon(ctx)
		}
		return work.begin(ctx)
	})
	return carryStoreInError(err, options.Store)
}

// beginning is one run of ocmt rotate begin.
type beginning struct {
	app      *App
	settings *config.Settings
	options  *beginOptions
	engine   *engine
	beginner rotation.Beginner
}

// newBeginning puts together what begin works with. It dials nothing.
func (a *App) newBeginning(settings *config.Settings, options *beginOptions) (*beginning, error) {
	db, err := a.openDatabase(settings)
	if err != nil {
		return nil, err
	}
	store, err := a.openKeyStore(settings, options.Store)
	if err != nil {
		return nil, err
	}
	engine := a.newEngineOn(settings, db, engineRequest{guardOptions: guardOptions{AllowEmpty: options.AllowEmpty}})
	work := &beginning{app: a, settings: settings, options: options, engine: engine}
	kind, _ := secret.Lookup("encryption")
	work.beginner = rotation.Beginner{Record: db.record, Store: store, Look: engine.lookAtLabels, CheckKeys: work.checkKeys,
		Make: func() (secret.Value, error) { return makeSecret(kind, a.deps.Random) }}
	switch {
	case options.FromEscrow != "":
		work.beginner.Escrow = &escrowFile{app: a, name: string(options.FromEscrow), there: true, adviseOther: adviseBegin}
		work.beginner.Known, err = a.readEscrow(string(options.FromEscrow))
	case options.Escrow == rotation.EscrowOutput:
		work.beginner.Escrow = &escrowOutput{a}
	case options.Escrow != "":
		work.beginner.Escrow = &escrowFile{app: a, name: string(options.Escrow), adviseOther: adviseBegin}
	}
	return work, err
}

// begin plans, asks, and begins.
func (b *beginning) begin(ctx context.Context) error {
	asking, answered := b.app.stop.Context(ctx)
	defer answered()
	b.app.doing("looking at the keys and at what the servers write")
	plan, err := b.beginner.Plan(asking, rotation.BeginRequest{Settings: placementOf(b.settings), EscrowDecided: b.options.Escrow != "" || b.options.NoEscrow,
		Operator: b.settings.Operator, Host: b.app.deps.Host})
	if err != nil {
		return causeOf(asking, err)
	}
	place, err := describePlace(asking, b.engine.db.DB)
	if err != nil {
		return causeOf(asking, err)
	}
	b.say("%s", place)
	b.printPlan(plan)
	if b.options.DryRun || plan.Placed && plan.Recorded() {
		return b.app.printer.Document("rotate-begin", newBeginDocument(plan, b))
	}
	tell, err := b.app.lookAtRecord(asking, b.engine.db.chain)
	if err != nil {
		return causeOf(asking, err)
	}
	question := ui.Question{Text: "Put the key of version " + versionText(plan.To) + " in place?", Reversible: true}
	if err := b.app.printer.Confirm(asking, question); err != nil {
		return err
	}
	tell()
	b.app.doing("putting the new key in place")
	err = b.beginner.Begin(ctx, plan)
	b.app.tellStore(b.beginner.Store)
	if err != nil {
		return withCause(ctx, err)
	}
	b.printBegun(plan)
	return b.app.printer.Document("rotate-begin", newBeginDocument(plan, b))
}

// withCause says why the work was cut off, where it was, and keeps the step that it came to.
func withCause(ctx context.Context, err error) error {
	var failed *rotation.BeginError
	if !errors.As(err, &failed) {
		return causeOf(ctx, err)
	}
	return &rotation.BeginError{Step: failed.Step, Plan: failed.Plan, Err: causeOf(ctx, failed.Err)}
}

// abandon gives up the version that was begun and is not in place.
func (b *beginning) abandon(ctx context.Context) error {
	asking, answered := b.app.stop.Context(ctx)
	defer answered()
	pending, look, err := b.beginner.PlanAbandon(asking, placementOf(b.settings))
	if err != nil {
		return causeOf(asking, err)
	}
	b.printAbandoned(pending, look)
	written := beginDocument{DryRun: b.options.DryRun, From: pending.Begun.From, To: pending.Version, Fingerprint: pending.Fingerprint,
		Store: b.beginner.Store.Place(), Escrow: pending.Begun.Escrow, TakenUp: true, Restart: []string{}, Values: look.Columns, Next: []rotation.Step{}}
	if b.options.DryRun {
		return b.app.printer.Document("rotate-begin", written)
	}
	tell, err := b.app.lookAtRecord(asking, b.engine.db.chain)
	if err != nil {
		return causeOf(asking, err)
	}
	question := ui.Question{Text: "Give version " + versionText(pending.Version) + " up? Its number is given to no other key."}
	if err := b.app.printer.Confirm(asking, question); err != nil {
		return err
	}
	tell()
	if err := b.beginner.Abandon(ctx, placementOf(b.settings), pending); err != nil {
		return causeOf(ctx, err)
	}
	b.say("Version %d is given up.", pending.Version)
	written.Abandoned = true
	return b.app.printer.Document("rotate-begin", written)
}
