package databasepassword

import (
	"context"
	"errors"
	"fmt"

	"github.com/ocmt/ocmt/pkg/secret"
)

// Lock keeps other runs from changing the same roles.
type Lock interface {
	// Release ends it.
	Release(ctx context.Context)
}

// LockedError says that another run changes one of the roles. What is not known of it is empty.
type LockedError struct {
	Role    string
	Since   string // by the server's clock
	From    string // the address of the client; "" also for a connection on a socket
	Process string // of the server, which pg_terminate_backend takes
}

// Error names the role, and the run as far as the server tells.
func (e *LockedError) Error() string {
	text := fmt.Sprintf("another run is changing the role %q", e.Role)
	if e.Since != "" {
		text += ", since " + e.Since
	}
	if e.From != "" {
		text += ", from " + e.From
	}
	if e.Process != "" {
		text += " (process " + e.Process + " of the server)"
	}
	return text
}

// Release lets other runs change the roles, such as while a question waits for its answer. Finish takes the lock again.
func (p *Plan) Release(ctx context.Context) {
	if p.lock != nil {
		p.lock.Release(context.WithoutCancel(ctx))
		p.lock = nil
	}
}

// claim takes the lock of the roles, unless the plan has it. A run that was killed may hold it for a moment more.
func (p *Plan) claim(ctx context.Context, parts Parts, address secret.Value) error {
	isOwn := !address.IsSet()
	if isOwn {
		address = parts.Own
	}
	if p.lock != nil || !address.IsSet() { // nobody can log in before PgBouncer has read its file
		return nil
	}
	roles := []string{p.Role}
	if p.OldRole != "" {
		roles = append(roles, p.OldRole)
	}
	for deadline := parts.Clock().Add(settleTime); ; {
		lock, err := parts.Server.Lock(ctx, address, roles...)
		var locked *LockedError
		if err == nil {
			p.lock = lock
			return nil
		}
		if isOwn && (errors.Is(err, ErrRefused) || errors.Is(err, ErrNoAnswer)) { // likewise
			return nil
		}
		if !errors.As(err, &locked) || !parts.Clock().Before(deadline) {
			return err
		}
		if err := parts.Sleep(ctx, settlePause); err != nil {
			return err
		}
	}
}

// begin takes the lock, and looks again at all that may have changed since the plan was made: a question may have
// waited for its answer all night. The error is ErrMovedOn where it did.
func (p *Plan) begin(ctx context.Context, parts Parts) error {
	locking := p.claim(ctx, parts, p.Working())
	if locking != nil && !errors.Is(locking, ErrRefused) {
		return locking
	}
	if err := p.compare(ctx, parts); err != nil { // which also says why the log-in for the lock was refused
		return err
	}
	if locking != nil {
		return locking
	}
	if p.OldRole != "" {
		return p.refuseUsed(ctx)
	}
	if parts.Pool != nil {
		entry, err := parts.Pool.Secret(p.Role)
		if err != nil {
			return err
		}
		if entry.Reveal() != p.entry.Reveal() {
			return ErrMovedOn
		}
	}
	return p.findWayBack(ctx)
}

// compare makes sure that store and server are as the plan has them. The error is ErrMovedOn, or as for MakePlan.
func (p *Plan) compare(ctx context.Context, parts Parts) error {
	again := &Plan{Store: p.Store, Role: p.Role, OldRole: p.OldRole}
	if err := again.readStore(ctx, parts.Store); err != nil {
		return err
	}
	if !same(again.current, p.current) || !same(again.pending, p.pending) || again.noted.Reveal() != p.noted.Reveal() {
		return ErrMovedOn
	}
	if err := again.readStage(ctx, parts); err != nil {
		return err
	}
	if again.Stage != p.Stage {
		return ErrMovedOn
	}
	return nil
}

// refuseUsed refuses to give a role a new password that has connections, unless an earlier run has.
func (p *Plan) refuseUsed(ctx context.Context) error {
	if p.Stage != Fresh && p.Stage != Prepared {
		return nil
	}
	peers, err := p.session.Connections(ctx, p.Role, "")
	if err == nil && len(peers) > 0 {
		return ErrInUse
	}
	return err
}

// isUnderWay looks whether the store still has this change, with the new address in both places. The error is
// ErrOvertaken where it does not: what was asked about then is another change.
func (p *Plan) isUnderWay(ctx context.Context, store Store) error {
	for _, name := range []string{Setting, PendingName} {
		if err := p.checkHeld(ctx, store, name, p.pending, ErrOvertaken); err != nil {
			return err
		}
	}
	return nil
}

// isOld looks whether the store still has the old address in its place.
func (p *Plan) isOld(ctx context.Context, store Store) error {
	return p.checkHeld(ctx, store, Setting, p.current, ErrMovedOn)
}

// checkHeld looks whether the store has an address under a name. The error is otherwise where it has another.
func (p *Plan) checkHeld(ctx context.Context, store Store, name string, address Address, otherwise error) error {
	held, err := store.Get(ctx, name)
	if err != nil {
		return fmt.Errorf("reading %s from %s: %w", name, p.Store, err)
	}
	if held.Reveal() != address.Text().Reveal() {
		return otherwise
	}
	return nil
}

func same(one, other Address) bool { return one.Text().Reveal() == other.Text().Reveal() }
