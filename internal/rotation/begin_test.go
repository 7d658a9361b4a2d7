package rotation_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/pkg/secret"
)

// check fails unless the story is where a whole beginning ends: version to is in place and active, and the
// copies of its key are in the escrow.
func (w *world) check(t *testing.T, old string, to int) {
	t.Helper()
	if w.texts["ENCRYPTION_KEY_VERSION"] != fmt.Sprint(to) || w.texts["ENCRYPTION_KEY_V0"] != old || w.texts["ENCRYPTION_KEY"] == old || w.texts["ADMIN_TOKEN"] != "kept" {
		t.Errorf("the store has not the two keys and the version %d: %s", to, w.texts["ENCRYPTION_KEY_VERSION"])
	}
	if !slices.Contains(w.escrow, w.texts["ENCRYPTION_KEY"]) {
		t.Error("a key is in place that has no offline copy")
	}
	placed := rotation.FingerprintOf(secret.NewValue(w.texts["ENCRYPTION_KEY"]))
	if w.find(to).State != rotation.Active || w.find(to).Fingerprint != placed || w.find(0).State != rotation.DecryptOnly {
		t.Errorf("the record does not have the key that is in place as active: %+v", w.keys)
	}
}

// A process may end anywhere. If this fails, another one cannot go on, and a key that values may be under
// stands in no place that anybody knows.
func TestBeginGoesOnAfterEveryEnd(t *testing.T) {
	t.Parallel()
	for step := 1; step <= 4; step++ {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("change %d, made %t", step, after), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				old := w.texts["ENCRYPTION_KEY"]
				w.killAt, w.killAfter = step, after
				if _, err := w.begin(w.beginner()); !errors.Is(err, errKilled) {
					t.Fatalf("the first process ended with %v", err)
				}
				w.killAt = 0
				to := w.goOn(t)
				w.check(t, old, to)
			})
		}
	}
}

// A folder takes one file after the other. If this fails, a process that ends between two of them leaves a
// new key under an old number, and no command puts that right.
func TestBeginGoesOnAfterAWriteInPart(t *testing.T) {
	t.Parallel()
	for made := 1; made <= 2; made++ {
		w := newWorld(t)
		old := w.texts["ENCRYPTION_KEY"]
		w.inPart = made
		if _, err := w.begin(w.beginner()); !errors.Is(err, errKilled) {
			t.Fatalf("the first process ended with %v", err)
		}
		w.inPart = 0
		w.check(t, old, w.goOn(t))
	}
}

// goOn does what a refusal advises, as another process would, until the key is in place.
func (w *world) goOn(t *testing.T) (version int) {
	t.Helper()
	plan, err := w.begin(w.beginner())
	var refused *rotation.RefusedError
	switch {
	case err == nil:
		return plan.To
	case !errors.As(err, &refused):
		t.Fatal(err)
	case refused.Finding.Code == finding.UnfinishedRotation:
		return rotation.NewestIn(w.keys, rotation.Active).Version // all was done
	case refused.Finding.Code != finding.PendingKey:
		t.Fatal(err)
	case !strings.Contains(refused.Finding.Fix, "--from-escrow '/media/a copy'"):
		t.Fatalf("the advice does not name the offline copy: %s", refused.Finding.Fix)
	}
	other := w.beginner()
	other.Known = secret.NewValue(w.escrow[len(w.escrow)-1])
	if plan, err = w.begin(other); err != nil {
		t.Fatal(err)
	}
	return plan.To
}

// If this fails, a version whose key is lost blocks every rotation, or its number is given to a second key.
func TestAbandonedNumberIsNotUsedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.texts["ENCRYPTION_KEY"]
	w.killAt = 3 // before the store is changed
	if _, err := w.begin(w.beginner()); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	w.killAt = 0
	pending, _, err := w.beginner().PlanAbandon(context.Background(), w.request().Settings)
	if err != nil {
		t.Fatal(err)
	}
	w.labels[1] = 1
	here := rotation.NewPlacement("settings", map[string]secret.Value{"ENCRYPTION_KEY": secret.NewValue(w.escrow[0])})
	if _, _, err := w.beginner().PlanAbandon(context.Background(), here); err == nil {
		t.Error("a version is given up whose key this process has")
	}
	var refused *rotation.RefusedError
	if err := w.beginner().Abandon(context.Background(), w.request().Settings, pending); !errors.As(err, &refused) {
		t.Errorf("a version is given up that a value is labelled with: %v", err)
	}
	delete(w.labels, 1)
	if err := w.beginner().Abandon(context.Background(), w.request().Settings, pending); err != nil {
		t.Fatal(err)
	}
	if _, err := w.begin(w.beginner()); err != nil {
		t.Fatal(err)
	}
	w.check(t, old, 2)
}

// If this fails, a second writer of the store loses what the first has put there.
func TestSecondWriterOfTheStoreIsNoticed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	plan, err := w.beginner().Plan(context.Background(), w.request())
	if err != nil {
		t.Fatal(err)
	}
	other, _ := makeKey()
	w.texts["ENCRYPTION_KEY"] = other.Reveal()
	if err := w.beginner().Begin(context.Background(), plan); !errors.Is(err, secretstore.ErrChanged) {
		t.Errorf("got %v", err)
	}
	if w.texts["ENCRYPTION_KEY"] != other.Reveal() || w.texts["ENCRYPTION_KEY_VERSION"] != "" {
		t.Error("what the other writer has put there is gone")
	}
}

// If this fails, a key is recorded as in place that the store does not have: servers then write under it
// from another store, and those of this one cannot read that.
func TestStoreIsReadBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.liar = true
	var failed *rotation.BeginError
	if _, err := w.begin(w.beginner()); !errors.As(err, &failed) || failed.Step != rotation.StepPlace {
		t.Errorf("got %v", err)
	}
	if w.find(1).State != rotation.Pending {
		t.Errorf("version 1 is %s", w.find(1).State)
	}
}

// Two operators begin at once. If this fails, two keys get one number.
func TestSecondBeginningIsNoticed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, err := w.beginner().Plan(context.Background(), w.request())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.begin(w.beginner()); err != nil {
		t.Fatal(err)
	}
	placed := w.texts["ENCRYPTION_KEY"]
	if err := w.beginner().Begin(context.Background(), first); !errors.Is(err, rotation.ErrNotExpected) {
		t.Errorf("got %v", err)
	}
	if w.texts["ENCRYPTION_KEY"] != placed {
		t.Error("the key of the first is not in place any more")
	}
}

// If this fails, a rotation is begun over one that is not finished, or with keys that are not those of the
// servers, and what is to be done is not said.
func TestBeginRefuses(t *testing.T) {
	t.Parallel()
	other, _ := makeKey()
	for _, c := range []struct {
		name    string
		prepare func(*world, *rotation.BeginRequest)
		code    finding.Code
		says    string
	}{
		{"another version here", func(_ *world, r *rotation.BeginRequest) {
			r.Settings.Version = 3
		}, finding.StoreDiffers, "ENCRYPTION_KEY_VERSION is 0"},
		{"another key here", func(w *world, _ *rotation.BeginRequest) { w.texts["ENCRYPTION_KEY"] = other.Reveal() }, finding.StoreDiffers, "fingerprint"},
		{"no key in the store", func(w *world, _ *rotation.BeginRequest) { delete(w.texts, "ENCRYPTION_KEY") }, finding.StoreDiffers, "--store"},
		{"no key at all", func(w *world, _ *rotation.BeginRequest) { w.texts["ENCRYPTION_KEY"] = "MARKED" }, finding.StoreDiffers, "is not a key"},
		{"an older key in the record", func(w *world, _ *rotation.BeginRequest) {
			w.texts["ENCRYPTION_KEY_VERSION"], w.labels = "1", map[int]int64{1: 7}
			w.keys = []rotation.RecordedKey{{Version: 0, State: rotation.DecryptOnly}, {Version: 1, State: rotation.Active}}
		}, finding.UnfinishedRotation, "ocmt rotate --from-version 0"},
		{"an older key in the store", func(w *world, _ *rotation.BeginRequest) {
			w.texts["ENCRYPTION_KEY_VERSION"], w.texts["ENCRYPTION_KEY_V0"], w.labels = "1", other.Reveal(), map[int]int64{1: 7}
		}, finding.UnfinishedRotation, "the store has its key"},
		{"older values", func(w *world, _ *rotation.BeginRequest) {
			w.texts["ENCRYPTION_KEY_VERSION"], w.labels = "1", map[int]int64{0: 2, 1: 7}
		}, finding.UnfinishedRotation, "2 values are labelled with it"},
		{"newer values", func(w *world, _ *rotation.BeginRequest) { w.labels = map[int]int64{0: 2, 1: 7} }, finding.UnfinishedRotation, "ocmt rotate rollback --to-version 0"},
		{"a newer active version", func(w *world, _ *rotation.BeginRequest) {
			w.keys = []rotation.RecordedKey{{Version: 1, State: rotation.Active, Begun: &rotation.Begun{Escrow: "/m"}}}
		}, finding.UnfinishedRotation, "ocmt rotate begin --from-escrow /m"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			request := w.request()
			c.prepare(w, &request)
			if c.code == finding.UnfinishedRotation {
				request = w.request()
			}
			before := maps.Clone(w.texts)
			_, err := w.beginner().Plan(context.Background(), request)
			var refused *rotation.RefusedError
			if !errors.As(err, &refused) || refused.Finding.Code != c.code || !strings.Contains(refused.Finding.Message+refused.Finding.Fix, c.says) {
				t.Fatalf("got %v, want %s with %q", err, c.code, c.says)
			}
			if strings.Contains(refused.Finding.Message+refused.Finding.Fix, "MARKED") {
				t.Error("the text of a setting is shown")
			}
			if w.calls != 0 || !maps.Equal(before, w.texts) {
				t.Error("something was changed")
			}
		})
	}
}

func contains(text, part string) bool { return strings.Contains(text, part) }
