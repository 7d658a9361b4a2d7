package redispassword

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/pkg/secret"
)

// The names of the store. Beside the address that the servers read, the store keeps the password that is not
// in it while a change is under way: so a process that dies never takes the only copy with it. Both are
// spelt as an address spells them.
const (
	NameAddress  = "REDIS_URL"
	NamePending  = "OCMT_PENDING_REDIS_PASSWORD"  // made, and not yet in the address
	NamePrevious = "OCMT_PREVIOUS_REDIS_PASSWORD" // no longer in the address, and not yet taken away
	NameSince    = "OCMT_REDIS_PASSWORD_SINCE"    // when the address got its password, by the clock of Redis
)

// Stage is how far a change is.
type Stage string

// The stages.
const (
	Idle     Stage = "idle"     // nothing is under way
	Pending  Stage = "pending"  // a new password is made; the servers read the old one
	Switched Stage = "switched" // the servers read the new one; Redis may still take the old one
)

// ErrContradiction says that what the store keeps of a change does not fit together.
var ErrContradiction = errors.New("the store has been changed by hand: " + NamePending + " or " + NamePrevious + " does not fit to " + NameAddress)

// stored is what the store has.
type stored struct {
	text                     secret.Value // REDIS_URL as it is
	address                  Address
	pending, previous, since secret.Value
	stage                    Stage
	rest                     secret.Value // the password that is not in the address, spelt as there; not set while Idle
}

// backMark behind the time of NameSince says that the change is taken back: the password in the address is the
// one from before the change.
const backMark = " back"

// readStore reads the store. Errors: those of ParseAddress, *MissingError, ErrContradiction, and the store's.
func readStore(ctx context.Context, store secretstore.Store) (s stored, err error) {
	for _, entry := range []struct {
		name  string
		value *secret.Value
	}{{NameAddress, &s.text}, {NamePending, &s.pending}, {NamePrevious, &s.previous}, {NameSince, &s.since}} {
		if *entry.value, err = store.Get(ctx, entry.name); err != nil {
			return s, fmt.Errorf("reading %s from the store: %w", entry.name, err)
		}
	}
	if !s.text.IsSet() {
		return s, &MissingError{Place: store.Place()}
	}
	if s.address, err = ParseAddress(s.text.Reveal()); err != nil {
		return s, fmt.Errorf("reading %s: %w", NameAddress, err)
	}
	s.stage, s.rest, err = s.compare()
	return s, err
}

// compare returns how far the change is, and the password that is not in the address.
func (s stored) compare() (Stage, secret.Value, error) {
	current, pending, previous := s.address.Written().Reveal(), s.pending.Reveal(), s.previous.Reveal()
	hasPending, hasPrevious := pending != "" && pending != current, previous != "" && previous != current
	switch {
	case pending == "" && previous == "":
		return Idle, secret.Value{}, nil
	case hasPrevious && (!hasPending || pending == previous):
		return Switched, s.previous, nil
	case hasPending && !hasPrevious && s.isBack():
		return Switched, s.pending, nil // a store that makes its changes one by one was interrupted in swap
	case hasPending && !hasPrevious:
		return Pending, s.pending, nil
	}
	return "", secret.Value{}, ErrContradiction
}

// current and other return the password that is in the address, and the one that is not.
func (s stored) current() secret.Value { return s.address.Password() }
func (s stored) other() secret.Value   { return secret.NewValue(decode(s.rest.Reveal())) }

// isBack reports whether the change is taken back.
func (s stored) isBack() bool { return strings.HasSuffix(s.since.Reveal(), backMark) }

// switchedAt returns when the address got its password; the zero time where that is not known.
func (s stored) switchedAt() time.Time {
	at, err := time.Parse(time.RFC3339Nano, strings.TrimSuffix(s.since.Reveal(), backMark))
	if err != nil {
		return time.Time{}
	}
	return at
}

// putPending puts a new password beside the address.
func putPending(ctx context.Context, store secretstore.Store, written secret.Value) error {
	return apply(ctx, store, "keeping the new password", secretstore.Change{Name: NamePending, New: written})
}

// switchTo puts a password into the address, and keeps the one that was there. The order is such that a store
// which makes its changes one by one always has both.
func (s stored) switchTo(ctx context.Context, store secretstore.Store, written secret.Value, since string) error {
	return apply(ctx, store, "putting the password into "+NameAddress, clean([]secretstore.Change{
		{Name: NameSince, Old: s.since, New: secret.NewValue(since)},
		{Name: NamePrevious, Old: s.previous, New: s.address.Written()},
		{Name: NameAddress, Old: s.text, New: s.address.With(written).Text()},
		{Name: NamePending, Old: s.pending},
	})...)
}

// swap puts the previous password back into the address, and keeps the other one in its place. The other one
// is kept as pending first, so that a store which makes its changes one by one always has both.
func (s stored) swap(ctx context.Context, store secretstore.Store, since string) error {
	const doing = "putting the password back into " + NameAddress
	written := s.address.Written()
	err := apply(ctx, store, doing, clean([]secretstore.Change{
		{Name: NamePending, Old: s.pending, New: written}, {Name: NameSince, Old: s.since, New: secret.NewValue(since)},
	})...)
	if err != nil {
		return err
	}
	return apply(ctx, store, doing, clean([]secretstore.Change{
		{Name: NameAddress, Old: s.text, New: s.address.With(s.rest).Text()},
		{Name: NamePrevious, Old: s.previous, New: written},
		{Name: NamePending, Old: written},
	})...)
}

// setSince notes when the address got its password.
func (s stored) setSince(ctx context.Context, store secretstore.Store, since string) error {
	return apply(ctx, store, "noting the moment of the change", clean([]secretstore.Change{{Name: NameSince, Old: s.since, New: secret.NewValue(since)}})...)
}

// forget takes out what the store kept of the change.
func (s stored) forget(ctx context.Context, store secretstore.Store) error {
	return apply(ctx, store, "taking the other password out of the store", clean([]secretstore.Change{
		{Name: NamePending, Old: s.pending}, {Name: NameSince, Old: s.since}, {Name: NamePrevious, Old: s.previous},
	})...)
}

// clean leaves out changes that change nothing.
func clean(changes []secretstore.Change) (left []secretstore.Change) {
	for _, change := range changes {
		if change.Old.Reveal() != change.New.Reveal() {
			left = append(left, change)
		}
	}
	return left
}

// apply makes changes, and reads the address back.
func apply(ctx context.Context, store secretstore.Store, doing string, changes ...secretstore.Change) error {
	if len(changes) == 0 {
		return nil
	}
	if err := store.Apply(ctx, changes...); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	last := map[string]string{}
	for _, change := range changes {
		last[change.Name] = change.New.Reveal()
	}
	for name, want := range last {
		got, err := store.Get(ctx, name)
		if err != nil {
			return fmt.Errorf("%s: reading %s back: %w", doing, name, err)
		}
		if got.Reveal() != want {
			return fmt.Errorf("%s: reading %s back: %w", doing, name, secretstore.ErrChanged)
		}
	}
	return nil
}
