package rotation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/pkg/secret"
)

// FinishRecord is the record as far as the end of a rotation needs it.
type FinishRecord interface {
	ReadinessRecord
	// KeyStates returns the versions in their order.
	KeyStates(ctx context.Context) ([]RecordedKey, error)
	// Evidence returns what was written down when the key of a version was to be taken away, nil where it never was.
	Evidence(ctx context.Context, version int) (*Evidence, error)
	// RecordFinishing writes down, before the key of a version is taken away, what was proven of it. The error is
	// ErrNotExpected where the version is not decrypt-only.
	RecordFinishing(ctx context.Context, evidence *Evidence) error
	// RecordFinished records that the key of a version is gone from its place, and returns when. The error is as that of
	// RecordFinishing.
	RecordFinished(ctx context.Context, evidence *Evidence) (time.Time, error)
	// RecordTakenOut records that the key of a version that is retired is gone from one more place, and what is known of
	// its copy.
	RecordTakenOut(ctx context.Context, evidence *Evidence, place string) error
}

// FinishRequest says which key is to be taken away, and what is known of it.
type FinishRequest struct {
	Version      *int      // nil for the only one that is decrypt-only
	BackupsUntil time.Time // the last day on which a backup may need the key; the zero time where nobody said
	Escrow       string    // the file that has a copy of the key, or is to get one; "" where nobody named one
	NoEscrow     bool      // the operator says that a copy is kept elsewhere
	Settings     Placement // what this process works with
	Operator     string
	Host         string
}

// Finisher takes the key of a version away, once it is proven that nothing needs it.
type Finisher struct {
	Record FinishRecord
	Store  secretstore.Store
	// Prove makes the proof anew. It is made under the lock, and so later than every write of a run.
	Prove func(ctx context.Context, from, to int) (*FinishProof, error)
	// Look looks at the labels of all encrypted values.
	Look func(ctx context.Context) (*Look, error)
	// OpenEscrow returns the file of a name, for a copy of the key. It opens nothing.
	OpenEscrow func(name string) KeyFile
	// Confirm asks whether to go on, before anything is changed. The evidence has everything that was proven.
	Confirm func(ctx context.Context, evidence *Evidence) error
}

// FinishProof is what was proven before a key is taken away.
type FinishProof struct {
	Plan  *migrate.Plan
	Proof *Proof
	Trial *KeyTrial // nil where there was no value to try the old key on
}

// Finished is what became of a key.
type Finished struct {
	Evidence *Evidence
	// Resumed says that an earlier command had taken the key away, and this one recorded it or only wrote the evidence.
	Resumed bool
}

// NotProvenError says why a key is not proven to be unused.
type NotProvenError struct {
	Version    int
	Reasons    []finding.Finding // at least one
	Conditions []ConditionResult
}

// Error lists the reasons.
func (e *NotProvenError) Error() string {
	return fmt.Sprintf("it is not proven that nothing needs key version %d: %s", e.Version, finding.Texts(e.Reasons))
}

// Finish takes a key away: it checks that the servers were seen to write the new version, that the store has what the
// settings and the record say, that backups were thought of, and that the key has a copy while they need it; it makes
// the proof, and shows that the old key no longer opens what the new one opens. Then it writes the copy where that is
// wanted, writes down what it is about to do, takes the key out of the store, looks, and records that it is gone. Where an earlier command was cut off behind the store, it goes on there. Where
// the key is retired already, and this store still has it, it is taken out here too. The errors are *RefusedError and
// *NotProvenError where nothing was changed, and those of the store and the record.
func (f Finisher) Finish(ctx context.Context, request FinishRequest) (*Finished, error) {
	keys, err := f.Record.KeyStates(ctx)
	if err != nil {
		return nil, err
	}
	old, active, err := chooseFinish(keys, request.Version)
	if err != nil {
		return nil, err
	}
	before, err := f.Record.Evidence(ctx, old.Version)
	if err != nil {
		return nil, err
	}
	if old.State == Retired && before == nil {
		return nil, noRotation(versionName(old.Version), fmt.Sprintf("key version %d is retired, and this command has not retired it", old.Version))
	}
	change, there, err := f.checkStore(ctx, request, old, active)
	switch {
	case err != nil:
		return nil, err
	case old.State == Retired && there:
		return f.takeOutAgain(ctx, request, old, before, change)
	case old.State == Retired:
		_, err := f.chooseEscrowAgain(ctx, request, old, before, false, before.ProvenAt)
		return &Finished{Evidence: before, Resumed: true}, err
	case !there:
		return f.resume(ctx, request, old, before)
	}
	evidence, err := f.prove(ctx, request, old, active, FingerprintOf(change.Old))
	if err != nil {
		return nil, err
	}
	return f.takeAway(ctx, evidence, change)
}

// takeAway asks, keeps a copy where that is wanted, and takes a key out of the store that is proven to be unused.
func (f Finisher) takeAway(ctx context.Context, evidence *Evidence, change secretstore.Change) (*Finished, error) {
	if err := f.Confirm(ctx, evidence); err != nil {
		return nil, err
	}
	if err := f.keepCopy(ctx, evidence, change.Old); err != nil {
		return nil, err
	}
	if err := f.Record.RecordFinishing(ctx, evidence); err != nil {
		return nil, err
	}
	if err := f.takeOut(ctx, change); err != nil {
		return nil, err
	}
	return f.record(ctx, evidence, false)
}

// chooseFinish returns the version whose key is to be taken away, and the active one.
func chooseFinish(keys []RecordedKey, asked *int) (old, active RecordedKey, err error) {
	newest := NewestIn(keys, Active)
	if newest == nil || newest.Begun == nil {
		return old, active, noRotation("encryption_keys", "there is no rotation to finish: "+ErrNotBegun.Error())
	}
	candidates := listFinishable(keys, *newest, asked)
	switch {
	case len(candidates) == 0 && asked != nil:
		return old, active, noRotation(versionName(*asked), fmt.Sprintf("key version %d is not one that is only read with", *asked))
	case len(candidates) == 0:
		return old, active, noRotation("encryption_keys", "there is no rotation to finish: no older key version is only read with")
	case len(candidates) > 1:
		versions := make([]int, len(candidates))
		for i, key := range candidates {
			versions[i] = key.Version
		}
		refused := noRotation("encryption_keys", fmt.Sprintf("key versions %s are only read with, and one is finished at a time", joinNumbers(versions)))
		refused.Finding.Fix = fmt.Sprintf("add --from-version %d, the oldest, and then finish the next", versions[0])
		return old, active, refused
	}
	return candidates[0], *newest, nil
}

// listFinishable returns the versions below the active one that may be meant. One that is retired is among them where
// it is asked for, or where the active one took its place and there is no other: the evidence of it is written again.
func listFinishable(keys []RecordedKey, active RecordedKey, asked *int) (list []RecordedKey) {
	for _, key := range keys {
		isMeant := asked == nil && key.State == DecryptOnly || asked != nil && key.Version == *asked && (key.State == DecryptOnly || key.State == Retired)
		if key.Version < active.Version && isMeant {
			list = append(list, key)
		}
	}
	if asked == nil && len(list) == 0 {
		if last := KeyOf(keys, active.Begun.From); last != nil && last.State == Retired {
			list = append(list, *last)
		}
	}
	return list
}

// noRotation returns the refusal that there is nothing to finish.
func noRotation(where, message string) *RefusedError {
	return &RefusedError{Finding: finding.Finding{Code: finding.NoRotation, Severity: finding.Error, Where: where, Message: message,
		Fix: "ocmt rotate status shows where the keys stand"}}
}

// checkStore compares the store with the record and with the settings, and returns the change that takes the old key
// out of it. It is not there where it is gone already.
func (f Finisher) checkStore(ctx context.Context, request FinishRequest, old, active RecordedKey) (change secretstore.Change, there bool, err error) {
	store, err := ReadPlacement(ctx, f.Store)
	if err != nil {
		return change, false, err
	}
	for _, place := range []Placement{store, request.Settings} {
		switch {
		case place.Problem != "":
			return change, false, refuseStore(place, place.Problem, "mend it; ocmt validate says more")
		case !place.has(active.Version, active.Fingerprint):
			return change, false, refuseStore(place, fmt.Sprintf("it does not write with version %d, fingerprint %s, which is the active one of the record", active.Version, active.Fingerprint),
				"ocmt rotate status shows what the record, the store and the settings have; --store and --env-file name another place")
		}
	}
	name := SettingOf(old.Version)
	held := store.Keys[old.Version]
	switch {
	case !store.texts[name].IsSet():
		return change, false, nil
	case old.Fingerprint != "" && held != old.Fingerprint:
		return change, false, refuseStore(store, fmt.Sprintf("its %s has the fingerprint %s, and the record has %s for version %d", name, held, old.Fingerprint, old.Version),
			"find out who changed it: another key would be taken away than the one that is proven")
	case request.Settings.Keys[old.Version] != held:
		return change, false, refuseStore(store, fmt.Sprintf("its %s is not that of the settings of this command", name),
			"let both come from one place: --env-file names the file that --store names")
	}
	change, _ = store.changeTo(name, secret.Value{})
	return change, true, nil
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

// differs returns the refusal that the store does not have what it should.
func (f Finisher) differs(name, message, fix string) *RefusedError {
	return &RefusedError{Finding: finding.Finding{Code: finding.StoreDiffers, Severity: finding.Error, Where: name + " in " + f.Store.Place(),
		Message: name + " in " + f.Store.Place() + ": " + message, Fix: fix}}
}

// takeOutAgain takes a key that is retired out of one more store. What proved it is written down; that no value has
// come under it since is looked at.
func (f Finisher) takeOutAgain(ctx context.Context, request FinishRequest, old RecordedKey, evidence *Evidence, change secretstore.Change) (*Finished, error) {
	look, err := f.lookAgain(ctx, evidence.Version)
	if err != nil {
		return nil, err
	}
	if evidence.Escrow, err = f.chooseEscrowAgain(ctx, request, old, evidence, true, look.At); err != nil {
		return nil, err
	}
	if err := f.Confirm(ctx, evidence); err != nil {
		return nil, err
	}
	if err := f.keepCopy(ctx, evidence, change.Old); err != nil {
		return nil, err
	}
	if err := f.takeOut(ctx, change); err != nil {
		return nil, err
	}
	return &Finished{Evidence: evidence, Resumed: true}, f.Record.RecordTakenOut(ctx, evidence, f.Store.Place())
}

// lookAgain refuses where values are under a version that was proven to be unused.
func (f Finisher) lookAgain(ctx context.Context, version int) (*Look, error) {
	look, err := f.Look(ctx)
	if err != nil {
		return nil, err
	}
	return look, f.checkLook(look, version)
}

// prove checks what must be before a key is taken away, and returns the evidence of it. The fingerprint is of the old
// key in the store.
func (f Finisher) prove(ctx context.Context, request FinishRequest, old, active RecordedKey, fingerprint string) (*Evidence, error) {
	state, err := f.Record.Readiness(ctx, active.Version)
	if err != nil {
		return nil, err
	}
	if err := checkReady(state, active.Version); err != nil {
		return nil, err
	}
	if request.BackupsUntil.IsZero() {
		return nil, &RefusedError{Finding: finding.Finding{Code: finding.BackupsNotStated, Severity: finding.Error, Where: versionName(old.Version),
			Message: "nobody said until when backups of the database need this key",
			Fix:     "add --backups-until with the day on which the last backup from before the rotation is deleted, such as 2027-03-31; until then the key stays in its escrow"}}
	}
	// The proof may take long. What would be refused behind it is refused before it.
	today, err := f.lookAgain(ctx, old.Version)
	if err != nil {
		return nil, err
	}
	escrow, err := f.chooseEscrow(ctx, request, old, fingerprint, today.At)
	if err != nil {
		return nil, err
	}
	proven, err := f.Prove(ctx, old.Version, active.Version)
	if err != nil {
		return nil, err
	}
	if err := checkProof(proven, old.Version); err != nil {
		return nil, err
	}
	// It is later than the proof: whatever was written meanwhile is in it.
	look, err := f.Look(ctx)
	if err != nil {
		return nil, err
	}
	if err := f.checkLook(look, old.Version); err != nil {
		return nil, err
	}
	evidence := newEvidence(request, f.Store.Place(), old, active, state, proven, look)
	evidence.Escrow = escrow
	return evidence, nil
}

// checkReady refuses where the servers were not seen to write the new version, or an older write was seen since.
func checkReady(state ReadinessState, version int) error {
	found := finding.Finding{Code: finding.NotReady, Severity: finding.Error, Where: versionName(version), Fix: "run ocmt rotate readiness until it says that the servers are ready"}
	switch {
	case state.IsReady():
		return nil
	case state.ReadyAt.IsZero():
		found.Message = fmt.Sprintf("the servers were never seen to write version %d, and no older one", version)
	default:
		found.Message = fmt.Sprintf("a server wrote an older version at %s, after they were seen to be ready", state.OldAt.UTC().Format(time.DateTime+" UTC"))
	}
	return &RefusedError{Finding: found}
}

// checkProof refuses where values are left, or the key is not proven to be unused.
func checkProof(proven *FinishProof, version int) error {
	if left := proven.Plan.Pending(); left > 0 {
		return valuesLeft(version, left)
	}
	if slices.Contains(proven.Proof.Retirable, version) {
		return nil
	}
	return &NotProvenError{Version: version, Reasons: proven.Proof.Reasons, Conditions: Conditions(proven.Proof.Reasons)}
}

// checkLook refuses where values are under the version again, or where not everything could be counted.
func (f Finisher) checkLook(look *Look, version int) error {
	if left := look.Labels()[version]; left > 0 {
		return valuesLeft(version, left)
	}
	if len(look.Gaps) == 0 {
		return nil
	}
	gap := look.Gaps[0]
	return &NotProvenError{Version: version, Conditions: Conditions(nil), Reasons: []finding.Finding{{Code: finding.Unreadable, Severity: finding.Error, Where: gap.What,
		Message: "its values could not be counted: " + gap.Reason, Fix: "see that the account may read the table, then run this again"}}}
}

// valuesLeft returns the refusal that values are under a version.
func valuesLeft(version int, left int64) *RefusedError {
	return &RefusedError{Finding: finding.Finding{Code: finding.ValuesUnder, Severity: finding.Error, Where: versionName(version),
		Message: fmt.Sprintf("values are under key version %d", version), Evidence: fmt.Sprintf("%d values", left),
		Fix: fmt.Sprintf("run ocmt rotate --from-version %d, then this again", version)}}
}

// resume goes on where the key is out of the store. That it was proven is written down.
func (f Finisher) resume(ctx context.Context, request FinishRequest, old RecordedKey, evidence *Evidence) (*Finished, error) {
	if evidence == nil {
		return nil, f.differs(SettingOf(old.Version), "it is not there, and this command has not taken it out",
			"put it back from its escrow, so that the proof can try it; then run this again")
	}
	look, err := f.lookAgain(ctx, old.Version)
	var refused *RefusedError
	if errors.As(err, &refused) {
		return nil, f.differs(SettingOf(old.Version), "it was taken out, and since then "+refused.Finding.Message,
			fmt.Sprintf("put it back from its escrow, and run ocmt rotate --from-version %d", old.Version))
	}
	if err != nil {
		return nil, err
	}
	if evidence.Escrow, err = f.chooseEscrowAgain(ctx, request, old, evidence, false, look.At); err != nil {
		return nil, err
	}
	return f.record(ctx, evidence, true)
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
