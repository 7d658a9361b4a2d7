package databasepassword

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/pkg/secret"
)

// Result is what was done and seen.
type Result struct {
	// Stored says that DATABASE_URL in the store has the new password.
	Stored bool `json:"stored"`
	// NewAccepted says that the new password was seen to log in, and a password that was made up was not.
	NewAccepted bool `json:"new_accepted"`
	// OldRefused says that the old password was seen to be refused. OldKnown is false where an earlier run has taken
	// it out of the store, so that it could not be tried.
	OldRefused bool `json:"old_refused"`
	OldKnown   bool `json:"old_known"`
	// Reloaded says that PgBouncer was told to read its file again.
	Reloaded bool `json:"pgbouncer_reloaded"`
	// Left are connections of before the change. LeftKnown is false where it could not be told which these are.
	Left      []Peer `json:"connections_left"`
	LeftKnown bool   `json:"connections_known"`
	// OldRoleLocked says that the old one of two roles was seen to have no right to log in.
	OldRoleLocked bool `json:"old_role_locked"`
	Recorded      bool `json:"recorded"`
	// Done says that nothing is left for another run.
	Done bool `json:"done"`

	moment string // the server's clock before the role was changed
}

// The bounds of waits. A server that was just changed may refuse a log-in for other reasons, such as too many
// connections, so it is asked again for a moment. What takes a change back is not cut off by an interruption.
const (
	settleTime  = 3 * time.Second
	settlePause = 200 * time.Millisecond
	stepTimeout = 30 * time.Second
	backTimeout = 2 * time.Minute
)

// change is one run.
type change struct {
	Parts
	plan     *Plan
	result   *Result
	next     Address // the new address
	verifier secret.Value
	// What this run may have done to the role, for the way back.
	hasSetPassword, hasGivenLogin bool
}

// Change gives the role a new password, proves it, and puts it into the store. It takes the lock of the roles first and
// looks again: the error is a *LockedError, ErrMovedOn or ErrInUse, and nothing was changed. The plan keeps the lock
// until Release or Close. An interruption ends only what waits;
// a step that was begun is ended. Where a step fails before the store
// has it, the old password is put back and proven: the error is a *PutBackError then, or a *HalfwayError. With any
// other error nothing was changed but that the store may have PendingName.
func Change(ctx context.Context, parts Parts, plan *Plan) (*Result, error) {
	c := &change{Parts: parts, plan: plan, result: &Result{Left: []Peer{}}}
	if err := plan.begin(ctx, parts); err != nil {
		return c.result, err
	}
	if err := c.prepare(ctx); err != nil {
		return c.result, err
	}
	if plan.Stage == Stored {
		c.result.Stored = true
		if err := c.syncAndProve(ctx); err != nil {
			return c.result, &HalfwayError{Cause: err}
		}
		return c.result, nil
	}
	c.result.OldKnown = true
	err := whole(ctx, c.alter)
	if err == nil {
		err = c.syncAndProve(ctx)
	}
	if err != nil {
		return c.result, c.goBack(ctx, err)
	}
	return c.result, c.switchStore(ctx)
}

// whole does a step that an interruption does not cut off. It has a time limit.
func whole(ctx context.Context, step func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stepTimeout)
	defer cancel()
	return step(ctx)
}

// prepare makes the new address, or takes up what an earlier run has left, and sees to it that the store has it
// before anything else is changed.
func (c *change) prepare(ctx context.Context) (err error) {
	c.next = c.plan.pending
	if !c.plan.isPending() {
		password, err := c.Make(c.Random)
		if err != nil {
			return err
		}
		if c.next, err = c.plan.current.With(c.plan.Role, secret.NewValue(password)); err != nil {
			return err
		}
	}
	if c.verifier, err = MakeVerifier(c.next.Password(), c.plan.Role, c.plan.Iterations); err != nil {
		return fmt.Errorf("making the verifier of the new password: %w", err)
	}
	if c.plan.isPending() {
		return nil
	}
	// DATABASE_URL is compared in the same step: another run may have changed it, where there is no lock.
	current, noted := c.plan.current.Text(), secret.NewValue(c.plan.OldRole)
	changes := []secretstore.Change{{Name: PendingName, New: c.next.Text()}, {Name: Setting, Old: current, New: current}}
	if c.plan.noted.IsSet() || noted.IsSet() { // before the address, which says that it counts
		changes = append([]secretstore.Change{{Name: OldRoleName, Old: c.plan.noted, New: noted}}, changes...)
	}
	if err := c.Store.Apply(ctx, changes...); err != nil {
		return fmt.Errorf("putting the new address into %s under %s: %w", c.plan.Store, PendingName, err)
	}
	c.plan.pending, c.plan.noted = c.next, noted
	c.Reporter.Step("the new address stands in " + c.plan.Store + " as " + PendingName)
	return nil
}

// alter gives the role the new password, unless an earlier run has.
func (c *change) alter(ctx context.Context) error {
	if c.plan.Stage == Changed {
		return nil
	}
	if c.plan.OldRole != "" {
		return c.alterOther(ctx)
	}
	role, err := c.plan.session.Describe(ctx, c.plan.Role)
	if err != nil {
		return err
	}
	c.hasSetPassword = true
	if err := c.plan.session.SetPassword(ctx, c.plan.Role, c.verifier); err != nil {
		return fmt.Errorf("changing the password of the role %q: %w", c.plan.Role, err)
	}
	c.result.moment = role.Now
	c.Reporter.Step(fmt.Sprintf("the role %q has the new password", c.plan.Role))
	return nil
}

// alterOther gives the role that is not in use the new password, and lets it log in.
func (c *change) alterOther(ctx context.Context) error {
	role, err := c.plan.session.Describe(ctx, c.plan.Role)
	if err != nil {
		return err
	}
	if err := c.plan.session.SetPassword(ctx, c.plan.Role, c.verifier); err != nil {
		return fmt.Errorf("changing the password of the role %q: %w", c.plan.Role, err)
	}
	c.hasGivenLogin = !role.CanLogin
	if err := c.plan.session.SetLogin(ctx, c.plan.Role, true); err != nil {
		return fmt.Errorf("letting the role %q log in: %w", c.plan.Role, err)
	}
	c.Reporter.Step(fmt.Sprintf("the role %q has the new password, and may log in", c.plan.Role))
	return nil
}

// syncAndProve tells PgBouncer the new password, and sees it log in on a connection of its own.
func (c *change) syncAndProve(ctx context.Context) error {
	wait, err := c.syncPool(ctx, c.poolEntry())
	if err != nil {
		return err
	}
	if err := c.await(ctx, wait, c.next); err != nil {
		return fmt.Errorf("logging in with the new password: %w", err)
	}
	if err := refusesMadeUp(ctx, c.Parts, c.next); err != nil {
		return err
	}
	c.result.NewAccepted = true
	c.Reporter.Step("the new password logs in, and one that was made up does not")
	return nil
}

// poolEntry returns what PgBouncer is to have: the password, where its entry was one, and else the verifier, which
// must be the one that the server has.
func (c *change) poolEntry() secret.Value {
	if c.Pool == nil {
		return secret.Value{}
	}
	if isClear(c.plan.template) {
		return c.next.Password()
	}
	return c.verifier
}

// isClear reports whether an entry of PgBouncer is a password as it is, and no verifier or MD5 digest.
func isClear(entry secret.Value) bool {
	const digest = len("md5") + 32
	text := entry.Reveal()
	return !IsVerifier(entry) && (len(text) != digest || text[:3] != "md5")
}

// syncPool writes the entry and has it read, and returns how long PgBouncer may take.
func (c *change) syncPool(ctx context.Context, entry secret.Value) (time.Duration, error) {
	if c.Pool == nil {
		return settleTime, nil
	}
	if err := c.Pool.Set(c.plan.Role, entry); err != nil {
		return 0, err
	}
	asked, err := c.Pool.Reload(ctx)
	if err != nil {
		return 0, fmt.Errorf("telling PgBouncer to read %s again: %w", c.Pool.Path(), err)
	}
	if asked {
		c.result.Reloaded = true
		return settleTime, nil
	}
	c.Reporter.Waiting("PgBouncer to read " + c.Pool.Path() + " again: send it RELOAD, or the signal HUP")
	return max(c.plan.poolWait, settleTime), nil
}

// await tries to log in until the server accepts it, for so long.
func (c *change) await(ctx context.Context, wait time.Duration, address Address) error {
	return c.again(ctx, wait, func() error { return c.Server.LogIn(ctx, address.Text()) })
}

// switchStore puts the new address in the place of the old one. Where the store does not answer, it is not known
// which one it has, and the server keeps the new password: that one is in the store under both names or one.
func (c *change) switchStore(ctx context.Context) error {
	err := whole(ctx, func(ctx context.Context) error {
		return c.Store.Apply(ctx, secretstore.Change{Name: Setting, Old: c.plan.current.Text(), New: c.next.Text()})
	})
	if err != nil {
		held, unread := c.Store.Get(context.WithoutCancel(ctx), Setting)
		switch {
		case unread != nil:
			return &HalfwayError{Cause: errors.Join(err, unread)}
		case held.Reveal() != c.next.Text().Reveal():
			return c.goBack(ctx, fmt.Errorf("putting the new address into %s: %w", c.plan.Store, err))
		}
	}
	c.result.Stored = true
	c.Reporter.Step(Setting + " in " + c.plan.Store + " has the new password")
	return nil
}

// goBack puts the old password back, sees it log in, and only then takes the new one out of the store. Where the store
// does not have the old one in its place any more, or does not tell, the role stays as it is: the new one is in the
// store, and the old one maybe nowhere.
func (c *change) goBack(ctx context.Context, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), backTimeout+c.plan.poolWait)
	defer cancel()
	if err := c.plan.isOld(ctx, c.Store); err != nil {
		return &HalfwayError{Cause: cause, Back: err}
	}
	c.result.NewAccepted = false
	back := c.restore(ctx)
	wait := settleTime
	if c.Pool != nil && back == nil {
		wait, back = c.syncPool(ctx, c.plan.entry)
	}
	if err := c.await(ctx, wait, c.plan.current); err != nil {
		return &HalfwayError{Cause: cause, Back: errors.Join(back, err)}
	}
	// The old password works. That the new one does not may be seen only where it had been changed at all.
	if follows, err := accepts(ctx, c.Server, c.next); err != nil || follows {
		return &HalfwayError{Cause: cause, Back: errors.Join(back, err)}
	}
	err := dropPending(ctx, c.Store, c.plan)
	return &PutBackError{Cause: cause, Left: err != nil}
}

// dropPending takes out of the store what it has for the time of a change.
func dropPending(ctx context.Context, store Store, plan *Plan) error {
	changes := []secretstore.Change{{Name: PendingName, Old: plan.pending.Text()}}
	if plan.noted.IsSet() {
		changes = append(changes, secretstore.Change{Name: OldRoleName, Old: plan.noted})
	}
	return store.Apply(ctx, changes...)
}

// restore takes back what was done to the role, on the connection that was kept, or else on a new one. Of two roles,
// what this run has not done stays.
func (c *change) restore(ctx context.Context) error {
	if c.plan.OldRole == "" && !c.hasSetPassword && c.plan.Stage != Changed || c.plan.OldRole != "" && !c.hasGivenLogin {
		return nil
	}
	undo := func(session Session) error { return session.SetPassword(ctx, c.plan.Role, c.plan.oldVerifier) }
	if c.plan.OldRole != "" {
		undo = func(session Session) error { return session.SetLogin(ctx, c.plan.Role, false) }
	}
	if c.plan.session != nil && undo(c.plan.session) == nil {
		return nil
	}
	return c.withAny(ctx, []secret.Value{c.plan.current.Text(), c.next.Text(), c.Own}, undo)
}
