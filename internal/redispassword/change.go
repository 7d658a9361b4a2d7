package redispassword

import (
	"context"
	"slices"
	"time"

	"github.com/ocmt/ocmt/pkg/secret"
)

// Begin brings a change to Switched: a new password is made and kept in the store, every server accepts it,
// and the store has it in REDIS_URL. A change that was cut off goes on. The result says what was done, also beside
// an error. Errors: *RefusedError, ErrOvertaken, *StepError, and those of the store; in a *HalfwayError where a
// change is under way.
func Begin(ctx context.Context, sources Sources, plan *Plan) (*Result, error) {
	r := plan.begin(sources)
	if err := plan.Check(); err != nil {
		return r.result, err
	}
	if err := r.readAnew(ctx); err != nil {
		return r.result, err
	}
	if r.Stage == Idle {
		if err := r.trySaving(ctx); err != nil {
			return r.result, err
		}
	}
	return r.result, r.wrap(r.toSwitched(ctx))
}

// readAnew reads the store again, because a question may have stood for hours since the plan was made. The error
// is ErrOvertaken where another run has changed it.
func (r *run) readAnew(ctx context.Context) error {
	held, err := readStore(ctx, r.sources.Store)
	switch {
	case err != nil:
		return err
	case !held.isSame(r.stored):
		return ErrOvertaken
	}
	r.stored = held
	return nil
}

// wrap says of an error that a change is under way.
func (r *run) wrap(err error) error {
	if err == nil || r.Stage == Idle {
		return err
	}
	return &HalfwayError{err}
}

func (r *run) toSwitched(ctx context.Context) error {
	if r.Stage == Idle {
		made, err := newPassword(r.sources.Generate)
		if err != nil {
			return err
		}
		if err := r.stored.putPending(ctx, r.sources.Store, made); err != nil {
			return err
		}
		r.did(r.Place, "a new password was made, and is kept as "+NamePending)
		if err := r.reread(ctx); err != nil {
			return err
		}
	}
	settled := false
	if r.Stage == Pending {
		if r.Mode == Overlap {
			if err := r.settle(ctx, r.stored.other()); err != nil {
				return err
			}
			settled = true
		}
		if err := r.stored.switchTo(ctx, r.sources.Store, r.stored.rest, sinceText(time.Time{}, false)); err != nil {
			return err
		}
		if err := r.reread(ctx); err != nil {
			return err
		}
	}
	// Also where it was Switched before: a server may have been added, or restarted without a file.
	if !settled {
		if err := r.settle(ctx, r.stored.current()); err != nil {
			return err
		}
	}
	if r.stored.switchedAt().IsZero() {
		return r.noteMoment(ctx, r.stored.back)
	}
	return nil
}

// Finish takes the other password away, once no connection is left from before the change, and proves at
// every server that it is refused and the one in REDIS_URL accepted. Asked is the plan of the change that the
// operator has been asked about: no other is ended. Errors: ErrIdle, ErrOvertaken, *LeftError, *RefusedError,
// *StepError, and those of the store; the last two in a *HalfwayError.
func Finish(ctx context.Context, sources Sources, asked *Plan, options Options) (*Result, error) {
	plan, err := MakePlan(ctx, sources, options)
	if err != nil {
		return &Result{}, err
	}
	r := plan.begin(sources)
	switch {
	case asked.Stage != Switched:
		return r.result, ErrIdle
	case plan.CheckSame(asked) != nil:
		return r.result, plan.CheckSame(asked)
	case plan.Check() != nil:
		return r.result, plan.Check()
	}
	if err := r.toSwitched(ctx); err != nil {
		return r.result, r.wrap(err)
	}
	if len(plan.Clients) > 0 && !options.OldClients {
		return r.result, &LeftError{Since: plan.Since, Clients: plan.Clients}
	}
	return r.result, r.wrap(r.end(ctx))
}

// end takes the other password away. The store has a mark of it first, so that a run that would take the
// change back at the same time does not.
func (r *run) end(ctx context.Context) error {
	if err := r.stored.claimEnd(ctx, r.sources.Store); err != nil {
		return err
	}
	if err := r.reread(ctx); err != nil {
		return err
	}
	return r.finish(ctx, r.stored.back)
}

// finish takes the other password away. Back says that it is the one that was made.
func (r *run) finish(ctx context.Context, back bool) error {
	current, other := r.stored.current(), r.stored.other()
	for i := range r.Nodes {
		node := &r.Nodes[i]
		if err := r.take(ctx, node, other, current); err != nil {
			return err
		}
		r.did(node.Address, "the other password was taken away: a log-in with it is refused, and one with that of "+NameAddress+" works")
	}
	if err := r.expectAtDoor(ctx, other, false); err != nil {
		return err
	}
	if err := r.expectAtDoor(ctx, current, true); err != nil {
		return err
	}
	if err := r.stored.forget(ctx, r.sources.Store); err != nil {
		return err
	}
	r.did(r.Place, "the other password was taken out")
	if err := r.reread(ctx); err != nil {
		return err
	}
	if !r.Entered {
		r.result.Notes = append(r.result.Notes, NameAddress+" in the store was not tried as the servers use it: whether it leads to this Redis is not known from here")
	}
	r.result.Done, r.result.Back = true, back
	if !back {
		r.result.Fingerprint = Fingerprint(r.stored.current())
		r.noteProcesses(ctx)
	}
	if r.Topology == Standalone {
		r.result.Notes = append(r.result.Notes, "a replica that is not connected now is not known to its primary: one that comes back has its old users and masterauth")
	}
	return nil
}

// take takes a password away at a server that has been seen to accept the one that stays.
func (r *run) take(ctx context.Context, node *NodePlan, gone, stays secret.Value) error {
	if err := r.expect(ctx, node, stays, true); err != nil {
		return err
	}
	if r.Mode == Overlap {
		if digest := DigestOf(gone); slices.Contains(node.facts.User.Digests, digest) {
			if err := r.step(node, "taking the password away", func() error { return node.node.RemovePassword(ctx, r.User, digest) }); err != nil {
				return err
			}
			node.facts.User.Digests = slices.DeleteFunc(node.facts.User.Digests, func(one Digest) bool { return one == digest })
		}
		if err := r.setRequirePass(ctx, node, gone, stays); err != nil {
			return err
		}
		if err := r.saveUsers(ctx, node); err != nil {
			return err
		}
	}
	if err := r.expect(ctx, node, gone, false); err != nil {
		return err
	}
	return r.expect(ctx, node, stays, true)
}

// setRequirePass brings requirepass in line where it still has the password that was taken away: CONFIG REWRITE
// would write it into the file. It would take every other password from the user, so it is left
// where the user has more; the line of the user goes before requirepass when the server reads its file.
func (r *run) setRequirePass(ctx context.Context, node *NodePlan, gone, stays secret.Value) error {
	if r.User != DefaultUser || node.facts.RequirePass.Reveal() != gone.Reveal() || !gone.IsSet() {
		return nil
	}
	if digests := node.facts.User.Digests; len(digests) != 1 || digests[0] != DigestOf(stays) {
		r.result.Notes = append(r.result.Notes, node.Address+": requirepass still has the old password, because the user default has others that setting it would take away; no log-in takes it")
		return nil
	}
	if err := r.step(node, "setting requirepass", func() error { return node.node.SetRequirePass(ctx, stays) }); err != nil {
		return err
	}
	return r.saveConfig(ctx, node)
}

// CheckBack returns why the change cannot be taken back: ErrIdle, ErrBack, or a *RefusedError.
func (p *Plan) CheckBack() error {
	switch {
	case p.Stage == Idle:
		return ErrIdle
	case p.Back && !p.stored.isUnread():
		return ErrBack
	case p.Check() != nil:
		return p.Check()
	case p.stored.isEnding():
		return &RefusedError{[]Obstacle{{Where: p.Place, Message: "the other password is being taken away already", Fix: "finish this change, then make another"}}}
	case p.Stage == Pending || p.Back:
		return nil
	}
	for _, node := range p.Nodes {
		if p.Mode == Overlap && !node.AcceptsOther {
			return &RefusedError{[]Obstacle{{Where: node.Address, Message: "it no longer takes the old password", Fix: "finish this change, then make another"}}}
		}
	}
	return nil
}

// Back takes a change back. A pending password, which no server of the deployment has read, is taken away at
// once. After the store was changed, the password from before goes back into REDIS_URL; the servers must
// restart again, and Finish takes the other one away. Errors: those of CheckBack, ErrOvertaken, *StepError, and
// those of the store; in a *HalfwayError once Redis may have been changed.
func Back(ctx context.Context, sources Sources, plan *Plan) (*Result, error) {
	r := plan.begin(sources)
	if err := plan.CheckBack(); err != nil {
		return r.result, err
	}
	if err := r.readAnew(ctx); err != nil {
		return r.result, err
	}
	isUnread := plan.Stage == Pending || plan.stored.isUnread()
	if err := r.stored.claimBack(ctx, r.sources.Store); err != nil {
		return r.result, err
	}
	if err := r.reread(ctx); err != nil {
		return r.result, r.wrap(err)
	}
	if isUnread {
		return r.result, r.wrap(r.dropPending(ctx))
	}
	return r.result, r.wrap(r.swapBack(ctx))
}

// dropPending takes a pending password away.
func (r *run) dropPending(ctx context.Context) error {
	for i := range r.Nodes {
		if err := r.expect(ctx, &r.Nodes[i], r.stored.current(), true); err != nil {
			return err
		}
	}
	for i := range r.Nodes {
		if err := r.setMasterAuth(ctx, &r.Nodes[i], r.stored.current()); err != nil {
			return err
		}
	}
	if err := r.setWatchers(ctx, r.stored.current()); err != nil {
		return err
	}
	return r.finish(ctx, true)
}

// swapBack puts the password from before into the address again.
func (r *run) swapBack(ctx context.Context) error {
	if r.Mode == Overlap {
		if err := r.settle(ctx, r.stored.other()); err != nil {
			return err
		}
	}
	if err := r.stored.swap(ctx, r.sources.Store); err != nil {
		return err
	}
	if err := r.reread(ctx); err != nil {
		return err
	}
	if r.Mode == Replace {
		if err := r.settle(ctx, r.stored.current()); err != nil {
			return err
		}
	}
	return r.noteMoment(ctx, true)
}
