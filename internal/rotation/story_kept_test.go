package rotation_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/pkg/secret"
)

// chained is a deployment on version 1, which took the place of version 0, with keys for four versions.
func chained(t *testing.T, zero, one rotation.KeyState) (w *world, keys [4]string) {
	t.Helper()
	w = newWorld(t)
	for i := range keys {
		key, err := makeKey()
		if err != nil {
			t.Fatal(err)
		}
		keys[i] = key.Reveal()
	}
	fingerprint := func(version int) string { return rotation.FingerprintOf(secret.NewValue(keys[version])) }
	begun := func(from int) *rotation.Begun {
		return &rotation.Begun{From: from, FromFingerprint: fingerprint(from), Escrow: "/copy"}
	}
	w.keys = []rotation.RecordedKey{{Version: 0, State: zero, Fingerprint: fingerprint(0)}, {Version: 1, State: one, Fingerprint: fingerprint(1), Begun: begun(0)}}
	if one == rotation.Active && zero == rotation.Retired { // the next one was rolled back
		w.keys = append(w.keys, rotation.RecordedKey{Version: 2, State: rotation.DecryptOnly, Fingerprint: fingerprint(2), Begun: begun(1)})
	}
	w.labels = map[int]int64{1: 7}
	return w, keys
}

// If this fails, a command overwrites the only copy of a key, and what is under it can never be read again; or
// its advice makes the operator do that.
func TestBeginKeepsEveryKey(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		zero, one rotation.KeyState
		texts     func(keys [4]string) map[string]string
		says      string
	}{
		{"a newer key is in place", rotation.Retired, rotation.Active, func(k [4]string) map[string]string {
			return map[string]string{"ENCRYPTION_KEY": k[2], "ENCRYPTION_KEY_VERSION": "2", "ENCRYPTION_KEY_V0": k[0], "ENCRYPTION_KEY_V1": k[1]}
		}, "ocmt rotate put-back --to-version 1"},
		{"a newer key is in place, and the older one is not", rotation.Retired, rotation.Active, func(k [4]string) map[string]string {
			return map[string]string{"ENCRYPTION_KEY": k[2], "ENCRYPTION_KEY_VERSION": "2"}
		}, "ocmt rotate put-back --to-version 1"},
		{"another key is in place", rotation.DecryptOnly, rotation.Active, func(k [4]string) map[string]string {
			return map[string]string{"ENCRYPTION_KEY": k[3], "ENCRYPTION_KEY_VERSION": "1", "ENCRYPTION_KEY_V0": k[0]}
		}, "neither that of version 0 nor that of version 1"},
		{"another key has the number of the older one", rotation.Active, rotation.Pending, func(k [4]string) map[string]string {
			return map[string]string{"ENCRYPTION_KEY": k[0], "ENCRYPTION_KEY_V0": k[3]}
		}, "ENCRYPTION_KEY_V0 holds a key that stands in no other setting"},
		{"another key has that number, and no problem is seen", rotation.Active, rotation.Pending, func(k [4]string) map[string]string {
			return map[string]string{"ENCRYPTION_KEY": k[0], "ENCRYPTION_KEY_VERSION": "1", "ENCRYPTION_KEY_V0": k[3]}
		}, "ENCRYPTION_KEY_V0 holds a key that stands in no other setting"},
		{"the older key is nowhere", rotation.DecryptOnly, rotation.Active, func(k [4]string) map[string]string {
			return map[string]string{"ENCRYPTION_KEY": k[1]}
		}, "as ENCRYPTION_KEY_V0, then"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, keys := chained(t, c.zero, c.one)
			w.texts = c.texts(keys)
			before := maps.Clone(w.texts)
			beginner := w.beginner()
			beginner.Known = secret.NewValue(keys[1])
			_, err := w.begin(beginner)
			var refused *rotation.RefusedError
			if !errors.As(err, &refused) || refused.Finding.Code != finding.StoreDiffers || !contains(refused.Finding.Message+refused.Finding.Fix, c.says) {
				t.Errorf("got %v, want a refusal with %q", err, c.says)
			}
			if !maps.Equal(before, w.texts) || w.calls != 0 {
				t.Error("something was changed")
			}
		})
	}
}

// If this fails, a place that cannot be written is found out when the key is made, its copy written and the
// version recorded.
func TestStoreIsTriedFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.refusal = secretstore.ErrForeign
	if _, err := w.beginner().Plan(context.Background(), w.request()); !errors.Is(err, secretstore.ErrForeign) || w.calls != 0 {
		t.Errorf("a new version: %v", err)
	}
	w, keys := chained(t, rotation.DecryptOnly, rotation.Active)
	w.texts, w.refusal = map[string]string{"ENCRYPTION_KEY": keys[0]}, secretstore.ErrForeign
	beginner := w.beginner()
	beginner.Known = secret.NewValue(keys[1])
	if _, err := beginner.Plan(context.Background(), w.request()); !errors.Is(err, secretstore.ErrForeign) || w.calls != 0 {
		t.Errorf("one more place: %v", err)
	}
	w, keys = chained(t, rotation.Active, rotation.DecryptOnly)
	w.texts, w.refusal = map[string]string{"ENCRYPTION_KEY": keys[1], "ENCRYPTION_KEY_VERSION": "1", "ENCRYPTION_KEY_V0": keys[0]}, secretstore.ErrForeign
	if _, err := (rotation.PutBacker{Record: w, Store: w, Look: w.look}).Plan(context.Background(), 0); !errors.Is(err, secretstore.ErrForeign) || w.calls != 0 {
		t.Errorf("put back: %v", err)
	}
}

// A folder takes one file after the other. If this fails, the way back is cut off in between, and no command
// goes on.
func TestPutBackGoesOnAfterAWriteInPart(t *testing.T) {
	t.Parallel()
	for made := 1; made <= 3; made++ {
		t.Run(fmt.Sprint(made), func(t *testing.T) {
			t.Parallel()
			w, keys := chained(t, rotation.Active, rotation.DecryptOnly)
			w.texts = map[string]string{"ENCRYPTION_KEY": keys[1], "ENCRYPTION_KEY_VERSION": "1", "ENCRYPTION_KEY_V0": keys[0]}
			putter := rotation.PutBacker{Record: w, Store: w, Look: w.look}
			put := func() error {
				plan, err := putter.Plan(context.Background(), 0)
				if err != nil {
					return err
				}
				return putter.PutBack(context.Background(), plan)
			}
			w.inPart = made
			if err := put(); !errors.Is(err, errKilled) {
				t.Fatalf("the first process ended with %v", err)
			}
			w.inPart = 0
			if err := put(); err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"ENCRYPTION_KEY": keys[0], "ENCRYPTION_KEY_VERSION": "0", "ENCRYPTION_KEY_V1": keys[1]}
			if !maps.Equal(w.texts, want) {
				t.Error("the store does not have both keys where they belong")
			}
		})
	}
}

// If this fails, the way back goes on where the newer key is nowhere, and what was written under it is lost.
func TestPutBackNeedsTheNewerKey(t *testing.T) {
	t.Parallel()
	w, keys := chained(t, rotation.Active, rotation.DecryptOnly)
	w.texts = map[string]string{"ENCRYPTION_KEY": keys[0], "ENCRYPTION_KEY_VERSION": "1"}
	var refused *rotation.RefusedError
	if _, err := (rotation.PutBacker{Record: w, Store: w, Look: w.look}).Plan(context.Background(), 0); !errors.As(err, &refused) || !contains(refused.Finding.Fix, "ENCRYPTION_KEY_V1") {
		t.Errorf("got %v", err)
	}
}

// A machine comes to a deployment whose rotation is finished. If this fails, it cannot join, or gets a key that
// nothing needs any more and is told to move values.
func TestPlaceJoinsAfterTheEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		texts func(keys [4]string) map[string]string
		want  func(keys [4]string) map[string]string
		next  string // the last command
	}{
		{"a new place", func([4]string) map[string]string { return map[string]string{} }, func(k [4]string) map[string]string {
			return map[string]string{"ENCRYPTION_KEY": k[1], "ENCRYPTION_KEY_VERSION": "1"}
		}, "ocmt rotate status"},
		{"a place with the retired key", func(k [4]string) map[string]string { return map[string]string{"ENCRYPTION_KEY": k[0]} }, func(k [4]string) map[string]string {
			return map[string]string{"ENCRYPTION_KEY": k[1], "ENCRYPTION_KEY_VERSION": "1", "ENCRYPTION_KEY_V0": k[0]}
		}, "ocmt rotate finish --from-version 0 --backups-until DATE --escrow FILE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, keys := chained(t, rotation.Retired, rotation.Active)
			w.texts = c.texts(keys)
			beginner := w.beginner()
			beginner.Known = secret.NewValue(keys[1])
			plan, err := w.begin(beginner)
			if err != nil {
				t.Fatal(err)
			}
			next := plan.Next()
			if !maps.Equal(w.texts, c.want(keys)) || next[len(next)-1].Command != c.next {
				t.Errorf("got other keys, or next %q", next)
			}
			if again, err := beginner.Plan(context.Background(), w.request()); err != nil || !again.Placed {
				t.Errorf("once more: %+v, %v", again, err)
			}
		})
	}
}
