package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// say writes a line for people. Where standard output takes the key, it goes to standard error.
func (b *beginning) say(format string, args ...any) {
	if b.app.isOutputTaken {
		b.app.printer.Note(format, args...)
		return
	}
	b.app.printer.Line(format, args...)
}

// printPlan says what stands where, and what will happen.
func (b *beginning) printPlan(plan *rotation.BeginPlan) {
	place := ui.Clean(plan.Store.Place)
	switch {
	case plan.Placed && plan.Recorded():
		b.say("Nothing to do: version %d, fingerprint %s, is active, and in place in %s.", plan.To, plan.Made, place)
		return
	case plan.Recorded():
		b.say("Version %d, fingerprint %s, is active already. Its key goes into %s.", plan.To, plan.Made, place)
		return
	case plan.Placed:
		b.say("Version %d, fingerprint %s, is in place in %s, and is to be recorded as active.", plan.To, plan.Made, place)
		return
	case plan.TakenUp != nil:
		b.say("Version %d, fingerprint %s, was begun by %s on %s. Its key goes into %s.", plan.To, plan.Made,
			ui.Clean(plan.TakenUp.Begun.Operator), ui.Clean(plan.TakenUp.Begun.Host), place)
		return
	}
	b.say("Version %d, fingerprint %s, is the only key in use. It opens what was tried, and %s labelled with it.", plan.From, plan.Before,
		ui.Count(plan.Look.Labels()[plan.From], "value is", "values are"))
	b.say("A new key becomes version %d:", plan.To)
	b.say("  %s", b.escrowText())
	b.say("  it is recorded as pending in encryption_keys")
	b.say("  %s gets it: %s the new key, %s the old one, %s=%d", place,
		secret.NameEncryptionKey, rotation.SettingOf(plan.From), secret.NameEncryptionKeyVersion, plan.To)
	b.say("  it is recorded as active")
}

// escrowText says what becomes of the offline copy.
func (b *beginning) escrowText() string {
	switch {
	case b.beginner.Known.IsSet():
		return "its offline copy is there: " + ui.Clean(string(b.options.FromEscrow))
	case b.options.NoEscrow:
		return "no offline copy is made: if the store is lost, so is every value under it"
	case b.options.Escrow == rotation.EscrowOutput:
		return "its offline copy goes to standard output"
	}
	return "its offline copy goes into the new file " + ui.Clean(string(b.options.Escrow))
}

// printBegun says what happened, and what is next.
func (b *beginning) printBegun(plan *rotation.BeginPlan) {
	b.say("\n%s", b.app.printer.Paint(ui.Good, fmt.Sprintf("Done. Version %d, fingerprint %s, is in place in %s, which was read back.", plan.To, plan.Made, ui.Clean(plan.Store.Place))))
	if plan.TakenUp == nil && b.options.Escrow != "" && b.options.Escrow != rotation.EscrowOutput {
		b.say("Wrote the offline copy to %s (mode 0600), and read it back.", ui.Clean(string(b.options.Escrow)))
	}
	if plan.TakenUp == nil && b.options.Escrow == rotation.EscrowOutput {
		b.say("Wrote the offline copy to standard output. What became of it there was not looked at.")
	}
	if plan.TakenUp != nil && b.options.Escrow != "" {
		b.say("The key was made before, and nothing was written to the place of --escrow.")
	}
	kind, _ := secret.Lookup("encryption")
	b.say("\nRestart every %s server that shares the database, close together: %s. One on version %d cannot read what another writes under version %d.",
		strings.Join(restartNames(kind.Change), " and "), kind.Change.Why, plan.From, plan.To)
	for _, name := range []string{secret.NameEncryptionKey, secret.NameEncryptionKeyVersion} {
		if source := b.settings.Source(name); source.Kind == config.FromEnvironment || source.Kind == config.FromSecretFile {
			b.app.printer.Warn("%s comes from the %s here, which goes before the store: take it out, or this process goes on with the old one", name, source.String())
		}
	}
	if file := b.escrowName(plan); file != "" {
		b.say("A server with a store of its own needs the key there too: run ocmt rotate begin --from-escrow %s on its machine.", ui.Clean(file))
	}
	b.printSteps(carryStoreInSteps(plan.Next(), b.options.Store))
}

// escrowName returns the file of the offline copy, "" where it is not known.
func (b *beginning) escrowName(plan *rotation.BeginPlan) string {
	switch {
	case b.options.FromEscrow != "":
		return string(b.options.FromEscrow)
	case plan.TakenUp == nil && b.options.Escrow != rotation.EscrowOutput:
		return string(b.options.Escrow)
	}
	return ""
}

// printAbandoned says what is given up, and what was looked at.
func (b *beginning) printAbandoned(pending *rotation.RecordedKey, look *rotation.Look) {
	begun := pending.Begun
	b.say("Version %d, fingerprint %s, was begun by %s on %s, for %s, and is pending.", pending.Version, pending.Fingerprint,
		ui.Clean(begun.Operator), ui.Clean(begun.Host), ui.Clean(begun.Store))
	b.say("%s does not have its key, and no value of %s is labelled with it. Other places were not looked at.",
		ui.Clean(b.beginner.Store.Place()), ui.Count(int64(len(look.Columns)), "encrypted column", "encrypted columns"))
}

// printSteps says what is next.
func (b *beginning) printSteps(steps []rotation.Step) {
	for _, step := range steps {
		b.say("%s", stepText(step))
	}
}

// stepText returns a step in one line.
func stepText(step rotation.Step) string {
	if step.Command == "" {
		return "next: " + ui.Clean(step.Text)
	}
	return "next: " + ui.Clean(step.Command) + "   (" + ui.Clean(step.Text) + ")"
}

// restartNames returns the names of the components that must restart after a change.
func restartNames(change secret.Change) []string {
	names := make([]string, 0, len(change.Restart))
	for _, one := range change.Restart {
		names = append(names, string(one))
	}
	return slices.Compact(names)
}
