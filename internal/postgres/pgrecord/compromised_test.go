package pgrecord_test

import (
	"context"
	"errors"
	"testing"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/rotation"
)

// If this fails, an operator in an incident cannot record that somebody else has a key, the mark is lost where the state
// of the key changes, or it takes the key away from the servers that write with it.
func TestCompromisedMarkStays(t *testing.T) {
	t.Parallel()
	record, _ := newRecord(t)
	ctx := context.Background()
	mark := rotation.CompromisedMark{Version: 0, Fingerprint: "0123456789abcdef", Current: true, Operator: "olga", Host: "h", Note: "n"}
	before := rotation.RecordedKey{Version: 0, Fingerprint: mark.Fingerprint}
	made := rotation.RecordedKey{Version: 1, Fingerprint: "1123456789abcdef", Begun: &rotation.Begun{FromFingerprint: before.Fingerprint}}
	evidence := &rotation.Evidence{Version: 0, NewVersion: 1, BackupsUntil: "2030-01-01"}
	for _, step := range []struct {
		what      string
		change    func() error
		zero, one rotation.KeyState
	}{
		{"marked before the first rotation", func() error { return record.RecordCompromised(ctx, mark) }, rotation.Active, ""},
		{"another one is begun", func() error { return record.RecordPending(ctx, made, before) }, rotation.Active, rotation.Pending},
		{"and in place", func() error { return record.RecordInPlace(ctx, 1, "s") }, rotation.Compromised, rotation.Active},
		{"rolled back", func() error { return record.Ledger().Begin(ctx, migrate.LedgerEntry{To: 0}) }, rotation.Active, rotation.DecryptOnly},
		{"and forward", func() error { return record.Ledger().Begin(ctx, migrate.LedgerEntry{To: 1}) }, rotation.Compromised, rotation.Active},
		{"proven", func() error { _, err := record.Retire(ctx, rotation.Unneeded{To: 1, Versions: []int{0}}); return err }, rotation.Compromised, rotation.Active},
		{"to be finished", func() error { return record.RecordFinishing(ctx, evidence) }, rotation.Compromised, rotation.Active},
		{"finished", func() error {
			_, err := record.RecordFinished(ctx, evidence)
			return err
		}, rotation.Retired, rotation.Active},
	} {
		err := step.change()
		keys, failed := record.KeyStates(ctx)
		if got := states(t, record); err != nil || failed != nil || got[0] != step.zero || got[1] != step.one || keys[0].Compromised.IsZero() {
			t.Fatalf("%s: %v, %+v, %v, %v", step.what, got, keys[0], err, failed)
		}
	}
}

// If this fails, a second mark moves the time of the first, a pending key looks like one in place, or a mark takes the place
// of a key that somebody else has recorded meanwhile.
func TestCompromisedMarkIsRefused(t *testing.T) {
	t.Parallel()
	record, _ := newRecord(t)
	ctx := context.Background()
	before := rotation.RecordedKey{Version: 0, Fingerprint: "0123456789abcdef"}
	made := rotation.RecordedKey{Version: 1, Fingerprint: "1123456789abcdef", Begun: &rotation.Begun{FromFingerprint: before.Fingerprint}}
	if err := record.RecordPending(ctx, made, before); err != nil {
		t.Fatal(err)
	}
	marks := []rotation.CompromisedMark{
		{Version: 1, State: rotation.Pending},
		{Version: 7, State: rotation.DecryptOnly}, // it was there a moment ago
		{Version: 7, Fingerprint: "7123456789abcdef", Current: true},
	}
	for _, mark := range marks {
		if err := record.RecordCompromised(ctx, mark); !errors.Is(err, rotation.ErrNotExpected) {
			t.Errorf("%+v: %v", mark, err)
		}
	}
	first := rotation.CompromisedMark{Version: 0, State: rotation.Active}
	if err := record.RecordCompromised(ctx, first); err != nil {
		t.Fatal(err)
	}
	if err := record.RecordCompromised(ctx, first); !errors.Is(err, rotation.ErrNotExpected) {
		t.Errorf("the second mark: %v", err)
	}
	if got := states(t, record); len(got) != 2 || got[0] != rotation.Active || got[1] != rotation.Pending {
		t.Errorf("after refused marks: %v", got)
	}
}
