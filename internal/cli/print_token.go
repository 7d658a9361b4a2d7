package cli

import (
	"context"
	"strings"

	"github.com/ocmt/ocmt/internal/secretstore/openclaw"
	"github.com/ocmt/ocmt/internal/secretstore/securefile"
	"github.com/ocmt/ocmt/internal/token"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// describePlaces puts what the places hold into the document.
func (r *tokenRotation) describePlaces(plan *token.Plan) {
	for i, holder := range r.holders {
		r.document.Places = append(r.document.Places, tokenPlace{Place: holder.Store.Place(), Setting: holder.Setting, Component: string(holder.Component), Before: plan.Before[i]})
	}
	r.document.OldFingerprint = r.kind.Fingerprint(plan.Old.Reveal())
	if !r.options.DryRun {
		r.document.Fingerprint = r.kind.Fingerprint(plan.New.Reveal())
	}
}

// printPlan says where the token stands, and what a new one costs.
func (r *tokenRotation) printPlan(ctx context.Context, plan *token.Plan) error {
	printer := r.app.printer
	table := ui.Table{Columns: []ui.Column{{Title: "OF"}, {Title: "SETTING"}, {Title: "PLACE", Flexible: true}, {Title: "HAS", Wrap: true}}}
	for i, holder := range r.holders {
		table.Rows = append(table.Rows, ui.Row(string(holder.Component), holder.Setting, ui.Clean(holder.Store.Place()), describeContent(plan.Before[i])))
	}
	printer.Line("The %s:", r.kind.Label)
	printer.Table(table)
	if r.document.OldFingerprint != "" {
		printer.Line("The old one has the fingerprint %s.", r.document.OldFingerprint)
	}
	if r.gateway != nil {
		state, err := r.gateway.State(ctx)
		if err != nil {
			return err
		}
		if state == openclaw.Empty {
			printer.Warn("gateway.auth.token is empty in the file, and an empty one wins over the environment; it gets the new token")
		}
	}
	printer.Line("What ends: %s.", r.kind.Change.Ends)
	return nil
}

// describeContent says what a place holds, for a table.
func describeContent(content token.Content) string {
	switch content {
	case token.New:
		return "the new one"
	case token.None:
		return "none; it gets one"
	case token.Old, token.Another, token.Unread:
	}
	return "the old one"
}

// printDryRun says what would be done.
func (r *tokenRotation) printDryRun(plan *token.Plan) {
	r.app.printer.Heading("Dry run")
	if plan.IsWritten() {
		r.app.printer.Line("Every place has the new token already; the record would get the entry that is missing. Nothing was written.")
		return
	}
	r.app.printer.Line("The places were read and compared, and would get the new token. Nothing was written.")
	r.printRestart()
}

// printRestart says who must restart, and why.
func (r *tokenRotation) printRestart() {
	names := make([]string, len(r.kind.Change.Restart))
	for i, component := range r.kind.Change.Restart {
		names[i] = string(component)
	}
	text := "Restart " + strings.Join(names, ", ")
	if len(names) > 1 {
		text += ", close together"
	}
	r.app.printer.Line("%s", text+": "+r.kind.Change.Why+".")
}

// printWritten says what was written, and who must restart.
func (r *tokenRotation) printWritten(plan *token.Plan) {
	printer := r.app.printer
	printer.Heading("Written")
	printer.Line("The new token, with the fingerprint %s, is in %s, and was read back.", r.document.Fingerprint, ui.Count(int64(len(plan.Holders)), "place", "places"))
	r.printRestart()
}

// printUnproven says that nothing is proven, and how it can be.
func (r *tokenRotation) printUnproven() {
	if r.options.ProvenLater {
		r.app.printer.Line("Nothing is proven yet: no server was asked. That follows after the restart, with --restarted.")
		return
	}
	r.app.printer.Line("Nothing was proven: no server was asked whether it takes the new token and refuses the old one.")
	r.app.printer.Line("  next: after the restart, %s --old-file FILE", r.proveCommand())
	r.app.printer.Line("FILE has the old token, which ocmt keeps nowhere; - reads it from standard input. Without it the proof is not full.")
}

// proveCommand returns the command that proves the token later.
func (r *tokenRotation) proveCommand() string {
	words := append([]string{"ocmt", "rotate", r.kind.Name, "--prove-only"}, r.places...)
	if len(r.options.Endpoints) == 0 {
		words = append(words, "--endpoint", string(r.firstAsked())+"=URL")
	}
	for _, endpoint := range r.options.Endpoints {
		words = append(words, "--endpoint", endpoint.Component+"="+endpoint.Address)
	}
	for i, word := range words {
		words[i] = quoteWord(word)
	}
	return strings.Join(words, " ")
}

// firstAsked returns the first component that can be asked about the token. The kinds begin with it.
func (r *tokenRotation) firstAsked() secret.Component { return r.kind.Places[0].Component }

// printProven says what was seen, and who was not asked.
func (r *tokenRotation) printProven(proofs []token.Proof) {
	printer := r.app.printer
	printer.Heading("Proven")
	for _, line := range describeProofs(proofs) {
		printer.Line("%s.", line)
	}
	if len(r.document.Proof.NotAsked) > 0 {
		printer.Line("Not asked, so not proven: %s.", strings.Join(r.document.Proof.NotAsked, ", "))
	}
}

// tellCopies names the copies of the gateway's file that others have left beside it.
func (r *tokenRotation) tellCopies(old secret.Value) error {
	copies, err := r.gateway.Copies(old)
	if err != nil {
		return err
	}
	for _, one := range copies {
		r.document.Copies = append(r.document.Copies, tokenCopy(one))
		what := "was looked through, and does not have the old token as it was written in the file"
		switch {
		case one.Unread:
			what = "could not be read, and may have the old token"
		case one.Holds:
			what = "has the old token"
		}
		r.app.printer.Warn("a copy of the gateway's file %s. Remove it with: rm -- %s", what, securefile.ShellQuote(one.Path))
	}
	return nil
}

// upperFirst begins a sentence.
func upperFirst(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
