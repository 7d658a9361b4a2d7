package rotation_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/pkg/secret"
)

// ending is a world in which a rotation is to be finished.
type ending struct {
	*world
	state    rotation.ReadinessState
	evidence map[int]rotation.Evidence
	gaps     []rotation.Gap
	late     int64 // values of version 0 that come with the proof
	pending  int64
	reasons  []finding.Finding
	proofs   int
	takenOut []string // places that RecordTakenOut was called with
	files    map[string]string
	asked    int
	answer   error
	// meanwhile happens while the operator is asked, and store is the store where it is not the world's.
	meanwhile func()
	store     secretstore.Store
	blind     error // why a look fails
}

// newEnding returns a world whose rotation from version 0 to 1 was begun, seen to be ready, and run.
func newEnding(t *testing.T) *ending {
	t.Helper()
	e := &ending{world: newWorld(t), evidence: map[int]rotation.Evidence{}, files: map[string]string{}}
	if _, err := e.begin(e.beginner()); err != nil {
		t.Fatal(err)
	}
	e.labels, e.calls = map[int]int64{1: 7}, 0
	e.state = rotation.ReadinessState{ReadyAt: begunAt.Add(time.Hour)}
	return e
}

func (e *ending) Readiness(context.Context, int) (rotation.ReadinessState, error) {
	return e.state, nil
}

func (e *ending) RecordReadiness(_ context.Context, _ int, state rotation.ReadinessState, _ bool) error {
	e.state = state
	return nil
}

func (e *ending) Evidence(_ context.Context, version int) (*rotation.Evidence, error) {
	kept, there := e.evidence[version]
	if !there {
		return nil, nil
	}
	return &kept, nil
}

func (e *ending) RecordFinishing(_ context.Context, evidence *rotation.Evidence) error {
	return e.change(func() error {
		if state := e.find(evidence.Version).State; state != rotation.DecryptOnly && state != rotation.Compromised {
			return rotation.ErrNotExpected
		}
		e.evidence[evidence.Version] = *evidence
		return nil
	})
}

func (e *ending) RecordFinished(_ context.Context, evidence *rotation.Evidence) (at time.Time, err error) {
	return begunAt.Add(5 * time.Hour), e.change(func() error {
		if state := e.find(evidence.Version).State; state != rotation.DecryptOnly && state != rotation.Compromised {
			return rotation.ErrNotExpected
		}
		e.find(evidence.Version).State = rotation.Retired
		kept := *evidence
		kept.FinishedAt = begunAt.Add(5 * time.Hour)
		e.evidence[evidence.Version] = kept
		return nil
	})
}

func (e *ending) RecordTakenOut(ctx context.Context, evidence *rotation.Evidence, place string) error {
	e.takenOut = append(e.takenOut, place)
	kept := e.evidence[evidence.Version]
	kept.Escrow = evidence.Escrow
	e.evidence[evidence.Version] = kept
	return e.RecordBackups(ctx, evidence)
}

func (e *ending) RecordBackups(_ context.Context, evidence *rotation.Evidence) error {
	kept := e.evidence[evidence.Version]
	kept.BackupsUntil = evidence.BackupsUntil
	e.evidence[evidence.Version] = kept
	return nil
}

// prove proves as the engine does, as far as the world goes.
func (e *ending) prove(_ context.Context, from, to int) (*rotation.FinishProof, error) {
	e.proofs++
	if e.late > 0 {
		e.labels[from] = e.late
	}
	plan := &migrate.Plan{Request: migrate.Request{From: &from, To: to}, Columns: []migrate.ColumnCount{{ByVersion: map[int]int64{from: e.pending, to: 7}}}}
	proof := &rotation.Proof{Verification: &migrate.Verification{Opened: 7, Plaintext: 2}, Reasons: e.reasons}
	if len(e.reasons) == 0 {
		proof.Retirable = []int{from}
	}
	return &rotation.FinishProof{Plan: plan, Proof: proof, Trial: &rotation.KeyTrial{Table: "secrets", NewOpened: true}}, nil
}

func (e *ending) lookWithGaps(ctx context.Context) (*rotation.Look, error) {
	look, err := e.look(ctx)
	if e.blind != nil {
		return nil, e.blind
	}
	look.Gaps, look.WAL, look.At = e.gaps, "0/1", begunAt.Add(4*time.Hour)
	return look, err
}

// keyFile is a file for the copy of a key.
type keyFile struct {
	*ending
	name string
}

func (e *ending) open(name string) rotation.KeyFile { return keyFile{e, name} }

func (f keyFile) Where() string { return f.name }

func (f keyFile) Read(context.Context) (secret.Value, bool, error) {
	text, there := f.files[f.name]
	if text == "unreadable" {
		return secret.Value{}, false, errors.New("permission denied")
	}
	return secret.NewValue(text), there, nil
}

func (f keyFile) Write(_ context.Context, key secret.Value) error {
	return f.change(func() error {
		f.files[f.name] = key.Reveal()
		return nil
	})
}

// finish finishes in one process, whose settings are those of the store but for what is changed.
func (e *ending) finish(change func(*rotation.FinishRequest)) (*rotation.Finished, error) {
	request := rotation.FinishRequest{BackupsUntil: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), Escrow: "/media/old", Settings: e.request().Settings, Operator: "olga", Host: "a"}
	if change != nil {
		change(&request)
	}
	finisher := rotation.Finisher{Record: e, Store: e, Prove: e.prove, Look: e.lookWithGaps, OpenEscrow: e.open, Confirm: e.confirm}
	if e.store != nil {
		finisher.Store = e.store
	}
	return finisher.Finish(context.Background(), request)
}

// checkFinished fails unless the old key is gone and recorded, and the evidence has everything.
func (e *ending) checkFinished(t *testing.T, finished *rotation.Finished) {
	t.Helper()
	if e.texts["ENCRYPTION_KEY_V0"] != "" || e.texts["ENCRYPTION_KEY"] == "" || e.texts["ADMIN_TOKEN"] != "kept" || e.find(0).State != rotation.Retired {
		t.Errorf("the key is not gone, or is not recorded so: %+v", e.keys)
	}
	found := finished.Evidence
	if found.Version != 0 || found.NewVersion != 1 || found.Fingerprint != e.find(0).Fingerprint || found.Operator != "olga" || found.BackupsUntil != "2030-01-01" ||
		found.Opened != 7 || found.FinishedAt.IsZero() || found.WAL != "0/1" || !found.Trial.NewOpened || len(found.Columns) != 1 || found.Columns[0].After[1] != 7 || found.Columns[0].Before[0] != 7 {
		t.Errorf("the evidence: %+v", found)
	}
	if slices.ContainsFunc(found.Conditions, func(c rotation.ConditionResult) bool { return !c.Met }) {
		t.Error("a condition is not met")
	}
}

// If this fails, a key is taken away that something still needs, or an operator is not told why it stays.
func TestFinishRefuses(t *testing.T) {
	t.Parallel()
	other, err := makeKey()
	if err != nil {
		t.Fatal(err)
	}
	seven := 7
	for name, test := range map[string]struct {
		spoil   func(*ending)
		request func(*rotation.FinishRequest)
		code    finding.Code
		says    string
	}{
		"nothing was begun":                   {func(e *ending) { e.keys = nil }, nil, finding.NoRotation, "ocmt rotate begin"},
		"there is no older key":               {func(e *ending) { e.keys = e.keys[1:] }, nil, finding.NoRotation, "no older key"},
		"another version is asked for":        {nil, func(r *rotation.FinishRequest) { r.Version = &seven }, finding.NoRotation, "key version 7"},
		"it is retired by something else":     {func(e *ending) { e.find(0).State = rotation.Retired }, nil, finding.NoRotation, "has not retired it"},
		"the servers were never ready":        {func(e *ending) { e.state = rotation.ReadinessState{} }, nil, finding.NotReady, "never seen"},
		"an old write was seen since":         {func(e *ending) { e.state.OldAt = e.state.ReadyAt.Add(time.Minute) }, nil, finding.NotReady, "after they were seen"},
		"backups are not stated":              {nil, func(r *rotation.FinishRequest) { r.BackupsUntil = time.Time{} }, finding.BackupsNotStated, "backups"},
		"values are left":                     {func(e *ending) { e.pending = 3 }, nil, finding.ValuesUnder, "under key version 0"},
		"a value came behind the proof":       {func(e *ending) { e.late = 1 }, nil, finding.ValuesUnder, "under key version 0"},
		"the store has another new key":       {func(e *ending) { e.texts["ENCRYPTION_KEY"] = other.Reveal() }, nil, finding.StoreDiffers, "does not write with version 1"},
		"the store has another version":       {func(e *ending) { e.texts["ENCRYPTION_KEY_VERSION"] = "2" }, nil, finding.StoreDiffers, "does not write with version 1"},
		"the store has another old key":       {func(e *ending) { e.texts["ENCRYPTION_KEY_V0"] = other.Reveal() }, nil, finding.StoreDiffers, "the record has"},
		"the old key is gone from the store":  {func(e *ending) { delete(e.texts, "ENCRYPTION_KEY_V0") }, nil, finding.StoreDiffers, "has not taken it out"},
		"the store has a key that is no key":  {func(e *ending) { e.texts["ENCRYPTION_KEY_V0"] = "short" }, nil, finding.StoreDiffers, "is not a key"},
		"the settings do not have the keys":   {nil, func(r *rotation.FinishRequest) { r.Settings = rotation.NewPlacement("settings", nil) }, finding.StoreDiffers, "settings"},
		"the settings have another older key": {nil, func(r *rotation.FinishRequest) { r.Settings.Keys[0] = "0011223344556677" }, finding.StoreDiffers, "not that of the settings"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnding(t)
			if test.spoil != nil {
				test.spoil(e)
			}
			before := fmt.Sprint(len(e.texts), e.keys)
			_, err := e.finish(test.request)
			var refused *rotation.RefusedError
			if !errors.As(err, &refused) || refused.Finding.Code != test.code || !strings.Contains(err.Error(), test.says) || refused.Finding.Fix == "" {
				t.Errorf("%v", err)
			}
			if e.calls > 0 || e.asked > 0 || before != fmt.Sprint(len(e.texts), e.keys) {
				t.Errorf("something was changed, or the operator was asked: %d changes, %d questions", e.calls, e.asked)
			}
		})
	}
}

// If this fails, a key is taken away although its proof lacks something, or the operator is asked about what is refused.
func TestFinishNeedsTheProof(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*ending){
		"the proof has a reason": func(e *ending) {
			e.reasons = []finding.Finding{{Code: finding.Sampled, Where: "database", Message: "a sample"}}
		},
		"a table was not counted": func(e *ending) {
			e.gaps = []rotation.Gap{{What: "public.secrets", Reason: finding.Reason{Text: "permission denied"}}}
		},
	} {
		e := newEnding(t)
		spoil(e)
		_, err := e.finish(nil)
		var unproven *rotation.NotProvenError
		if !errors.As(err, &unproven) || len(unproven.Reasons) == 0 || len(unproven.Conditions) == 0 || e.calls > 0 || e.asked > 0 {
			t.Errorf("%s: %v, %d changes", name, err, e.calls)
		}
	}
	e := newEnding(t)
	e.answer = errors.New("no")
	if _, err := e.finish(nil); !errors.Is(err, e.answer) || e.calls > 0 {
		t.Errorf("the answer was no: %v, %d changes", err, e.calls)
	}
}

// If this fails, a command that was cut off leaves a key that is gone and recorded as there, or cannot be gone on with.
func TestFinishGoesOnAfterEveryEnd(t *testing.T) {
	t.Parallel()
	for step := 1; step <= 4; step++ {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("change %d, made %t", step, after), func(t *testing.T) {
				t.Parallel()
				e := newEnding(t)
				e.killAt, e.killAfter = step, after
				if _, err := e.finish(nil); !errors.Is(err, errKilled) {
					t.Fatalf("the first process ended with %v", err)
				}
				e.killAt = 0
				isGone := e.texts["ENCRYPTION_KEY_V0"] == ""
				// Backups were stated before: a command that goes on behind the store need not be told again.
				finished, err := e.finish(func(r *rotation.FinishRequest) {
					if isGone {
						r.BackupsUntil = time.Time{}
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				if finished.Resumed != isGone || !isGone && e.proofs != 2 {
					t.Errorf("gone: %t, resumed: %t, %d proofs", isGone, finished.Resumed, e.proofs)
				}
				e.checkFinished(t, finished)
				again, err := e.finish(nil)
				if err != nil || !again.Resumed || again.Evidence.FinishedAt != finished.Evidence.FinishedAt {
					t.Errorf("once more: %+v, %v", again, err)
				}
			})
		}
	}
}

// If this fails, a key that is gone is recorded as unused although values have come under it since.
func TestFinishDoesNotGoOnBesideNewValues(t *testing.T) {
	t.Parallel()
	e := newEnding(t)
	e.killAt = 4
	if _, err := e.finish(nil); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	e.killAt, e.labels[0] = 0, 2
	_, err := e.finish(nil)
	var refused *rotation.RefusedError
	if !errors.As(err, &refused) || refused.Finding.Code != finding.StoreDiffers || !strings.Contains(refused.Finding.Fix, "escrow") || e.find(0).State != rotation.DecryptOnly {
		t.Errorf("%v", err)
	}
}

// racing is a store that somebody else changes behind the proof.
type racing struct{ *ending }

func (r racing) Apply(ctx context.Context, changes ...secretstore.Change) error {
	r.texts["ENCRYPTION_KEY_V0"] = strings.Repeat("ab", 32)
	return r.ending.Apply(ctx, changes...)
}

// stubborn is a store that says that it took a key out, and did not.
type stubborn struct{ *ending }

func (stubborn) Apply(context.Context, ...secretstore.Change) error { return nil }

// If this fails, what somebody else has put into the store is lost, or a key is recorded as gone that is still there.
func TestFinishLooksAtTheStore(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		store func(*ending) secretstore.Store
		is    func(error) bool
	}{
		"changed by somebody else": {func(e *ending) secretstore.Store { return racing{e} }, func(err error) bool { return errors.Is(err, secretstore.ErrChanged) }},
		"not changed at all": {func(e *ending) secretstore.Store { return stubborn{e} }, func(err error) bool {
			return err != nil && strings.Contains(err.Error(), "still there")
		}},
	} {
		e := newEnding(t)
		finisher := rotation.Finisher{Record: e, Store: test.store(e), Prove: e.prove, Look: e.lookWithGaps, OpenEscrow: e.open, Confirm: func(context.Context, *rotation.Evidence) error { return nil }}
		_, err := finisher.Finish(t.Context(), rotation.FinishRequest{BackupsUntil: begunAt, Settings: e.request().Settings})
		if !test.is(err) || e.find(0).State == rotation.Retired || e.texts["ENCRYPTION_KEY_V0"] == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// If this fails, a retired key stays in the file of another server for ever.
func TestFinishInOneMorePlace(t *testing.T) {
	t.Parallel()
	e := newEnding(t)
	old := e.texts["ENCRYPTION_KEY_V0"]
	if _, err := e.finish(nil); err != nil {
		t.Fatal(err)
	}
	e.texts["ENCRYPTION_KEY_V0"] = old
	e.labels[0] = 1
	if _, err := e.finish(nil); err == nil || e.texts["ENCRYPTION_KEY_V0"] == "" {
		t.Errorf("values have come under it: %v", err)
	}
	delete(e.labels, 0)
	finished, err := e.finish(nil)
	if err != nil || e.texts["ENCRYPTION_KEY_V0"] != "" || !slices.Equal(e.takenOut, []string{"the store"}) || finished.Resumed || e.asked != 2 || e.proofs != 2 {
		t.Errorf("%+v, %v, taken out of %v, asked %d times", finished, err, e.takenOut, e.asked)
	}
}

// If this fails, an operator with two old keys takes away the one that he does not mean.
func TestFinishOneVersionAtATime(t *testing.T) {
	t.Parallel()
	e := newEnding(t)
	e.killAt = -1
	active := *e.find(1)
	active.Version, active.Fingerprint = 2, "8899aabbccddeeff"
	e.find(1).State = rotation.DecryptOnly
	e.keys = append(e.keys, active)
	_, err := e.finish(nil)
	var refused *rotation.RefusedError
	if !errors.As(err, &refused) || !strings.Contains(refused.Finding.Fix, "--from-version 0") {
		t.Errorf("%v", err)
	}
}

// If this fails, the evidence passes over a condition that docs/proof.md promises.
func TestConditionsHaveEveryCode(t *testing.T) {
	t.Parallel()
	for _, code := range reasonCodes() {
		results := rotation.Conditions([]finding.Finding{{Code: code, Where: "here", Message: "so"}})
		unmet := slices.DeleteFunc(slices.Clone(results), func(r rotation.ConditionResult) bool { return r.Met })
		if len(unmet) != 1 || len(results) != len(rotation.Conditions(nil)) || !slices.Contains(unmet[0].Codes, code) || unmet[0].Reason == "" {
			t.Errorf("%s: %+v", code, unmet)
		}
	}
	if results := rotation.Conditions([]finding.Finding{{Code: "unheard_of", Where: "here", Message: "so"}}); results[len(results)-1].Met || results[len(results)-1].Reason != "here: so" {
		t.Errorf("an unknown reason: %+v", results[len(results)-1])
	}
}
