package databasepassword

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ocmt/ocmt/pkg/secret"
)

// ErrOldAccepted says that the old password still logs in.
var ErrOldAccepted = errors.New("the old password still logs in")

// Finish proves that the old password is refused, records the change, and takes PendingName out of the store. It
// looks which connections of before the change are left, for as long as wait says, until there are none. Of two
// roles, the old one is locked only when it has none; the error is ErrStillUsed otherwise, and the next run goes
// on. It takes the lock again where it was released; the error is ErrOvertaken where the store has another change now, and
// nothing was done. With one role, connections that are left keep nothing from being done. The error is a *HalfwayError where record
// or store fail. It takes the result of Change.
func Finish(ctx context.Context, parts Parts, plan *Plan, changed *Result, wait time.Duration) (*Result, error) {
	result := *changed
	if err := plan.claim(ctx, parts, plan.New()); err != nil {
		return &result, &HalfwayError{Cause: err}
	}
	if err := plan.isUnderWay(ctx, parts.Store); err != nil {
		return &result, err
	}
	f := &finish{Parts: parts, plan: plan, result: &result, moment: changed.moment}
	if plan.OldRole != "" {
		if err := f.lockOldRole(ctx, wait); err != nil {
			return f.result, err
		}
	}
	if err := f.proveRefusal(ctx); err != nil {
		return f.result, err
	}
	if plan.OldRole == "" {
		if err := f.watchConnections(ctx, wait); err != nil {
			return f.result, err
		}
	}
	if err := plan.isUnderWay(ctx, parts.Store); err != nil { // the wait may have been long, and the lock lost
		return f.result, err
	}
	if err := parts.Record(ctx, f.result); err != nil {
		return f.result, &HalfwayError{Cause: fmt.Errorf("recording it: %w", err)}
	}
	f.result.Recorded = true
	if err := dropPending(ctx, parts.Store, plan); err != nil {
		return f.result, &HalfwayError{Cause: fmt.Errorf("taking %s out of %s: %w", PendingName, plan.Store, err)}
	}
	f.result.Done = true
	return f.result, nil
}

// finish is the end of a change.
type finish struct {
	Parts
	plan   *Plan
	result *Result
	moment string
}

// proveRefusal tries the old password, where it is known.
func (f *finish) proveRefusal(ctx context.Context) error {
	if !f.result.OldKnown {
		return nil
	}
	deadline := f.Clock().Add(settleTime)
	for {
		err := f.Server.LogIn(ctx, f.plan.current.Text())
		switch {
		case errors.Is(err, ErrRefused):
			f.result.OldRefused = true
			f.Reporter.Step("the old password is refused")
			return nil
		case !f.Clock().Before(deadline):
			return notRefused(err)
		}
		if err := f.Sleep(ctx, settlePause); err != nil {
			return err
		}
	}
}

// notRefused says that an old password logs in, or why that is not known.
func notRefused(err error) error {
	if err == nil {
		return ErrOldAccepted
	}
	return fmt.Errorf("trying the old password, which should be refused: %w", err)
}

// watchConnections looks for connections of before the change until none is left.
func (f *finish) watchConnections(ctx context.Context, wait time.Duration) error {
	if f.plan.session == nil || f.moment == "" {
		return nil
	}
	return f.awaitNone(ctx, f.plan.Role, f.moment, wait)
}

// awaitNone lists the connections of a role until there are none, or the time is up.
func (f *finish) awaitNone(ctx context.Context, role, before string, wait time.Duration) (err error) {
	deadline := f.Clock().Add(wait)
	for isTold := false; ; isTold = true {
		if f.result.Left, err = f.connections(ctx, role, before); err != nil {
			return fmt.Errorf("looking for connections of the role %q: %w", role, err)
		}
		f.result.LeftKnown = true
		if len(f.result.Left) == 0 || !f.Clock().Before(deadline) {
			return nil
		}
		if !isTold {
			f.Reporter.Waiting(fmt.Sprintf("connections of the role %q of before the change to end", role))
		}
		if err := f.Sleep(ctx, settlePause); err != nil {
			return err
		}
	}
}

// connections lists the connections of a role. Where a pool does not answer any more, a log-in with the new password may
// mend that: see poolTime.
func (f *finish) connections(ctx context.Context, role, before string) (peers []Peer, err error) {
	look := func(session Session) error {
		peers, err = session.Connections(ctx, role, before)
		return err
	}
	if err = look(f.plan.session); errors.Is(err, ErrNoAnswer) {
		err = f.withAny(ctx, []secret.Value{f.plan.New(), f.Own}, look)
	}
	return peers, err
}

// lockOldRole takes the right to log in from the old one of two roles, when nothing uses it. Where a connection
// was made meanwhile, something does, and the right is given back.
func (f *finish) lockOldRole(ctx context.Context, wait time.Duration) error {
	old := f.plan.OldRole
	if err := f.awaitNone(ctx, old, "", wait); err != nil {
		return err
	}
	if len(f.result.Left) > 0 {
		return ErrStillUsed
	}
	if err := f.plan.isUnderWay(ctx, f.Store); err != nil {
		return err
	}
	if err := f.plan.session.SetLogin(ctx, old, false); err != nil {
		return fmt.Errorf("locking the role %q: %w", old, err)
	}
	left, err := f.plan.session.Connections(ctx, old, "")
	if err == nil && len(left) > 0 {
		f.result.Left = left
		return errors.Join(ErrStillUsed, f.plan.session.SetLogin(context.WithoutCancel(ctx), old, true))
	}
	if err != nil {
		return errors.Join(err, f.plan.session.SetLogin(context.WithoutCancel(ctx), old, true))
	}
	role, err := f.plan.session.Describe(ctx, old)
	if err != nil {
		return err
	}
	if role.CanLogin {
		return fmt.Errorf("locking the role %q: it may still log in", old)
	}
	f.result.OldRoleLocked = true
	f.Reporter.Step(fmt.Sprintf("the role %q may not log in any more", old))
	return nil
}
