package token

import (
	"context"
	"errors"
	"time"

	"github.com/ocmt/ocmt/pkg/secret"
)

// Verdict says what a server makes of a token.
type Verdict string

// The verdicts. Unknown is every answer that says neither: that of a busy server, a redirect, an error of the
// server, and none at all.
const (
	Accepted Verdict = "accepted"
	Refused  Verdict = "refused"
	Unknown  Verdict = "unknown"
	NotAsked Verdict = "not_asked"
)

// Answer is what a server said to a token.
type Answer struct {
	Verdict Verdict
	Text    string // "status 401", or why there is none
	// RetryAfter is how long the server asks to be left alone; 0 where it does not say.
	RetryAfter time.Duration
}

// Endpoint is a server that can be asked.
type Endpoint interface {
	// Name is its component and its address.
	Name() string
	// Try asks whether the server takes a token. An error is that of the context.
	Try(ctx context.Context, token secret.Value) (Answer, error)
}

// Proof is what a server was seen to make of both tokens, in its last answers.
type Proof struct {
	Endpoint string
	New, Old Answer
}

// IsProven reports whether the server takes the new token and refuses the old one.
func (p Proof) IsProven() bool { return p.New.Verdict == Accepted && p.Old.Verdict == Refused }

// Prover asks servers until each takes the new token and refuses the old one.
type Prover struct {
	Endpoints []Endpoint
	New       secret.Value
	Old       secret.Value // not set where it is not known; then no server is proven
	// Period is the time between two rounds.
	Period time.Duration
	// Tell is called after each round; nil for nobody.
	Tell func(proofs []Proof)
}

// ErrTimeout ends a proof that took too long.
var ErrTimeout = errors.New("the time to wait is over")

// Prove asks in rounds until every server is proven, or the limit is over. Where the old token is not known, it
// waits until every server takes the new one. It returns the last answers of each server in any case. Errors:
// ErrSame, ErrTimeout, and the cause of the context.
func (p *Prover) Prove(ctx context.Context, limit time.Duration) ([]Proof, error) {
	proofs := make([]Proof, len(p.Endpoints))
	for i, endpoint := range p.Endpoints {
		proofs[i] = Proof{Endpoint: endpoint.Name(), New: Answer{Verdict: NotAsked}, Old: Answer{Verdict: NotAsked}}
	}
	if p.New.Reveal() == p.Old.Reveal() {
		return proofs, ErrSame
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, ErrTimeout)
	defer cancel()
	for {
		wait, done, err := p.round(ctx, proofs)
		if err != nil {
			return proofs, context.Cause(ctx)
		}
		if p.Tell != nil {
			p.Tell(proofs)
		}
		if done {
			return proofs, nil
		}
		timer := time.NewTimer(max(wait, p.Period))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return proofs, context.Cause(ctx)
		}
	}
}

// round asks every server that is not done yet. It returns how long they ask to be left alone.
func (p *Prover) round(ctx context.Context, proofs []Proof) (wait time.Duration, done bool, err error) {
	done = true
	for i, endpoint := range p.Endpoints {
		if p.isDone(proofs[i]) {
			continue
		}
		if err := p.ask(ctx, endpoint, &proofs[i]); err != nil {
			return 0, false, err
		}
		wait = max(wait, proofs[i].New.RetryAfter, proofs[i].Old.RetryAfter)
		done = done && p.isDone(proofs[i])
	}
	return wait, done, nil
}

// isDone reports whether a server need not be asked again.
func (p *Prover) isDone(proof Proof) bool {
	if !p.Old.IsSet() {
		return proof.New.Verdict == Accepted
	}
	return proof.IsProven()
}

// ask sends one server both tokens, and keeps the answers. The new one goes again behind the old one, so that a server
// that restarts between two questions, or changes what it answers everybody, is not taken for one that tells them apart.
func (p *Prover) ask(ctx context.Context, endpoint Endpoint, proof *Proof) error {
	answer, err := endpoint.Try(ctx, p.New)
	if err != nil {
		return err
	}
	proof.New = answer
	if !p.Old.IsSet() {
		return nil
	}
	if answer, err = endpoint.Try(ctx, p.Old); err != nil {
		return err
	}
	proof.Old = answer
	if !proof.IsProven() {
		return nil
	}
	if answer, err = endpoint.Try(ctx, p.New); err != nil {
		proof.New = Answer{Verdict: Unknown, Text: "it did not answer again"}
		return err
	}
	proof.New = answer
	return nil
}
