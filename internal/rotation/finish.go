package rotation

import (
	"cmp"
	"context"
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
	// ErrNotExpected where the version is neither decrypt-only nor compromised.
	RecordFinishing(ctx context.Context, evidence *Evidence) error
	// RecordFinished records that the key of a version is gone from its place, and returns when. The error is as that of
	// RecordFinishing.
	RecordFinished(ctx context.Context, evidence *Evidence) (time.Time, error)
	// RecordTakenOut records that the key of a version that is retired is gone from one more place, what is known of its
	// copy, and until when backups need it. What was proven of it when it was retired stays.
	RecordTakenOut(ctx context.Context, evidence *Evidence, place string) error
	// RecordBackups records that backups need the key of a version that is retired until another day.
	RecordBackups(ctx context.Context, evidence *Evidence) error
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
// the proof, and shows that the old key no longer opens what the new one opens. It asks, and looks once more. Then it
// writes the copy where that is wanted, writes down what it is about to do, takes the key out of the store, looks at
// the store and once more at the values, and records that the key is gone. Where a value is under the key by then, the
// key goes back into the store. Where an earlier command was cut off behind the store, it goes on there. Where the key
// is retired already, and this store still has it, it is taken out here too, by a proof of its own. A rotation whose key
// was made by hand ends in the same way; where the old key was taken out by hand too, that is proven anew and recorded.
// The errors are *RefusedError and *NotProvenError where nothing was changed or the key was put back, and those of the
// store and the record.
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
	if err == nil && there {
		// What the store would refuse behind the proof is refused before it.
		err = secretstore.TryFirst(ctx, f.Store, change)
	}
	switch {
	case err != nil:
		return nil, err
	case old.State == Retired && there:
		return f.takeOutAgain(ctx, request, old, active, before, change)
	case old.State == Retired:
		return f.repeat(ctx, request, old, before)
	case !there:
		return f.resume(ctx, request, old, active, before)
	}
	evidence, err := f.prove(ctx, request, old, active, FingerprintOf(change.Old))
	if err != nil {
		return nil, err
	}
	finishing := func() error { return f.Record.RecordFinishing(ctx, evidence) }
	if _, err := f.takeAway(ctx, evidence, change, finishing); err != nil {
		return nil, err
	}
	return f.record(ctx, evidence, false)
}

// chooseFinish returns the version whose key is to be taken away, and the active one.
func chooseFinish(keys []RecordedKey, asked *int) (old, active RecordedKey, err error) {
	newest := NewestIn(keys, Active)
	if newest == nil {
		return old, active, noRotation("encryption_keys", "there is no rotation to finish: "+ErrNotBegun.Error())
	}
	candidates := listFinishable(keys, *newest, asked)
	switch {
	case len(candidates) == 0 && asked != nil && isRolledBack(keys, *asked, newest.Version):
		refused := noRotation(versionName(*asked), fmt.Sprintf("key version %d is newer than version %d, which is the active one: a rollback has left it", *asked, newest.Version))
		refused.Finding.Fix = "finish it once the next rotation has moved the values; ocmt rotate status shows where the keys stand"
		return old, active, refused
	case len(candidates) == 0 && asked != nil:
		return old, active, noRotation(versionName(*asked), fmt.Sprintf("key version %d is not one that is only read with", *asked))
	case len(candidates) == 0:
		return old, active, noRotation("encryption_keys", "there is no rotation to finish: no older key version waits to be taken away")
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

// isRolledBack reports whether a rollback has left a version that is newer than the active one.
func isRolledBack(keys []RecordedKey, version, active int) bool {
	key := KeyOf(keys, version)
	return key != nil && key.isOlder() && version > active
}

// listFinishable returns the versions below the active one that may be meant. One that is compromised is among them where
// it is asked for, or where there is no other. One that is retired is among them where it is asked for, or where the
// active one took its place and there is no other: the evidence of it is written again.
func listFinishable(keys []RecordedKey, active RecordedKey, asked *int) (list []RecordedKey) {
	if asked != nil {
		key := KeyOf(keys, *asked)
		if key == nil || key.Version >= active.Version || !key.isOlder() && key.State != Retired {
			return nil
		}
		return []RecordedKey{*key}
	}
	for _, state := range []KeyState{DecryptOnly, Compromised} {
		for _, key := range keys {
			isAmong := len(list) == 0 || list[0].State == state
			if isAmong && key.Version < active.Version && key.State == state {
				list = append(list, key)
			}
		}
	}
	if len(list) == 0 {
		return listReplaced(keys, active)
	}
	return list
}

// listReplaced returns the version that the active one took the place of, where it is retired and ocmt rotate begin
// has recorded which one it was.
func listReplaced(keys []RecordedKey, active RecordedKey) []RecordedKey {
	if active.Begun == nil {
		return nil
	}
	if last := KeyOf(keys, active.Begun.From); last != nil && last.State == Retired {
		return []RecordedKey{*last}
	}
	return nil
}

// isOlder reports whether values may be under a version, and new ones are not. One that is compromised must go too.
func (k RecordedKey) isOlder() bool { return k.State == DecryptOnly || k.State == Compromised }

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
	proven, look, err := f.proveUnused(ctx, old, active)
	if err != nil {
		return nil, err
	}
	evidence := newEvidence(request, f.Store.Place(), old, active, state, proven, look)
	evidence.Escrow = escrow
	return evidence, nil
}

// proveUnused makes the proof that nothing needs a key, and looks at the labels behind it: whatever was written
// meanwhile is in the look.
func (f Finisher) proveUnused(ctx context.Context, old, active RecordedKey) (*FinishProof, *Look, error) {
	proven, err := f.Prove(ctx, old.Version, active.Version)
	if err != nil {
		return nil, nil, err
	}
	if err := checkProof(proven, old.Version); err != nil {
		return nil, nil, err
	}
	look, err := f.lookAgain(ctx, old.Version)
	return proven, look, err
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
	unproven := &NotProvenError{Version: version, Conditions: Conditions(nil)}
	for _, gap := range look.Gaps {
		unproven.Reasons = append(unproven.Reasons, finding.Finding{Code: finding.Unreadable, Severity: finding.Error, Where: gap.What, Rights: gap.Reason.Missing,
			Message: "its values could not be counted: " + gap.Reason.Text, Fix: cmp.Or(finding.GrantText(gap.Reason.Missing), "see that the table can be read, then run this again")})
	}
	return unproven
}

// valuesLeft returns the refusal that values are under a version.
func valuesLeft(version int, left int64) *RefusedError {
	return &RefusedError{Finding: finding.Finding{Code: finding.ValuesUnder, Severity: finding.Error, Where: versionName(version),
		Message: fmt.Sprintf("values are under key version %d", version), Evidence: numberText(left) + " values",
		Fix: fmt.Sprintf("run ocmt rotate --from-version %d, then this again", version)}}
}
