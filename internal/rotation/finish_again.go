package rotation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ocmt/ocmt/internal/secretstore"
)

// takeOutAgain takes a key that is retired out of one more store. The proof is made anew: that of its retirement does
// not know what was written since. The record keeps that one.
func (f Finisher) takeOutAgain(ctx context.Context, request FinishRequest, old, active RecordedKey, before *Evidence, change secretstore.Change) (*Finished, error) {
	look, err := f.lookAgain(ctx, old.Version)
	if err != nil {
		return nil, err
	}
	before.extendBackups(request.BackupsUntil, true)
	escrow, err := f.chooseEscrowAgain(ctx, request, old, before, true, look.At)
	if err != nil {
		return nil, err
	}
	state, err := f.Record.Readiness(ctx, active.Version)
	if err != nil {
		return nil, err
	}
	proven, look, err := f.proveUnused(ctx, old, active)
	if err != nil {
		return nil, err
	}
	evidence := newEvidence(request, f.Store.Place(), old, active, state, proven, look)
	evidence.BackupsUntil, evidence.Escrow = before.BackupsUntil, escrow
	if look, err = f.takeAway(ctx, evidence, change, func() error { return nil }); err != nil {
		return nil, err
	}
	evidence.FinishedAt = look.At
	return &Finished{Evidence: evidence}, f.Record.RecordTakenOut(ctx, evidence, f.Store.Place())
}

// repeat returns what was recorded of a key that is retired and not in this store. That no value has come under it
// since is looked at.
func (f Finisher) repeat(ctx context.Context, request FinishRequest, old RecordedKey, evidence *Evidence) (*Finished, error) {
	look, err := f.lookAgain(ctx, old.Version)
	if err != nil {
		return nil, f.neededAgain(old.Version, err)
	}
	isLater := evidence.extendBackups(request.BackupsUntil, false)
	if _, err := f.chooseEscrowAgain(ctx, request, old, evidence, false, look.At); err != nil {
		return nil, err
	}
	if isLater {
		if err := f.Record.RecordBackups(ctx, evidence); err != nil {
			return nil, err
		}
	}
	return &Finished{Evidence: evidence, Resumed: true}, nil
}

// extendBackups moves the day until which backups need a key, where a later one is stated, and reports whether it did.
// The later day wins: a backup that somebody knew of is not gone because somebody else does not know of it. While the
// key is there, a copy of it that no backup needed before is asked for again.
func (e *Evidence) extendBackups(stated time.Time, there bool) bool {
	if stated.IsZero() || stated.Format(time.DateOnly) <= e.BackupsUntil {
		return false
	}
	e.BackupsUntil = stated.Format(time.DateOnly)
	if there && e.Escrow.State == EscrowNotNeeded {
		e.Escrow = KeyEscrow{}
	}
	return true
}

// resume goes on where the key is out of the store, and that is not recorded. The evidence is that of the command that
// was cut off, and must be of this rotation and of this store. The proof is made anew, without the old key.
func (f Finisher) resume(ctx context.Context, request FinishRequest, old, active RecordedKey, evidence *Evidence) (*Finished, error) {
	if evidence == nil && isTakenByHand(request, old, active) {
		return f.recordTaken(ctx, request, old, active)
	}
	if evidence == nil || !evidence.isOf(old, active) {
		return nil, f.differs(SettingOf(old.Version), "it is not there, and this command has not taken it out",
			"put it back from its escrow, so that the proof can try it; then run this again")
	}
	if evidence.Store != f.Store.Place() || evidence.Host != request.Host {
		return nil, f.differs(SettingOf(old.Version), fmt.Sprintf("it is not there; an earlier command was to take it out of %s on %s, and was cut off", evidence.Store, evidence.Host),
			fmt.Sprintf("run ocmt rotate finish on %s, for that store; where that is gone, put the key back here from its escrow, and run this again", evidence.Host))
	}
	_, look, err := f.proveUnused(ctx, old, active)
	if err != nil {
		return nil, f.neededAgain(old.Version, err)
	}
	evidence.extendBackups(request.BackupsUntil, false)
	if evidence.Escrow, err = f.chooseEscrowAgain(ctx, request, old, evidence, false, look.At); err != nil {
		return nil, err
	}
	return f.record(ctx, evidence, true)
}

// isOf reports whether evidence is of the rotation from one version to the active one, and of no earlier one.
func (e *Evidence) isOf(old, active RecordedKey) bool {
	return e.NewVersion == active.Version && (active.Fingerprint == "" || e.NewFingerprint == active.Fingerprint) &&
		(old.Fingerprint == "" || e.Fingerprint == old.Fingerprint) && e.BegunAt.Equal(active.madeAt())
}

// madeAt returns when ocmt rotate begin made a key, or when the record first had one that was made by hand.
func (k RecordedKey) madeAt() time.Time {
	if k.Begun == nil {
		return k.Created
	}
	return k.Begun.Baseline.At
}

// isTakenByHand reports whether the old key of a rotation that was made by hand was taken out by hand too: it is proven
// to be unused, a copy can be compared with the record, and this process does not have it either.
func isTakenByHand(request FinishRequest, old, active RecordedKey) bool {
	return active.Begun == nil && !old.Proven.IsZero() && old.Fingerprint != "" && request.Settings.Keys[old.Version] == ""
}

// recordTaken records that a key is gone which was taken out by hand. It asks for what is asked before a key is taken
// away, and makes the proof anew, without the old key.
func (f Finisher) recordTaken(ctx context.Context, request FinishRequest, old, active RecordedKey) (*Finished, error) {
	evidence, err := f.prove(ctx, request, old, active, old.Fingerprint)
	if err != nil {
		return nil, err
	}
	if evidence.Escrow.State == EscrowToWrite {
		return nil, f.nothingToWrite(old.Version, evidence.Escrow.File)
	}
	return f.record(ctx, evidence, false)
}

// nothingToWrite returns the refusal that a key is gone, so that a file cannot get a copy of it.
func (f Finisher) nothingToWrite(version int, file string) error {
	return f.differs(SettingOf(version), "it is gone, so nothing can be written into "+file,
		"name a file that holds the key with --escrow, or leave --escrow out and say with --no-escrow that a copy is kept elsewhere")
}

// neededAgain returns the refusal because of a key that is gone from the store, and that something needs or may need.
// Another error stays as it is.
func (f Finisher) neededAgain(version int, err error) error {
	var refused *RefusedError
	var unproven *NotProvenError
	if !errors.As(err, &refused) && !errors.As(err, &unproven) {
		return err
	}
	return f.differs(SettingOf(version), "it was taken out, and now "+err.Error(),
		fmt.Sprintf("put it back from its escrow, and run ocmt rotate --from-version %d", version))
}

// record records that the key is gone from the store.
func (f Finisher) record(ctx context.Context, evidence *Evidence, resumed bool) (*Finished, error) {
	at, err := f.Record.RecordFinished(ctx, evidence)
	if err != nil {
		return nil, err
	}
	evidence.FinishedAt = at
	return &Finished{Evidence: evidence, Resumed: resumed}, nil
}
