package redispassword

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
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
	form
}

// form is what the entries of a store come to.
type form struct {
	stage Stage
	rest  secret.Value // the password that is not in the address, spelt as there; not set while Idle
	back  bool         // the change is taken back: the password in the address is the one from before it
	cutIn bool         // taking it back was cut off before the address had its old password again
}

// The marks behind the time of NameSince.
const (
	backMark = " back"   // the change is taken back
	endMark  = " ending" // the password that is not in the address is being taken away, so there is no way back
)

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
	s.form, err = s.compare()
	return s, err
}

// compare returns what the entries come to. A store that makes its changes one by one may have been cut off
// between any two of them.
func (s stored) compare() (form, error) {
	current, pending, previous := s.address.Written().Reveal(), s.pending.Reveal(), s.previous.Reveal()
	hasPending, hasPrevious := pending != "" && pending != current, previous != "" && previous != current
	marked := strings.Contains(s.since.Reveal(), backMark)
	switch {
	case !hasPending && !hasPrevious:
		return form{stage: Idle}, nil // what is left over is the password of the address
	case hasPending && hasPrevious && pending != previous:
		return form{}, ErrContradiction
	case hasPrevious:
		cutIn := marked && pending == current
		return form{stage: Switched, rest: s.previous, back: marked && !cutIn, cutIn: cutIn}, nil
	case marked:
		return form{stage: Switched, rest: s.pending, back: true}, nil
	}
	return form{stage: Pending, rest: s.pending}, nil
}

// current and other return the password that is in the address, and the one that is not.
func (s stored) current() secret.Value { return s.address.Password() }
func (s stored) other() secret.Value   { return secret.NewValue(decode(s.rest.Reveal())) }

// isUnread reports whether a password is taken back that was never in the address, so that no server has it.
func (s stored) isUnread() bool { return s.back && !s.previous.IsSet() }

// isEnding reports whether the password that is not in the address is being taken away.
func (s stored) isEnding() bool { return strings.HasSuffix(s.since.Reveal(), endMark) }

// marked returns the entry of NameSince with a mark behind it.
func (s stored) marked(mark string) secret.Value {
	text := cmp.Or(s.since.Reveal(), sinceText(time.Time{}, false))
	if strings.Contains(text, mark) {
		return s.since
	}
	return secret.NewValue(text + mark)
}

// isSame reports whether two readings of a store are of one change that goes one way. Passwords are never made
// twice, so a change is known by the two that it is between.
func (s stored) isSame(other stored) bool {
	return s.stage == other.stage && s.back == other.back && s.text.Reveal() == other.text.Reveal() && s.rest.Reveal() == other.rest.Reveal()
}

// switchedAt returns when the address got its password; the zero time where that is not known.
func (s stored) switchedAt() time.Time {
	word, _, _ := strings.Cut(s.since.Reveal(), " ")
	at, err := time.Parse(time.RFC3339Nano, word)
	if err != nil {
		return time.Time{}
	}
	return at
}

// try finds out whether the store takes a change, before one is begun.
func (s stored) try(ctx context.Context, store secretstore.Store) error {
	if s.stage != Idle {
		return nil
	}
	return secretstore.TryFirst(ctx, store, secretstore.Change{Name: NamePending, Old: s.pending, New: secret.NewValue(trialPassword)})
}

// trialPassword stands for the new password where it is only tried whether a store takes it.
const trialPassword = "trial"

// putPending puts a new password beside the address. It takes out what an ended change may have left.
func (s stored) putPending(ctx context.Context, store secretstore.Store, written secret.Value) error {
	return s.apply(ctx, store, "keeping the new password",
		secretstore.Change{Name: NamePrevious, Old: s.previous}, secretstore.Change{Name: NameSince, Old: s.since},
		secretstore.Change{Name: NamePending, Old: s.pending, New: written})
}

// switchTo puts a password into the address, and keeps the one that was there. The order is such that a store
// which makes its changes one by one always has both.
func (s stored) switchTo(ctx context.Context, store secretstore.Store, written secret.Value, since string) error {
	return s.apply(ctx, store, "putting the password into "+NameAddress,
		secretstore.Change{Name: NameSince, Old: s.since, New: secret.NewValue(since)},
		secretstore.Change{Name: NamePrevious, Old: s.previous, New: s.address.Written()},
		secretstore.Change{Name: NameAddress, Old: s.text, New: s.address.With(written).Text()},
		secretstore.Change{Name: NamePending, Old: s.pending})
}

// claimBack notes that the change is taken back, before Redis is touched: another run that is at work with the
// change as it was cannot write the store from then on. Where the address has the new password, that is kept
// as pending too, so that a store which makes its changes one by one always has both.
func (s stored) claimBack(ctx context.Context, store secretstore.Store) error {
	kept := s.pending
	if s.stage == Switched {
		kept = s.address.Written()
	}
	return s.apply(ctx, store, "noting that the change is taken back",
		secretstore.Change{Name: NamePending, Old: s.pending, New: kept},
		secretstore.Change{Name: NameSince, Old: s.since, New: s.marked(backMark)})
}

// swap puts the previous password back into the address, and keeps the other one in its place. claimBack
// comes before it.
func (s stored) swap(ctx context.Context, store secretstore.Store) error {
	return s.apply(ctx, store, "putting the password back into "+NameAddress,
		secretstore.Change{Name: NameSince, Old: s.since, New: secret.NewValue(sinceText(time.Time{}, true))},
		secretstore.Change{Name: NameAddress, Old: s.text, New: s.address.With(s.rest).Text()},
		secretstore.Change{Name: NamePrevious, Old: s.previous, New: s.address.Written()},
		secretstore.Change{Name: NamePending, Old: s.pending})
}

// setSince notes when the address got its password.
func (s stored) setSince(ctx context.Context, store secretstore.Store, since string) error {
	return s.apply(ctx, store, "noting the moment of the change", secretstore.Change{Name: NameSince, Old: s.since, New: secret.NewValue(since)})
}

// claimEnd notes that the password that is not in the address is being taken away.
func (s stored) claimEnd(ctx context.Context, store secretstore.Store) error {
	return s.apply(ctx, store, "noting that the other password is taken away", secretstore.Change{Name: NameSince, Old: s.since, New: s.marked(endMark)})
}

// forget takes out what the store kept of the change. What says which way it went is the last to go.
func (s stored) forget(ctx context.Context, store secretstore.Store) error {
	return s.apply(ctx, store, "taking the other password out of the store",
		secretstore.Change{Name: NamePending, Old: s.pending}, secretstore.Change{Name: NamePrevious, Old: s.previous}, secretstore.Change{Name: NameSince, Old: s.since})
}

// apply makes changes of what was read, if all four names still hold it.
func (s stored) apply(ctx context.Context, store secretstore.Store, doing string, changes ...secretstore.Change) error {
	changes = clean(changes)
	if len(changes) == 0 {
		return nil
	}
	var held []secretstore.Change
	for name, value := range map[string]secret.Value{NameAddress: s.text, NamePending: s.pending, NamePrevious: s.previous, NameSince: s.since} {
		if !slices.ContainsFunc(changes, func(change secretstore.Change) bool { return change.Name == name }) {
			held = append(held, secretstore.Change{Name: name, Old: value, New: value})
		}
	}
	return apply(ctx, store, doing, append(held, changes...)...)
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
