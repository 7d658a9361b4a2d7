package rotation_test

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/pkg/crypto"
	"github.com/ocmt/ocmt/pkg/secret"
)

// errKilled stands for the end of the process.
var errKilled = errors.New("killed")

// world is a deployment that outlives the processes that work on it.
type world struct {
	keys   []rotation.RecordedKey
	texts  map[string]string // of the store
	labels map[int]int64
	escrow []string
	calls  int // of anything that changes something
	// killAt is the change at which the process ends, and killAfter says that the change is made first.
	killAt    int
	killAfter bool
	// inPart is how many changes of a write the store makes before the process ends; 0 for all or none.
	inPart int
	backs  int
	// refusal is why the store takes no change.
	refusal error
	liar    bool // the store says that it took a change, and did not
}

// change counts a change, and makes it unless the process ends before.
func (w *world) change(make func() error) error {
	w.calls++
	if w.calls == w.killAt && !w.killAfter {
		return errKilled
	}
	if err := make(); err != nil {
		return err
	}
	if w.calls == w.killAt {
		return errKilled
	}
	return nil
}

func (w *world) KeyStates(context.Context) ([]rotation.RecordedKey, error) {
	return slices.Clone(w.keys), nil
}

func (w *world) find(version int) *rotation.RecordedKey {
	for i := range w.keys {
		if w.keys[i].Version == version {
			return &w.keys[i]
		}
	}
	return nil
}

func (w *world) activate(version int) {
	for i := range w.keys {
		switch {
		case w.keys[i].Version == version:
			w.keys[i].State = rotation.Active
		case w.keys[i].State == rotation.Active:
			w.keys[i].State = rotation.DecryptOnly
		}
	}
}

func (w *world) RecordPending(_ context.Context, made, before rotation.RecordedKey) error {
	return w.change(func() error {
		if w.find(made.Version) != nil || rotation.NewestIn(w.keys, rotation.Pending) != nil {
			return rotation.ErrNotExpected
		}
		if w.find(before.Version) == nil {
			w.keys = append(w.keys, before)
		}
		w.find(before.Version).State = rotation.Active
		w.activate(before.Version)
		w.keys = append(w.keys, made)
		return nil
	})
}

func (w *world) RecordInPlace(_ context.Context, version int, _ string) error {
	return w.change(func() error {
		if key := w.find(version); key == nil || key.State != rotation.Pending && key.State != rotation.Active {
			return rotation.ErrNotExpected
		}
		w.activate(version)
		return nil
	})
}

func (w *world) RecordAbandoned(_ context.Context, version int) error {
	return w.change(func() error {
		if key := w.find(version); key == nil || key.State != rotation.Pending {
			return rotation.ErrNotExpected
		}
		w.find(version).State = rotation.Retired
		return nil
	})
}

func (w *world) RecordPutBack(context.Context, int, string) error {
	w.backs++
	return nil
}

func (w *world) Place() string { return "the store" }

func (w *world) Names(context.Context) ([]string, error) {
	return slices.Sorted(maps.Keys(w.texts)), nil
}

func (w *world) Get(_ context.Context, name string) (secret.Value, error) {
	return secret.NewValue(w.texts[name]), nil
}

func (w *world) Apply(_ context.Context, changes ...secretstore.Change) error {
	return w.change(func() error {
		if w.liar {
			return nil
		}
		for _, change := range changes {
			if w.texts[change.Name] != change.Old.Reveal() {
				return secretstore.ErrChanged
			}
		}
		for i, change := range changes {
			if w.inPart > 0 && i == w.inPart {
				return errKilled
			}
			if w.texts[change.Name] = change.New.Reveal(); !change.New.IsSet() {
				delete(w.texts, change.Name)
			}
		}
		return nil
	})
}

func (w *world) Try(context.Context, ...secretstore.Change) error { return w.refusal }

func (w *world) Check() error { return nil }

func (w *world) Write(_ context.Context, key secret.Value) error {
	return w.change(func() error {
		w.escrow = append(w.escrow, key.Reveal())
		return nil
	})
}

func (w *world) Where() string { return "/media/a copy" }

func (w *world) look(context.Context) (*rotation.Look, error) {
	return &rotation.Look{Columns: []rotation.LabelCount{{Place: migrate.Place{Table: "secrets", Column: "value_encrypted"}, Labels: w.labels}}, Gaps: []rotation.Gap{}}, nil
}

// beginner is one process.
func (w *world) beginner() rotation.Beginner {
	return rotation.Beginner{Record: w, Store: w, Look: w.look, CheckKeys: func(context.Context, int, int) error { return nil }, Make: makeKey, Escrow: w}
}

func makeKey() (secret.Value, error) {
	key, err := crypto.GenerateKey(rand.Reader)
	return secret.NewValue(key.Reveal()), err
}

// request is what a process asks for that takes its settings from the store.
func (w *world) request() rotation.BeginRequest {
	texts := map[string]secret.Value{}
	for name, text := range w.texts {
		texts[name] = secret.NewValue(text)
	}
	return rotation.BeginRequest{Settings: rotation.NewPlacement("settings", texts), EscrowDecided: true, Operator: "olga", Host: "a"}
}

// begin plans and begins in one process.
func (w *world) begin(beginner rotation.Beginner) (*rotation.BeginPlan, error) {
	plan, err := beginner.Plan(context.Background(), w.request())
	if err != nil {
		return nil, err
	}
	return plan, beginner.Begin(context.Background(), plan)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	key, err := makeKey()
	if err != nil {
		t.Fatal(err)
	}
	return &world{texts: map[string]string{"ENCRYPTION_KEY": key.Reveal(), "ADMIN_TOKEN": "kept"}, labels: map[int]int64{0: 7}}
}
