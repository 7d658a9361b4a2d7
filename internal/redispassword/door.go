package redispassword

import (
	"context"
	"errors"

	"github.com/ocmt/ocmt/pkg/secret"
)

// Enter logs in at an address with the user and the password in it, as the servers of the deployment do. It returns
// which process of Redis answers, by its run ID; "" where the user may not ask. The error is ErrNotAccepted where
// the password is refused.
type Enter func(ctx context.Context, address secret.Value) (runID string, err error)

// enter looks whether the address in the store leads to the Redis that was found: ocmt may have been given the
// address of another one, which has the same password.
func (p *Plan) enter(ctx context.Context, enter Enter, options Options) error {
	if len(p.Obstacles) > 0 {
		return nil
	}
	runID, err := enter(ctx, p.stored.text)
	if errors.Is(err, ErrNotAccepted) && p.Stage != Idle {
		runID, err = enter(ctx, p.stored.address.With(p.stored.rest).Text())
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrNotAccepted):
		p.refuse(NameAddress, "the Redis that it leads to in the store refuses its password, and the one that ocmt was given does not", fixOther)
	case err != nil && !options.Unreached:
		p.refuse(NameAddress, "it cannot be tried as the servers use it: "+err.Error(),
			"run ocmt where the servers run, or add --allow-unreached if you know that it leads to this Redis")
	case err == nil && !p.knows(runID):
		p.refuse(NameAddress, "in the store it leads to another Redis than the one that ocmt was given", fixOther)
	}
	p.Entered = err == nil
	return nil
}

const fixOther = "give ocmt the Redis of the servers in its own REDIS_URL, or leave that out"

// knows reports whether a run ID is that of a server of the plan. One that is not told may be.
func (p *Plan) knows(runID string) bool {
	if runID == "" {
		return true
	}
	for _, node := range p.Nodes {
		if node.facts.RunID == "" || node.facts.RunID == runID {
			return true
		}
	}
	return false
}

// expectAtDoor checks whether the address in the store lets in who has a password.
func (r *run) expectAtDoor(ctx context.Context, password secret.Value, accepted bool) error {
	if !r.Entered {
		return nil
	}
	_, err := r.sources.Enter(ctx, r.stored.address.With(Encode(password.Reveal())).Text())
	switch {
	case err == nil && !accepted:
		err = ErrStillAccepted
	case errors.Is(err, ErrNotAccepted) && !accepted:
		err = nil
	}
	if err != nil {
		return &StepError{Where: "the address of " + NameAddress, Doing: "logging in as the servers do", Cause: err}
	}
	return nil
}
