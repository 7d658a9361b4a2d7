package rotation

import (
	"context"
	"errors"
	"fmt"

	"github.com/ocmt/ocmt/internal/finding"
)

// ErrNothingPending says that no version was begun and not put in place.
var ErrNothingPending = errors.New("no key version is pending")

// abandonCommand gives a pending version up.
const abandonCommand = "ocmt rotate begin --abandon"

// PlanAbandon returns the pending version, where it may be given up: neither the store nor the settings of
// this process have its key, and no value of the encrypted columns has its label. The number stays taken, in case that another place has the
// key. Errors: a *RefusedError, ErrNothingPending, and those of the record, the store and the database.
func (b Beginner) PlanAbandon(ctx context.Context, settings Placement) (*RecordedKey, *Look, error) {
	keys, err := b.Record.KeyStates(ctx)
	if err != nil {
		return nil, nil, err
	}
	pending := NewestIn(keys, Pending)
	if pending == nil {
		return nil, nil, ErrNothingPending
	}
	if pending.Begun == nil {
		return nil, nil, refuseForeign(pending)
	}
	store, err := ReadPlacement(ctx, b.Store)
	if err != nil {
		return nil, nil, err
	}
	if store.find(pending.Fingerprint).IsSet() {
		return nil, nil, refuseStore(store, fmt.Sprintf("it has the key of version %d", pending.Version), "ocmt rotate begin goes on with it")
	}
	if settings.find(pending.Fingerprint).IsSet() {
		return nil, nil, refuseStore(settings, fmt.Sprintf("they have the key of version %d", pending.Version), "find out whether a server has it too, and name its place with --store")
	}
	look, err := b.Look(ctx)
	if err != nil {
		return nil, nil, err
	}
	if values := look.Labels()[pending.Version]; values > 0 {
		return nil, nil, refuse(finding.UnfinishedRotation, pending.Version,
			fmt.Sprintf("%s version %d: a server has its key", labelledText(values), pending.Version), adviseEscrow(pending))
	}
	if len(look.Gaps) > 0 {
		return nil, nil, refuseGaps(pending.Version, look.Gaps)
	}
	return pending, look, nil
}

// Abandon gives a version up that PlanAbandon has returned. It looks once more before.
func (b Beginner) Abandon(ctx context.Context, settings Placement, pending *RecordedKey) error {
	again, _, err := b.PlanAbandon(ctx, settings)
	if err != nil {
		return err
	}
	if again.Version != pending.Version {
		return ErrNotExpected
	}
	return b.Record.RecordAbandoned(ctx, pending.Version)
}
