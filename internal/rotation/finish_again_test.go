package rotation_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/secretstore"
)

// eventful is a store in which something happens once a change was made.
type eventful struct {
	*ending
	happens func(changes int) error
	changes int
}

func (s *eventful) Apply(ctx context.Context, changes ...secretstore.Change) error {
	s.changes++
	if err := s.ending.Apply(ctx, changes...); err != nil {
		return err
	}
	return s.happens(s.changes)
}

// confirm answers, after what happens meanwhile.
func (e *ending) confirm(context.Context, *rotation.Evidence) error {
	e.asked++
	if e.meanwhile != nil {
		e.meanwhile()
	}
	return e.answer
}

// checkStays fails unless the old key is in the store, and its version is not retired.
func (e *ending) checkStays(t *testing.T, key string) {
	t.Helper()
	if e.texts["ENCRYPTION_KEY_V0"] != key || e.find(0).State == rotation.Retired {
		t.Errorf("the key is gone, or version 0 is %s", e.find(0).State)
	}
}

// If this fails, a key is taken away while a value is under it that was written while the operator was asked.
func TestFinishLooksBehindTheAnswer(t *testing.T) {
	t.Parallel()
	e := newEnding(t)
	key := e.texts["ENCRYPTION_KEY_V0"]
	e.meanwhile = func() { e.labels[0] = 1 }
	_, err := e.finish(nil)
	var refused *rotation.RefusedError
	if !errors.As(err, &refused) || refused.Finding.Code != finding.ValuesUnder || e.calls > 0 || e.state.IsReady() {
		t.Errorf("%v, %d changes, ready: %t", err, e.calls, e.state.IsReady())
	}
	e.checkStays(t, key)
	e.meanwhile = nil
	delete(e.labels, 0)
	if _, err := e.finish(nil); !errors.As(err, &refused) || refused.Finding.Code != finding.NotReady {
		t.Errorf("a server wrote version 0, and the next command says %v", err)
	}
}

// If this fails, a key is gone that a value was written under while it was taken out, or that nobody could see to be
// unused.
func TestFinishPutsTheKeyBack(t *testing.T) {
	t.Parallel()
	gone := errors.New("the server is gone")
	for name, test := range map[string]struct {
		spoil func(*ending)
		is    func(error) bool
		ready bool
	}{
		"a value was written":         {func(e *ending) { e.labels[0] = 1 }, func(err error) bool { return strings.Contains(err.Error(), "values are under key version 0") }, false},
		"the values cannot be seen":   {func(e *ending) { e.blind = gone }, func(err error) bool { return errors.Is(err, gone) }, true},
		"some values were not looked": {func(e *ending) { e.gaps = []rotation.Gap{{What: "public.secrets"}} }, func(err error) bool { return strings.Contains(err.Error(), "public.secrets") }, true},
	} {
		for _, retired := range []bool{false, true} {
			e := newEnding(t)
			key := e.texts["ENCRYPTION_KEY_V0"]
			if retired {
				if _, err := e.finish(nil); err != nil {
					t.Fatal(err)
				}
				e.texts["ENCRYPTION_KEY_V0"] = key
			}
			e.store = &eventful{ending: e, happens: func(changes int) error {
				if changes == 1 {
					test.spoil(e)
				}
				return nil
			}}
			_, err := e.finish(nil)
			var back *rotation.PutBackError
			if !errors.As(err, &back) || !test.is(err) || e.texts["ENCRYPTION_KEY_V0"] != key || len(e.takenOut) > 0 || e.state.IsReady() != test.ready {
				t.Errorf("%s, retired %t: %v, taken out of %v, ready: %t", name, retired, err, e.takenOut, e.state.IsReady())
			}
			if !retired {
				e.checkStays(t, key)
			}
		}
	}
}

// If this fails, an operator is not told at once that a key which is needed is in no store.
func TestFinishCannotPutTheKeyBack(t *testing.T) {
	t.Parallel()
	e := newEnding(t)
	e.store = &eventful{ending: e, happens: func(changes int) error {
		e.labels[0] = 1
		if changes == 2 {
			delete(e.texts, "ENCRYPTION_KEY_V0")
		}
		return nil
	}}
	_, err := e.finish(nil)
	var refused *rotation.RefusedError
	if !errors.As(err, &refused) || refused.Finding.Code != finding.StoreDiffers || !strings.Contains(err.Error(), "could not be put back") || !strings.Contains(refused.Finding.Fix, "escrow") ||
		e.find(0).State == rotation.Retired {
		t.Errorf("%v", err)
	}
}

// If this fails, a key that is gone is recorded as unused by what was proven in another rotation, of another store or of
// other values.
func TestFinishGoesOnWithItsOwnEvidenceOnly(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*ending, *rotation.Evidence){
		"another new version": func(_ *ending, kept *rotation.Evidence) { kept.NewVersion = 2 },
		"another new key":     func(_ *ending, kept *rotation.Evidence) { kept.NewFingerprint = "0011223344556677" },
		"another old key":     func(_ *ending, kept *rotation.Evidence) { kept.Fingerprint = "0011223344556677" },
		"an earlier rotation": func(_ *ending, kept *rotation.Evidence) { kept.BegunAt = kept.BegunAt.Add(-time.Hour) },
		"another store":       func(_ *ending, kept *rotation.Evidence) { kept.Store = "another" },
		"another host":        func(_ *ending, kept *rotation.Evidence) { kept.Host = "b" },
		"values under it":     func(e *ending, _ *rotation.Evidence) { e.labels[0] = 1 },
		"no proof any more": func(e *ending, _ *rotation.Evidence) {
			e.reasons = []finding.Finding{{Code: finding.ValuesNotOpened, Where: "public.secrets.value_encrypted", Message: "1 value does not open"}}
		},
	} {
		e := newEnding(t)
		e.killAt = 4
		if _, err := e.finish(nil); !errors.Is(err, errKilled) || e.texts["ENCRYPTION_KEY_V0"] != "" {
			t.Fatalf("%v", err)
		}
		e.killAt = 0
		kept := e.evidence[0]
		spoil(e, &kept)
		e.evidence[0] = kept
		_, err := e.finish(nil)
		var refused *rotation.RefusedError
		if !errors.As(err, &refused) || refused.Finding.Code != finding.StoreDiffers || !strings.Contains(refused.Finding.Fix, "escrow") || e.find(0).State == rotation.Retired {
			t.Errorf("%s: %v, version 0 is %s", name, err, e.find(0).State)
		}
	}
}

// If this fails, a key that is retired is taken out of one more store by a proof that does not know what was written
// since, or the evidence of its retirement is lost.
func TestFinishProvesAnewForOneMorePlace(t *testing.T) {
	t.Parallel()
	e := newEnding(t)
	key := e.texts["ENCRYPTION_KEY_V0"]
	if _, err := e.finish(nil); err != nil {
		t.Fatal(err)
	}
	first := e.evidence[0]
	e.texts["ENCRYPTION_KEY_V0"] = key
	e.reasons = []finding.Finding{{Code: finding.ValuesNotOpened, Where: "public.secrets.value_encrypted", Message: "1 value does not open"}}
	_, err := e.finish(nil)
	var unproven *rotation.NotProvenError
	if !errors.As(err, &unproven) || e.texts["ENCRYPTION_KEY_V0"] != key || e.asked != 1 {
		t.Errorf("%v, asked %d times", err, e.asked)
	}
	e.reasons = nil
	finished, err := e.finish(nil)
	if err != nil || finished.Evidence.FinishedAt.IsZero() || !e.evidence[0].FinishedAt.Equal(first.FinishedAt) || e.evidence[0].Store != first.Store {
		t.Errorf("%+v, %v", finished, err)
	}
}

// If this fails, a key that is gone for good is said to be needed by nothing while values are under it.
func TestFinishOnceMoreLooks(t *testing.T) {
	t.Parallel()
	e := newEnding(t)
	if _, err := e.finish(nil); err != nil {
		t.Fatal(err)
	}
	e.labels[0] = 1
	_, err := e.finish(nil)
	var refused *rotation.RefusedError
	if !errors.As(err, &refused) || refused.Finding.Code != finding.StoreDiffers || !strings.Contains(refused.Finding.Fix, "escrow") {
		t.Errorf("%v", err)
	}
}

// If this fails, a backup that somebody knew of is forgotten, and the key leaves its escrow too early.
func TestFinishKeepsTheLaterDay(t *testing.T) {
	t.Parallel()
	until := func(day string) func(*rotation.FinishRequest) {
		return func(r *rotation.FinishRequest) {
			r.BackupsUntil, _ = time.Parse(time.DateOnly, day)
		}
	}
	for _, test := range []struct{ first, again, want string }{
		{"2030-01-01", "2031-06-01", "2031-06-01"}, {"2030-01-01", "2029-01-01", "2030-01-01"}, {"2030-01-01", "2030-01-01", "2030-01-01"},
	} {
		for _, killed := range []int{0, 4} {
			e := newEnding(t)
			key := e.texts["ENCRYPTION_KEY_V0"]
			e.killAt = killed
			if _, err := e.finish(until(test.first)); killed == 0 && err != nil {
				t.Fatal(err)
			}
			e.killAt = 0
			finished, err := e.finish(until(test.again))
			if err != nil || finished.Evidence.BackupsUntil != test.want || e.evidence[0].BackupsUntil != test.want {
				t.Fatalf("%+v, killed at %d: %v, recorded %s", test, killed, err, e.evidence[0].BackupsUntil)
			}
			e.texts["ENCRYPTION_KEY_V0"] = key
			if finished, err = e.finish(until("2032-01-01")); err != nil || finished.Evidence.BackupsUntil != "2032-01-01" || e.evidence[0].BackupsUntil != "2032-01-01" {
				t.Errorf("one more store: %v, recorded %s", err, e.evidence[0].BackupsUntil)
			}
		}
	}
}

// If this fails, one more store loses the last copy of a key that no backup needed before, and one needs now.
func TestFinishAsksForACopyThatIsNeededNow(t *testing.T) {
	t.Parallel()
	e := newEnding(t)
	key := e.texts["ENCRYPTION_KEY_V0"]
	past := func(r *rotation.FinishRequest) { r.Escrow, r.BackupsUntil = "", begunAt.AddDate(-1, 0, 0) }
	if finished, err := e.finish(past); err != nil || finished.Evidence.Escrow.State != rotation.EscrowNotNeeded {
		t.Fatalf("%v", err)
	}
	e.texts["ENCRYPTION_KEY_V0"] = key
	_, err := e.finish(func(r *rotation.FinishRequest) { r.Escrow = "" })
	var refused *rotation.RefusedError
	if !errors.As(err, &refused) || refused.Finding.Code != finding.NoCopy || e.texts["ENCRYPTION_KEY_V0"] != key {
		t.Errorf("%v", err)
	}
}

// If this fails, a key that somebody else may have stays for ever.
func TestFinishTakesACompromisedKey(t *testing.T) {
	t.Parallel()
	for _, asked := range []*int{nil, new(int)} {
		e := newEnding(t)
		e.find(0).State = rotation.Compromised
		finished, err := e.finish(func(r *rotation.FinishRequest) { r.Version = asked })
		if err != nil {
			t.Fatal(err)
		}
		e.checkFinished(t, finished)
	}
}

// If this fails, the record says that a key is about to be taken away, out of a store that does not let it go.
func TestFinishTriesTheStoreFirst(t *testing.T) {
	t.Parallel()
	e := newEnding(t)
	e.refusal = errors.New("not allowed")
	if _, err := e.finish(nil); !errors.Is(err, e.refusal) || e.calls > 0 || e.proofs > 0 || e.asked > 0 {
		t.Errorf("%v, %d changes, %d proofs", err, e.calls, e.proofs)
	}
	if slices.ContainsFunc(e.keys, func(key rotation.RecordedKey) bool { return key.State == rotation.Retired }) {
		t.Error("a version is retired")
	}
}

// If this fails, a key of long ago that somebody else may have stands in the way of the rotation at hand.
func TestFinishPassesOverACompromisedKey(t *testing.T) {
	t.Parallel()
	e := newEnding(t)
	old := *e.find(0)
	old.Version, old.Fingerprint, old.State = -1, "8899aabbccddeeff", rotation.Compromised
	e.keys = append([]rotation.RecordedKey{old}, e.keys...)
	finished, err := e.finish(nil)
	if err != nil {
		t.Fatal(err)
	}
	e.checkFinished(t, finished)
}
