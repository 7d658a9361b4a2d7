package rotation

import (
	"context"
	"errors"
	"fmt"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/secretstore"
)

// takeAway asks, looks at the values once more, writes the copy of a key where that is wanted, records what is begun,
// and takes the key out of the store. It returns the look behind that. Where a value is under the key then, or that
// cannot be seen, the key goes back into the store.
func (f Finisher) takeAway(ctx context.Context, evidence *Evidence, change secretstore.Change, recordBegun func() error) (*Look, error) {
	if err := f.Confirm(ctx, evidence); err != nil {
		return nil, err
	}
	// The answer may have taken hours.
	if look, err := f.lookAgain(ctx, evidence.Version); err != nil {
		return nil, errors.Join(err, f.recordOldWrite(ctx, evidence, look))
	}
	if err := f.keepCopy(ctx, evidence, change.Old); err != nil {
		return nil, err
	}
	if err := recordBegun(); err != nil {
		return nil, err
	}
	if err := f.takeOut(ctx, change); err != nil {
		return nil, err
	}
	look, err := f.lookAgain(ctx, evidence.Version)
	if err != nil {
		return nil, f.putBack(ctx, evidence, change, look, err)
	}
	return look, nil
}

// takeOut takes a key out of the store, and looks whether it is gone.
func (f Finisher) takeOut(ctx context.Context, change secretstore.Change) error {
	if err := f.Store.Apply(ctx, change); err != nil {
		return fmt.Errorf("taking %s out of %s: %w", change.Name, f.Store.Place(), err)
	}
	return f.checkGone(ctx, change.Name)
}

// checkGone refuses where a store still has a setting.
func (f Finisher) checkGone(ctx context.Context, name string) error {
	value, err := f.Store.Get(ctx, name)
	if err != nil {
		return fmt.Errorf("reading %s from %s: %w", name, f.Store.Place(), err)
	}
	if value.IsSet() {
		return f.differs(name, "it is still there after it was taken out", "find out who puts it back, then run this again")
	}
	return nil
}

// PutBackError says that a key was taken out of its store, that it was not seen afterwards that no value needs it, and
// that it is in the store again.
type PutBackError struct {
	Setting string
	Place   string
	Cause   error // why the key is needed, or that it could not be seen
}

// Error says where the key is.
func (e *PutBackError) Error() string {
	return fmt.Sprintf("%s was taken out of %s and is back there: %v", e.Setting, e.Place, e.Cause)
}

// Unwrap returns why the key is needed, or that it could not be seen.
func (e *PutBackError) Unwrap() error { return e.Cause }

// putBack puts a key into the store again, because of what came of the look behind the change. It does so too where the
// command is to end: a key that is not known to be unused must not be gone.
func (f Finisher) putBack(ctx context.Context, evidence *Evidence, taken secretstore.Change, look *Look, cause error) error {
	ctx = context.WithoutCancel(ctx)
	err := f.Store.Apply(ctx, secretstore.Change{Name: taken.Name, New: taken.Old})
	if err == nil {
		err = f.checkBack(ctx, taken)
	}
	if err != nil {
		return f.differs(taken.Name, fmt.Sprintf("it was taken out, then %v; and it could not be put back: %v", cause, err),
			"put it back from its escrow at once, and run ocmt rotate status")
	}
	return errors.Join(&PutBackError{Setting: taken.Name, Place: f.Store.Place(), Cause: cause}, f.recordOldWrite(ctx, evidence, look))
}

// checkBack returns an error where a store does not have what was taken out of it.
func (f Finisher) checkBack(ctx context.Context, taken secretstore.Change) error {
	held, err := f.Store.Get(ctx, taken.Name)
	if err == nil && held.Reveal() != taken.Old.Reveal() {
		err = errors.New("the store has not taken it")
	}
	return err
}

// recordOldWrite records that a server writes an older version, where a look behind a proof has shown that: the servers
// must be seen to be ready anew. The look is nil where there was none.
func (f Finisher) recordOldWrite(ctx context.Context, evidence *Evidence, look *Look) error {
	if look == nil || look.Labels()[evidence.Version] == 0 {
		return nil
	}
	state, err := f.Record.Readiness(ctx, evidence.NewVersion)
	if err != nil {
		return err
	}
	state.OldAt = look.At
	return f.Record.RecordReadiness(ctx, evidence.NewVersion, state, false)
}

// lookAgain looks at the values, and refuses where some are under a version that was proven to be unused. The look
// comes back with the refusal.
func (f Finisher) lookAgain(ctx context.Context, version int) (*Look, error) {
	look, err := f.Look(ctx)
	if err != nil {
		return nil, err
	}
	return look, f.checkLook(look, version)
}

// differs returns the refusal that the store does not have what it should.
func (f Finisher) differs(name, message, fix string) *RefusedError {
	return &RefusedError{Finding: finding.Finding{Code: finding.StoreDiffers, Severity: finding.Error, Where: name + " in " + f.Store.Place(),
		Message: name + " in " + f.Store.Place() + ": " + message, Fix: fix}}
}
