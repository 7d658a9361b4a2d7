package rotation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/pkg/secret"
)

// ErrEscrowUndecided says that a new key would be made, and nobody has said whether there is to be an
// offline copy of it.
var ErrEscrowUndecided = errors.New("nobody has said whether an offline copy of the new key is to be made")

// Escrow is where the offline copy of a new key goes.
type Escrow interface {
	// Check refuses a place that cannot take a key, such as a file that is there.
	Check() error
	// Write writes a key, and reads it back where that is possible. It never replaces what is there.
	Write(ctx context.Context, key secret.Value) error
	// Where is the file, or EscrowOutput.
	Where() string
}

// Beginner begins a rotation: it makes a new key and puts it in place. Whatever ends it between two steps,
// another process can go on from the record and the store.
type Beginner struct {
	Record KeyRecord
	Store  secretstore.Store
	// Look looks at the labels of all encrypted values.
	Look func(context.Context) (*Look, error)
	// CheckKeys refuses where a run from one version to the next could not be made: the current key does not
	// open what it should, the server is a standby, the record cannot be written.
	CheckKeys func(ctx context.Context, from, to int) error
	// Make makes a key from a cryptographic source.
	Make   func() (secret.Value, error)
	Escrow Escrow       // nil for none
	Known  secret.Value // the key that an earlier begin has written to its escrow; not set for none
}

// BeginRequest says what is to be begun.
type BeginRequest struct {
	Settings       Placement // as this process has them
	EscrowDecided  bool      // it is said whether there is to be an offline copy
	Operator, Host string
}

// BeginPlan is what Begin would do.
type BeginPlan struct {
	From, To int
	Before   string // fingerprint of the key of From
	Made     string // fingerprint of the key of To; "" where it is still to be made
	Store    Placement
	Look     *Look        // nil where the version is recorded already
	TakenUp  *RecordedKey // the version that an earlier begin has recorded; nil for a new one
	Placed   bool         // the store has the key already
	// Retired says that the key of From is retired: the store gets the new one alone, unless it still has both.
	Retired    bool
	before     *RecordedKey // the version From, nil where the record does not have it
	request    BeginRequest
	key, older secret.Value
}

// Recorded reports whether the record has the new version as active already: what is left is to put its key
// into one more store.
func (p *BeginPlan) Recorded() bool { return p.TakenUp != nil && p.TakenUp.State == Active }

// Plan looks at the record, the store and the database, and writes nothing. Errors: a *RefusedError,
// ErrEscrowUndecided, those of CheckKeys, and those of the record, the store and the database.
func (b Beginner) Plan(ctx context.Context, request BeginRequest) (*BeginPlan, error) {
	keys, err := b.Record.KeyStates(ctx)
	if err != nil {
		return nil, err
	}
	store, err := ReadPlacement(ctx, b.Store)
	if err != nil {
		return nil, err
	}
	// A store that was changed in part is one that the version can still be taken up with.
	if pending := NewestIn(keys, Pending); pending != nil {
		return b.takeUp(ctx, keys, pending, store)
	}
	if store.Problem != "" {
		return nil, refuseStore(store, store.Problem, "mend it; ocmt validate says more")
	}
	if active := NewestIn(keys, Active); active != nil && b.Known.IsSet() && active.Fingerprint == FingerprintOf(b.Known) {
		return b.takeUp(ctx, keys, active, store)
	}
	if !request.EscrowDecided && !b.Known.IsSet() {
		return nil, ErrEscrowUndecided
	}
	if b.Escrow != nil {
		if err := b.Escrow.Check(); err != nil {
			return nil, err
		}
	}
	return b.planNew(ctx, keys, store, request)
}

// planNew plans a new version.
func (b Beginner) planNew(ctx context.Context, keys []RecordedKey, store Placement, request BeginRequest) (*BeginPlan, error) {
	if err := checkAgreement(store, request.Settings); err != nil {
		return nil, err
	}
	plan := &BeginPlan{From: store.Version, Before: store.Keys[store.Version], Store: store, request: request,
		older: store.texts[secret.NameEncryptionKey], key: b.Known, Made: FingerprintOf(b.Known)}
	if err := checkRecord(keys, plan); err != nil {
		return nil, err
	}
	if err := checkUnused(keys, plan); err != nil {
		return nil, err
	}
	var err error
	if plan.Look, err = b.Look(ctx); err != nil {
		return nil, err
	}
	if err := checkFinished(keys, plan); err != nil {
		return nil, err
	}
	if plan.To, err = nextVersion(keys, plan); err != nil {
		return nil, err
	}
	if err := b.CheckKeys(ctx, plan.From, plan.To); err != nil {
		return nil, err
	}
	if len(plan.Look.Gaps) > 0 {
		return nil, refuseGaps(plan.From, plan.Look.Gaps)
	}
	trial := plan.key
	if !trial.IsSet() { // the key itself is not made before it is needed
		if trial, err = b.Make(); err != nil {
			return nil, err
		}
	}
	return plan, b.tryPlacing(ctx, plan, trial)
}

// tryPlacing refuses where the store would not take a key, or another one would be lost by it.
func (b Beginner) tryPlacing(ctx context.Context, plan *BeginPlan, key secret.Value) error {
	changes := plan.placing(key)
	if err := plan.Store.checkKept(changes); err != nil {
		return err
	}
	return secretstore.TryFirst(ctx, b.Store, changes...)
}

// nextVersion returns the version that nothing has had yet.
func nextVersion(keys []RecordedKey, plan *BeginPlan) (int, error) {
	highest := plan.From
	for _, key := range keys {
		highest = max(highest, key.Version)
	}
	for version := range plan.Store.Keys {
		highest = max(highest, version)
	}
	for version := range plan.Look.Labels() {
		highest = max(highest, version)
	}
	if highest >= math.MaxInt32-1 {
		return 0, fmt.Errorf("choosing the next version: there is none above %d", highest)
	}
	return highest + 1, nil
}

// takeUp plans to go on with a version that the record has, as pending or as active.
func (b Beginner) takeUp(ctx context.Context, keys []RecordedKey, found *RecordedKey, store Placement) (*BeginPlan, error) {
	plan := &BeginPlan{To: found.Version, Made: found.Fingerprint, Store: store, TakenUp: found}
	if found.Begun == nil {
		return nil, refuseForeign(found)
	}
	plan.From, plan.Before = found.Begun.From, found.Begun.FromFingerprint
	plan.before = KeyOf(keys, plan.From)
	plan.Retired = plan.before != nil && plan.before.State == Retired
	plan.older, plan.key = store.find(plan.Before), store.find(plan.Made)
	plan.Placed = store.has(plan.To, plan.Made) && (store.Keys[plan.From] == plan.Before || plan.withoutOlder())
	if plan.Placed {
		return plan, nil
	}
	if err := b.checkTakeUp(plan); err != nil {
		return nil, err
	}
	if !plan.key.IsSet() {
		plan.key = b.Known
	}
	return plan, b.tryPlacing(ctx, plan, plan.key)
}

// BeginStep is a step of Begin.
type BeginStep string

// The steps of Begin, in their order.
const (
	StepEscrow BeginStep = "escrow" // the offline copy is written
	StepRecord BeginStep = "record" // the version is recorded as pending
	StepPlace  BeginStep = "place"  // the store is changed and read back
	StepActive BeginStep = "active" // the version is recorded as active
)

// BeginError says at which step Begin failed. What came before is done.
type BeginError struct {
	Step BeginStep
	Plan *BeginPlan // with the fingerprint of the key, where one was made
	Err  error
}

// Error says why the step failed.
func (e *BeginError) Error() string { return e.Err.Error() }

// Unwrap returns why the step failed.
func (e *BeginError) Unwrap() error { return e.Err }

// Begin does what a plan says, and fills in the fingerprint of the key that it makes. The error is a
// *BeginError.
func (b Beginner) Begin(ctx context.Context, plan *BeginPlan) error {
	if plan.TakenUp == nil {
		if err := b.make(ctx, plan); err != nil {
			return err
		}
	}
	if !plan.Placed {
		if err := b.place(ctx, plan); err != nil {
			return &BeginError{StepPlace, plan, err}
		}
		plan.Placed = true
	}
	if err := b.Record.RecordInPlace(ctx, plan.To, b.Store.Place()); err != nil {
		return &BeginError{StepActive, plan, err}
	}
	return nil
}

// make makes the key, writes its offline copy, and records it as pending.
func (b Beginner) make(ctx context.Context, plan *BeginPlan) (err error) {
	escrow := ""
	if !plan.key.IsSet() {
		if plan.key, err = b.Make(); err != nil {
			return &BeginError{StepEscrow, plan, err}
		}
		plan.Made = FingerprintOf(plan.key)
		if b.Escrow != nil {
			if err := b.Escrow.Write(ctx, plan.key); err != nil {
				return &BeginError{StepEscrow, plan, fmt.Errorf("writing the offline copy: %w", err)}
			}
		}
	}
	if b.Escrow != nil {
		escrow = b.Escrow.Where()
	}
	begun := &Begun{From: plan.From, FromFingerprint: plan.Before, Operator: plan.request.Operator, Host: plan.request.Host, Store: b.Store.Place(), Escrow: escrow, Baseline: *plan.Look}
	made := RecordedKey{Version: plan.To, Fingerprint: plan.Made, State: Pending, Begun: begun}
	if err := b.Record.RecordPending(ctx, made, RecordedKey{Version: plan.From, Fingerprint: plan.Before}); err != nil {
		return &BeginError{StepRecord, plan, err}
	}
	return nil
}

// place puts the key in place, and looks what the store has then.
func (b Beginner) place(ctx context.Context, plan *BeginPlan) error {
	changes := plan.placing(plan.key)
	if err := plan.Store.checkKept(changes); err != nil {
		return err
	}
	if err := b.Store.Apply(ctx, changes...); err != nil {
		return fmt.Errorf("putting the key in place: %w", err)
	}
	return checkPlaced(ctx, b.Store, plan.wanted(), plan.To)
}

// checkPlaced reads a store back: it must write with a version, and have keys with these fingerprints.
func checkPlaced(ctx context.Context, store secretstore.Store, fingerprints map[int]string, version int) error {
	found, err := ReadPlacement(ctx, store)
	if err != nil {
		return err
	}
	for _, one := range slices.Sorted(maps.Keys(fingerprints)) {
		if !found.has(version, fingerprints[version]) || found.Keys[one] != fingerprints[one] {
			return fmt.Errorf("reading %s back: it does not have the keys that were put there", store.Place())
		}
	}
	return nil
}

// Next returns what is to be done when the key is in place.
func (p *BeginPlan) Next() []Step {
	restart := Step{Text: "restart the servers that have this place"}
	switch {
	case p.Retired && p.older.IsSet():
		return []Step{restart, nextForOlder(p.before, p.From, 0)}
	case p.Retired:
		return []Step{restart, {"see where the keys stand", statusCommand}}
	}
	return []Step{restartStep(p.To), nextForOlder(nil, p.From, 0)}
}
