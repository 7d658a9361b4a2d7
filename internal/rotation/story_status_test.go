package rotation_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/pkg/secret"
)

// stories are deployments by the phase that they are in.
type story struct {
	name   string
	view   func(old, fresh string) rotation.View
	phase  rotation.Phase
	next   string // the first command
	worded string
}

// placed returns a place by the texts of its settings.
func placed(texts map[string]string) *rotation.Placement {
	values := map[string]secret.Value{}
	for name, text := range texts {
		values[name] = secret.NewValue(text)
	}
	place := rotation.NewPlacement("the store", values)
	return &place
}

func labelled(labels map[int]int64) *rotation.Look {
	return &rotation.Look{Columns: []rotation.LabelCount{{Labels: labels}}}
}

// recorded returns keys of versions 0 and 1 in two states.
func recorded(zero, one rotation.KeyState) []rotation.RecordedKey {
	return []rotation.RecordedKey{{Version: 0, State: zero}, {Version: 1, State: one, Begun: &rotation.Begun{Escrow: "/copy"}}}
}

func stories() []story {
	both := func(old, fresh string) *rotation.Placement {
		return placed(map[string]string{"ENCRYPTION_KEY": fresh, "ENCRYPTION_KEY_V0": old, "ENCRYPTION_KEY_VERSION": "1"})
	}
	return []story{
		{"nothing", func(string, string) rotation.View { return rotation.View{} }, rotation.PhaseNoKey, "ocmt keygen encryption", "No key is set here"},
		{"one key", func(old, _ string) rotation.View {
			return rotation.View{Store: placed(map[string]string{"ENCRYPTION_KEY": old}), Look: labelled(map[int]int64{0: 1})}
		}, rotation.PhaseSettled, "ocmt rotate begin --escrow FILE", "Version 0 is the only key"},
		{"one key, and no look", func(old, _ string) rotation.View {
			return rotation.View{Store: placed(map[string]string{"ENCRYPTION_KEY": old}), Unread: true}
		}, rotation.PhaseUnknown, "", "Not everything was looked at"},
		{"two keys, and the database is down", func(old, fresh string) rotation.View {
			return rotation.View{Store: both(old, fresh), Unread: true}
		}, rotation.PhaseUnknown, "", "not the database"},
		{"two keys, and a table could not be read", func(old, fresh string) rotation.View {
			look := labelled(map[int]int64{1: 1})
			look.Gaps = []rotation.Gap{{What: "secrets", Reason: finding.Reason{Text: "permission denied"}}}
			return rotation.View{Keys: recorded(rotation.DecryptOnly, rotation.Active), Store: both(old, fresh), Look: look}
		}, rotation.PhaseMoving, "ocmt rotate readiness", "Not everything was looked at"},
		{"a new place after the end", func(string, string) rotation.View {
			return rotation.View{Keys: recorded(rotation.Retired, rotation.Active), Store: placed(nil), Settings: placed(nil), Look: labelled(map[int]int64{1: 3})}
		}, rotation.PhaseBehind, "ocmt rotate begin --from-escrow /copy", "no key was found here"},
		{"the key was taken away in another place", func(old, fresh string) rotation.View {
			keys := recorded(rotation.Retired, rotation.Active)
			keys[0].BackupsUntil = "2027-01-01"
			return rotation.View{Keys: keys, Store: both(old, fresh), Look: labelled(map[int]int64{1: 1})}
		}, rotation.PhaseProven, "ocmt rotate finish --from-version 0", "A run has proven"},
		{"one key, and it is compromised", func(old, _ string) rotation.View {
			keys := recorded(rotation.Active, rotation.Retired)[:1]
			keys[0].Compromised = time.Unix(1, 0)
			return rotation.View{Keys: keys, Store: placed(map[string]string{"ENCRYPTION_KEY": old}), Look: labelled(map[int]int64{0: 1})}
		}, rotation.PhaseSettled, "ocmt rotate begin --escrow FILE", "somebody else may have it"},
		{"a compromised key is gone from here, and nothing proves that it is needed nowhere", func(_, fresh string) rotation.View {
			keys := recorded(rotation.Compromised, rotation.Active)
			keys[0].Compromised = time.Unix(1, 0)
			return rotation.View{Keys: keys, Store: placed(map[string]string{"ENCRYPTION_KEY": fresh, "ENCRYPTION_KEY_VERSION": "1"}), Look: labelled(map[int]int64{1: 3})}
		}, rotation.PhaseUnproven, "ocmt rotate --from-version 0", "nothing has proven"},
		{"another tool has recorded a key as compromised, long ago", func(_, fresh string) rotation.View {
			return rotation.View{Keys: recorded(rotation.Compromised, rotation.Active), Store: placed(map[string]string{"ENCRYPTION_KEY": fresh, "ENCRYPTION_KEY_VERSION": "1"}),
				Look: labelled(map[int]int64{1: 3})}
		}, rotation.PhaseSettled, "ocmt rotate begin --escrow FILE", "Version 1 is the only key"},
		{"a paused run", func(old, fresh string) rotation.View {
			return rotation.View{Running: true, Paused: "paused by olga", Store: both(old, fresh)}
		}, rotation.PhaseRunning, "ocmt migrate resume", ""},
		{"a run", func(old, fresh string) rotation.View { return rotation.View{Running: true, Store: both(old, fresh)} }, rotation.PhaseRunning, "ocmt migrate status --watch", ""},
		{"pending", func(old, _ string) rotation.View {
			return rotation.View{Keys: recorded(rotation.Active, rotation.Pending), Store: placed(map[string]string{"ENCRYPTION_KEY": old})}
		}, rotation.PhasePending, "ocmt rotate begin --from-escrow /copy", "not known to be in place"},
		{"pending and in place", func(old, fresh string) rotation.View {
			keys := recorded(rotation.Active, rotation.Pending)
			keys[1].Fingerprint = rotation.FingerprintOf(secret.NewValue(fresh))
			return rotation.View{Keys: keys, Store: both(old, fresh)}
		}, rotation.PhasePending, "ocmt rotate begin", "not yet recorded"},
		{"to be moved", func(old, fresh string) rotation.View {
			return rotation.View{Keys: recorded(rotation.DecryptOnly, rotation.Active), Store: both(old, fresh), Look: labelled(map[int]int64{0: 2, 1: 1})}
		}, rotation.PhaseMoving, "ocmt rotate readiness", "2 values are labelled"},
		{"moved and not proven", func(old, fresh string) rotation.View {
			return rotation.View{Keys: recorded(rotation.DecryptOnly, rotation.Active), Store: both(old, fresh), Look: labelled(map[int]int64{1: 3})}
		}, rotation.PhaseUnproven, "ocmt rotate --from-version 0", "nothing has proven"},
		{"proven", func(old, fresh string) rotation.View {
			keys := recorded(rotation.DecryptOnly, rotation.Active)
			keys[0].Proven = time.Unix(1, 0)
			return rotation.View{Keys: keys, Store: both(old, fresh), Look: labelled(map[int]int64{1: 3}), Readiness: &rotation.ReadinessState{ReadyAt: time.Unix(2, 0)}}
		}, rotation.PhaseProven, "ocmt rotate finish --from-version 0 --backups-until DATE --escrow FILE", "nothing in the database was under version 0"},
		{"proven, and the servers were not seen to be ready", func(old, fresh string) rotation.View {
			keys := recorded(rotation.DecryptOnly, rotation.Active)
			keys[0].Proven = time.Unix(1, 0)
			return rotation.View{Keys: keys, Store: both(old, fresh), Look: labelled(map[int]int64{1: 3})}
		}, rotation.PhaseProven, "ocmt rotate readiness", "nothing in the database was under version 0"},
		{"values again after the proof", func(old, fresh string) rotation.View {
			keys := recorded(rotation.DecryptOnly, rotation.Active)
			keys[0].Proven = time.Unix(1, 0)
			return rotation.View{Keys: keys, Store: both(old, fresh), Look: labelled(map[int]int64{0: 1, 1: 3})}
		}, rotation.PhaseMoving, "ocmt rotate readiness", "1 value is"},
		{"by hand, without a record", func(old, fresh string) rotation.View {
			return rotation.View{Store: both(old, fresh), Look: labelled(map[int]int64{0: 4})}
		}, rotation.PhaseMoving, "", "Version 1"},
		{"this store is behind", func(old, _ string) rotation.View {
			return rotation.View{Keys: recorded(rotation.DecryptOnly, rotation.Active), Store: placed(map[string]string{"ENCRYPTION_KEY": old})}
		}, rotation.PhaseBehind, "ocmt rotate begin --from-escrow /copy", "has version 0"},
		{"a server is ahead by hand", func(old, _ string) rotation.View {
			return rotation.View{Store: placed(map[string]string{"ENCRYPTION_KEY": old}), Look: labelled(map[int]int64{0: 4, 1: 1})}
		}, rotation.PhaseBehind, "", "neither the record nor this place has"},
		{"a server is ahead, and the record could not be read", func(old, _ string) rotation.View {
			return rotation.View{Store: placed(map[string]string{"ENCRYPTION_KEY": old}), Look: labelled(map[int]int64{0: 4, 1: 1}), Unread: true}
		}, rotation.PhaseBehind, "", "the record of key versions was not looked at"},
		{"rolled back, and the store is not", func(old, fresh string) rotation.View {
			return rotation.View{Keys: recorded(rotation.Active, rotation.DecryptOnly), Store: both(old, fresh), Look: labelled(map[int]int64{0: 4})}
		}, rotation.PhaseRolledBack, "ocmt rotate put-back --to-version 0", "Version 0 is active again"},
		{"rolled back, with new values", func(old, fresh string) rotation.View {
			return rotation.View{Keys: recorded(rotation.Active, rotation.DecryptOnly), Store: both(old, fresh), Look: labelled(map[int]int64{0: 4, 1: 2})}
		}, rotation.PhaseRolledBack, "ocmt rotate rollback --to-version 0", ""},
		{"rolled back and put back", func(old, fresh string) rotation.View {
			return rotation.View{Keys: recorded(rotation.Active, rotation.DecryptOnly), Look: labelled(map[int]int64{0: 4}),
				Store: placed(map[string]string{"ENCRYPTION_KEY": old, "ENCRYPTION_KEY_VERSION": "0", "ENCRYPTION_KEY_V1": fresh})}
		}, rotation.PhaseSettled, "ocmt rotate begin --escrow FILE", "Its key stays as ENCRYPTION_KEY_V1 until the next rotation"},
	}
}

// The screen says what to do at 3 a.m. If this fails, it says something else than what is next.
func TestStatusSaysWhatIsNext(t *testing.T) {
	t.Parallel()
	old, _ := makeKey()
	fresh, _ := makeKey()
	for _, c := range stories() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			status := rotation.Assess(c.view(old.Reveal(), fresh.Reveal()))
			if status.Phase != c.phase || len(status.Next) == 0 || status.Next[0].Command != c.next {
				t.Errorf("phase %s, next %q; want %s and %q", status.Phase, status.Next, c.phase, c.next)
			}
			if !contains(status.Summary, c.worded) {
				t.Errorf("the summary is %q", status.Summary)
			}
		})
	}
}

// If this fails, a status hides that a place has another key than the record under one number.
func TestStatusShowsKeysThatDiffer(t *testing.T) {
	t.Parallel()
	old, _ := makeKey()
	keys := []rotation.RecordedKey{{Version: 0, State: rotation.Active, Fingerprint: "0123456789abcdef"}}
	status := rotation.Assess(rotation.View{Keys: keys, Store: placed(map[string]string{"ENCRYPTION_KEY": old.Reveal()})})
	if len(status.Versions) != 1 || !status.Versions[0].Differs || status.Versions[0].Values != nil {
		t.Errorf("got %+v", status.Versions)
	}
}

// After a rollback the servers need the older key in place again. If this fails, it is put back before the
// values are, or the newer key is lost on the way.
func TestPutBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.texts["ENCRYPTION_KEY"]
	if _, err := w.begin(w.beginner()); err != nil {
		t.Fatal(err)
	}
	fresh := w.texts["ENCRYPTION_KEY"]
	putter := rotation.PutBacker{Record: w, Store: w, Look: w.look}
	var refused *rotation.RefusedError
	if _, err := putter.Plan(context.Background(), 0); !errors.As(err, &refused) || refused.Finding.Code != finding.NotRolledBack ||
		refused.Finding.Fix != "ocmt rotate rollback --to-version 0" {
		t.Fatalf("got %v", err)
	}
	w.activate(0) // as the rollback does
	plan, err := putter.Plan(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := putter.PutBack(context.Background(), plan); err != nil {
		t.Fatal(err)
	}
	if w.texts["ENCRYPTION_KEY"] != old || w.texts["ENCRYPTION_KEY_VERSION"] != "0" || w.texts["ENCRYPTION_KEY_V1"] != fresh || w.backs != 1 {
		t.Error("the older key is not in place, or the newer one is lost")
	}
	if _, there := w.texts["ENCRYPTION_KEY_V0"]; there {
		t.Error("the older key stands in two settings")
	}
	if again, err := putter.Plan(context.Background(), 0); err != nil || !again.Done {
		t.Errorf("done %+v, %v", again, err)
	}
	if plan, err := w.begin(w.beginner()); err != nil || plan.To != 2 {
		t.Errorf("the next rotation begins with %+v, %v", plan, err)
	}
}
