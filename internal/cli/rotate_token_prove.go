package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/files"
	"github.com/ocmt/ocmt/internal/token"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// provePeriod is the time between two rounds of questions.
const provePeriod = 2 * time.Second

// unprovenError says that servers were not seen to take the new token and to refuse the old one.
type unprovenError struct {
	rotation *tokenRotation
	proofs   []token.Proof
	err      error // why the questions ended; nil where the old token was not known
}

// Error says what the servers answered.
func (e *unprovenError) Error() string {
	text := "not proven: " + strings.Join(describeProofs(e.proofs), "; ")
	if e.err == nil {
		text = "not proven in full: the old token is not known here, so it was not tried"
	}
	if e.rotation.document.Written {
		return "the new token is in every place, and that is " + text
	}
	return text
}

// Unwrap returns why the questions ended.
func (e *unprovenError) Unwrap() error { return e.err }

// isAnswered reports whether a server said that it does not yet do what it should.
func (e *unprovenError) isAnswered() bool {
	for _, proof := range e.proofs {
		if proof.New.Verdict == token.Refused || proof.Old.Verdict == token.Accepted {
			return true
		}
	}
	return false
}

// describeProofs says what each server made of both tokens.
func describeProofs(proofs []token.Proof) (list []string) {
	for _, proof := range proofs {
		list = append(list, fmt.Sprintf("%s: the new token is %s, the old one %s", ui.Clean(proof.Endpoint), describeAnswer(proof.New), describeAnswer(proof.Old)))
	}
	return list
}

// describeAnswer says what a server made of one token.
func describeAnswer(answer token.Answer) string {
	switch answer.Verdict {
	case token.Accepted, token.Refused:
		return fmt.Sprintf("%s (%s)", answer.Verdict, answer.Text)
	case token.NotAsked:
		return "not tried"
	case token.Unknown:
	}
	return fmt.Sprintf("neither accepted nor refused (%s)", ui.Clean(answer.Text))
}

// oldToken returns the old token: that of the places, or that of --old-file. It is not set where neither has it.
func (r *tokenRotation) oldToken(held secret.Value) (secret.Value, error) {
	if held.IsSet() || r.options.OldFile == "" {
		return held, nil
	}
	if r.options.OldFile == "-" {
		text, err := r.app.readLine()
		return secret.NewValue(strings.TrimSpace(text)), err
	}
	const longest = 64 << 10
	text, err := files.ReadRegular(r.app.path(string(r.options.OldFile)), longest)
	if err != nil {
		return secret.Value{}, &ui.Error{Message: "the file of --old-file cannot be read", Code: ui.ExitUsage, Hints: []string{"name a file that this account may read, with the old token alone in it"}}
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return secret.NewValue(strings.TrimSpace(line)), nil
}

// proveOnly proves the token that the places hold.
func (r *tokenRotation) proveOnly(ctx context.Context) error {
	var held secret.Value
	for i, holder := range r.holders {
		value, err := holder.Store.Get(ctx, holder.Setting)
		switch {
		case err != nil:
			return causeOf(ctx, err)
		case !value.IsSet():
			return &token.UnsetError{Names: []string{holder.Name()}}
		case i > 0 && value.Reveal() != held.Reveal():
			return &token.DifferError{Groups: [][]string{{r.holders[0].Name()}, {holder.Name()}}}
		}
		held = value
		r.document.Places = append(r.document.Places, tokenPlace{Place: holder.Store.Place(), Setting: holder.Setting, Component: string(holder.Component), Before: token.New})
	}
	r.document.Fingerprint = r.kind.Fingerprint(held.Reveal())
	old, err := r.oldToken(secret.Value{})
	if err != nil {
		return err
	}
	r.document.OldFingerprint = r.kind.Fingerprint(old.Reveal())
	return r.finish(&token.Plan{}, r.prove(ctx, held, old))
}

// prove waits until every endpoint takes the new token and refuses the old one, and says what was seen.
func (r *tokenRotation) prove(ctx context.Context, current, old secret.Value) error {
	if !old.IsSet() {
		r.app.printer.Warn("the old token is not known here, so nothing can show that it is refused; --old-file gives it")
	}
	said := ""
	prover := token.Prover{Endpoints: r.probes, New: current, Old: old, Period: provePeriod, Tell: func(proofs []token.Proof) {
		if now := strings.Join(describeProofs(proofs), "; "); now != said {
			r.app.printer.Note("%s", now)
			said = now
		}
	}}
	r.app.printer.Note("asking %s for up to %s", ui.Count(int64(len(r.probes)), "server", "servers"), r.options.Timeout)
	proofs, err := prover.Prove(ctx, r.options.Timeout)
	if errors.Is(err, token.ErrSame) {
		return err
	}
	r.document.Proof = newTokenProof(proofs, old.IsSet(), r.notAsked())
	if err != nil || !old.IsSet() {
		return &unprovenError{rotation: r, proofs: proofs, err: err}
	}
	r.printProven(proofs)
	return r.recordProof(ctx, proofs)
}

// notAsked returns the components that must restart, and of which no server was named.
func (r *tokenRotation) notAsked() []string {
	list := []string{}
	for _, component := range r.kind.Change.Restart {
		asked := false
		for _, endpoint := range r.options.Endpoints {
			asked = asked || endpoint.Component == string(component)
		}
		if !asked {
			list = append(list, string(component))
		}
	}
	return list
}

// recordProof adds an entry with what was proven.
func (r *tokenRotation) recordProof(ctx context.Context, proofs []token.Proof) error {
	names := make([]string, len(proofs))
	for i, proof := range proofs {
		names[i] = proof.Endpoint
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	err := r.record.Add(ctx, chain.Event{Action: chain.ActionSecretProven, Subject: r.kind.Setting, Details: map[string]any{
		"fingerprint": r.document.Fingerprint, "old_fingerprint": r.document.OldFingerprint, "endpoints": names, "not_asked": r.document.Proof.NotAsked}})
	if err != nil {
		return fmt.Errorf("recording the proof: %w", err)
	}
	return nil
}
