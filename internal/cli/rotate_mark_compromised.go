package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/ui"
)

// markCompromisedOptions are the flags of ocmt rotate mark-compromised.
type markCompromisedOptions struct {
	Version versionFlag
	Note    string
	DryRun  bool
}

// Validate needs a version.
func (o *markCompromisedOptions) Validate() error {
	if !o.Version.set {
		return errors.New("--key-version is needed: the version whose key somebody else may have")
	}
	return checkNote(o.Note)
}

func newRotateMarkCompromisedCommand(app *App, run func(context.Context, *config.Settings, *markCompromisedOptions) error) *cobra.Command {
	if run == nil {
		run = app.runRotateMarkCompromised
	}
	options := &markCompromisedOptions{}
	cmd := &cobra.Command{
		Use:   "mark-compromised --key-version N",
		Short: "Record that somebody else may have an encryption key",
		Long: `Record that somebody else may have the key of version N. The record keeps that
for ever, and ocmt rotate status says it. A version that servers still write
with stays active until ocmt rotate begin has put another one in its place; then
it is compromised instead of decrypt-only, and ocmt rotate finish takes it away
in the same way.

It changes no key and no value: the servers go on with the key. On a terminal it
asks first; without one it goes on. A note that has the value of a setting's
secret in it, or what looks like a secret, is refused (exit status 5).

` + describeDocument("rotate-mark-compromised"),
		Example: `  ocmt rotate mark-compromised --key-version 0
  ocmt rotate mark-compromised --key-version 0 --note 'in an image'`,
		Args: noArgs,
	}
	cmd.Flags().Var(&options.Version, "key-version", "the key version that is compromised (needed)")
	cmd.Flags().StringVar(&options.Note, "note", "", "what whoever reads the entry should know; no secret")
	cmd.Flags().BoolVar(&options.DryRun, "dry-run", false, "only say what would be recorded")
	addLockTimeout(cmd)
	cmd.RunE = runWithSettings(app, options, run)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage, ui.ExitRefused, ui.ExitInterrupted)
	return cmd
}

func (a *App) runRotateMarkCompromised(ctx context.Context, settings *config.Settings, options *markCompromisedOptions) error {
	if err := a.checkReported(settings, &auditRecordOptions{Note: options.Note}); err != nil {
		return err
	}
	db, err := a.openDatabase(settings)
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := a.stop.Context(ctx)
	defer cancel()
	return causeOf(ctx, a.markCompromised(ctx, settings, db, options))
}

// markCompromised says what is to be recorded, asks, and records it.
func (a *App) markCompromised(ctx context.Context, settings *config.Settings, db *database, options *markCompromisedOptions) error {
	keys, err := db.record.KeyStates(ctx)
	if err != nil {
		return err
	}
	mark, err := rotation.MarkCompromised(keys, placementOf(settings), options.Version.number)
	if errors.Is(err, rotation.ErrUnknownVersion) {
		return &ui.Error{Message: fmt.Sprintf("there is no key version %d: no key of it is set here, and the record has none", mark.Version), Code: ui.ExitUsage,
			Hints: []string{"ocmt rotate status lists the versions that there are"}}
	}
	if err != nil {
		return err
	}
	mark.Operator, mark.Host, mark.Note = settings.Operator, a.deps.Host, options.Note
	written := markCompromisedDocument{DryRun: options.DryRun, Version: mark.Version, Fingerprint: mark.Fingerprint, State: mark.State, Note: mark.Note}
	if mark.IsRecorded() {
		written.Already = true
		if !mark.Since.IsZero() {
			written.Compromised = chain.FormatTime(mark.Since)
		}
		a.printer.Line("Nothing to do: version %d is recorded as compromised already.", mark.Version)
		return a.printer.Document("rotate-mark-compromised", written)
	}
	a.printer.Line("Somebody else may have the key of version %d, fingerprint %s: that is to be recorded.", mark.Version, mark.Fingerprint)
	if options.DryRun {
		return a.printer.Document("rotate-mark-compromised", written)
	}
	return a.recordCompromised(ctx, db, mark, written)
}

// recordCompromised asks, records, and says what is next.
func (a *App) recordCompromised(ctx context.Context, db *database, mark rotation.CompromisedMark, written markCompromisedDocument) error {
	tell, err := a.lookAtRecord(ctx, db.chain)
	if err != nil {
		return err
	}
	if err := a.printer.Confirm(ctx, ui.Question{Reversible: true, Text: "Record it? The entry stays for ever."}); err != nil {
		return err
	}
	tell()
	if err := db.record.RecordCompromised(ctx, mark); err != nil {
		return err
	}
	keys, err := db.record.KeyStates(ctx)
	if err != nil {
		return err
	}
	if key := rotation.KeyOf(keys, mark.Version); key != nil {
		written.State, written.Compromised = key.State, chain.FormatTime(key.Compromised)
	}
	a.printer.Line("Version %d is recorded as compromised. %s", mark.Version, compromisedReach)
	printStep(a.printer, rotation.Step{Command: "ocmt rotate status", Text: "says what is next"})
	return a.printer.Document("rotate-mark-compromised", written)
}

// compromisedReach says what whoever has a key can do with it.
const compromisedReach = "Whoever has such a key can open what was sealed with it, also in backups of the database; a new key does not undo that."

// warnOfCompromised warns where values are to be brought under a key that somebody else may have.
func (e *engine) warnOfCompromised(ctx context.Context, version int) {
	keys, err := e.db.record.KeyStates(ctx)
	if err != nil {
		return // the run itself says what is wrong with the record
	}
	if key := rotation.KeyOf(keys, version); key != nil && (key.State == rotation.Compromised || !key.Compromised.IsZero()) {
		e.app.printer.Warn("version %d is recorded as compromised: somebody else may have its key", version)
	}
}
