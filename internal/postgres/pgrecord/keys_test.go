package pgrecord_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/postgres/pgrecord"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/testenv"
)

func newRecord(t *testing.T) (*pgrecord.Record, *pgx.Conn) {
	t.Helper()
	server := testenv.Shared(t)
	schema, err := os.ReadFile("../../../testdata/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	name, err := server.CreateDatabase(context.Background(), string(schema))
	if err != nil {
		t.Fatal(err)
	}
	db, err := postgres.New(server.URL("postgres", name), postgres.Options{ApplicationName: "ocmt", LockTimeout: time.Second, StatementTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	conn, err := pgx.Connect(context.Background(), server.URL("postgres", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return pgrecord.New(db, "olga"), conn
}

func states(t *testing.T, record *pgrecord.Record) map[int]rotation.KeyState {
	t.Helper()
	keys, err := record.KeyStates(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]rotation.KeyState{}
	for _, key := range keys {
		found[key.Version] = key.State
	}
	return found
}

// A record that an earlier version of this tool has written must be read as it was meant. If this fails, a
// key that values are under is not known as one.
func TestKeyStatesReadsOldWords(t *testing.T) {
	t.Parallel()
	record, conn := newRecord(t)
	// As the servers' own scripts make the table.
	if _, err := conn.Exec(context.Background(), "alter table encryption_keys alter column status drop not null"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(context.Background(), `insert into encryption_keys (version, key_id, algorithm, status, rotated_at, metadata) values
		(0, '0123456789abcdef', 'aes-256-gcm', 'rotated', '2026-01-02T03:04:05Z', '{"recorded_by": "ocmt"}'), (1, '1123456789abcdef', 'aes-256-gcm', 'retiring', null, '{}'),
		(2, '2123456789abcdef', 'aes-256-gcm', 'active', null, null), (3, 'kms/other', 'aes-256-gcm', 'archived', null, null), (4, 'x', 'aes-256-gcm', null, null, null)`); err != nil {
		t.Fatal(err)
	}
	keys, err := record.KeyStates(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	want := []rotation.RecordedKey{{Version: 0, Fingerprint: "0123456789abcdef", State: rotation.DecryptOnly, Proven: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
		{Version: 1, Fingerprint: "1123456789abcdef", State: rotation.DecryptOnly}, {Version: 2, Fingerprint: "2123456789abcdef", State: rotation.Active},
		{Version: 3, State: "archived"}, {Version: 4}}
	if len(keys) != len(want) {
		t.Fatalf("%d keys", len(keys))
	}
	for i, key := range keys {
		if key.Created.IsZero() {
			t.Errorf("version %d has no time", key.Version)
		}
		if key.Created = (time.Time{}); key != want[i] {
			t.Errorf("got %+v, want %+v", key, want[i])
		}
	}
}

// If this fails, two keys are pending at once, a version that is not pending becomes the active one, or a
// proof that was made before stays when the key is in use again.
func TestKeysGoFromStateToState(t *testing.T) {
	t.Parallel()
	record, _ := newRecord(t)
	ctx := context.Background()
	before := rotation.RecordedKey{Version: 0, Fingerprint: "0123456789abcdef"}
	made := func(version int, fingerprint string) rotation.RecordedKey {
		return rotation.RecordedKey{Version: version, Fingerprint: fingerprint,
			Begun: &rotation.Begun{From: 0, FromFingerprint: before.Fingerprint, Operator: "olga", Host: "a", Store: "s", Escrow: "/copy", Baseline: rotation.Look{WAL: "0/1"}}}
	}
	if err := record.RecordPending(ctx, made(1, "1123456789abcdef"), before); err != nil {
		t.Fatal(err)
	}
	if got := states(t, record); got[0] != rotation.Active || got[1] != rotation.Pending {
		t.Errorf("after pending: %v", got)
	}
	if err := record.RecordPending(ctx, made(2, "2123456789abcdef"), before); !errors.Is(err, rotation.ErrNotExpected) {
		t.Errorf("a second pending version: %v", err)
	}
	if err := record.RecordInPlace(ctx, 0, "s"); err != nil {
		t.Errorf("one more store of the active version: %v", err)
	}
	if err := record.RecordAbandoned(ctx, 0); !errors.Is(err, rotation.ErrNotExpected) {
		t.Errorf("the active version was given up: %v", err)
	}
	if err := record.RecordInPlace(ctx, 1, "s"); err != nil {
		t.Fatal(err)
	}
	if _, err := record.Retire(ctx, rotation.Unneeded{To: 1, Versions: []int{0}}); err != nil {
		t.Fatal(err)
	}
	keys, err := record.KeyStates(ctx)
	if err != nil || keys[0].State != rotation.DecryptOnly || keys[0].Proven.IsZero() || keys[1].State != rotation.Active || keys[1].Begun == nil || keys[1].Begun.Baseline.WAL != "0/1" {
		t.Errorf("after the proof: %+v, %v", keys, err)
	}
	run := migrate.LedgerEntry{To: 1, Fingerprints: map[int]string{0: "0123456789abcdef", 1: "1123456789abcdef"}}
	if err := record.Ledger().Begin(ctx, run); err != nil {
		t.Fatal(err)
	}
	if keys, err = record.KeyStates(ctx); err != nil || !keys[0].Proven.IsZero() {
		t.Errorf("a run has found values under version 0, and the proof stays: %+v, %v", keys[0], err)
	}
	if err := record.RecordInPlace(ctx, 0, "s"); !errors.Is(err, rotation.ErrNotExpected) {
		t.Errorf("an old version became the active one: %v", err)
	}
	if err := record.RecordPending(ctx, made(2, "2123456789abcdef"), rotation.RecordedKey{Version: 1, Fingerprint: "1123456789abcdef"}); err != nil {
		t.Fatal(err)
	}
	if err := record.RecordAbandoned(ctx, 2); err != nil {
		t.Fatal(err)
	}
	if got := states(t, record); got[1] != rotation.Active || got[2] != rotation.Retired {
		t.Errorf("after giving up: %v", got)
	}
}

// If this fails, a key that is in use again is taken away by a proof of an earlier time, or a rotation that was
// rolled back is finished by what the servers wrote before.
func TestActivatingAgainForgets(t *testing.T) {
	t.Parallel()
	record, _ := newRecord(t)
	ctx := context.Background()
	before := rotation.RecordedKey{Version: 0, Fingerprint: "0123456789abcdef"}
	made := rotation.RecordedKey{Version: 1, Fingerprint: "1123456789abcdef", Begun: &rotation.Begun{FromFingerprint: before.Fingerprint}}
	if err := errors.Join(record.RecordPending(ctx, made, before), record.RecordInPlace(ctx, 1, "s")); err != nil {
		t.Fatal(err)
	}
	seen := rotation.ReadinessState{ReadyAt: time.Now(), LookedAt: time.Now(), Shown: []string{"public.secrets"}}
	evidence := &rotation.Evidence{Version: 0, NewVersion: 1, BackupsUntil: "2030-01-01"}
	finished := func() error {
		_, err := record.RecordFinished(ctx, evidence)
		return err
	}
	if err := errors.Join(record.RecordReadiness(ctx, 1, seen, true), record.RecordFinishing(ctx, evidence), finished()); err != nil {
		t.Fatal(err)
	}
	// One more store of the active version, and a run that goes on, change nothing.
	if err := errors.Join(record.RecordInPlace(ctx, 1, "t"), record.Ledger().Begin(ctx, migrate.LedgerEntry{To: 1})); err != nil {
		t.Fatal(err)
	}
	if state, err := record.Readiness(ctx, 1); err != nil || !state.IsReady() {
		t.Errorf("the version stays active, and is not ready any more: %+v, %v", state, err)
	}
	if kept, err := record.Evidence(ctx, 0); err != nil || kept == nil {
		t.Errorf("the version stays retired, and its evidence is gone: %+v, %v", kept, err)
	}
	for _, to := range []int{0, 1} {
		if err := record.Ledger().Begin(ctx, migrate.LedgerEntry{To: to}); err != nil {
			t.Fatal(err)
		}
	}
	if state, err := record.Readiness(ctx, 1); err != nil || state.IsReady() || len(state.Shown) > 0 {
		t.Errorf("version 1 was rolled back, and is ready without a look: %+v, %v", state, err)
	}
	if kept, err := record.Evidence(ctx, 0); err != nil || kept != nil {
		t.Errorf("version 0 was in use again, and its evidence stays: %+v, %v", kept, err)
	}
}

// If this fails, a key that somebody else may have can never be taken away, or is called something else on the way.
func TestCompromisedKeyIsProvenAndFinished(t *testing.T) {
	t.Parallel()
	record, conn := newRecord(t)
	ctx := context.Background()
	before := rotation.RecordedKey{Version: 0, Fingerprint: "0123456789abcdef"}
	made := rotation.RecordedKey{Version: 1, Fingerprint: "1123456789abcdef", Begun: &rotation.Begun{FromFingerprint: before.Fingerprint}}
	if err := errors.Join(record.RecordPending(ctx, made, before), record.RecordInPlace(ctx, 1, "s")); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(ctx, "update encryption_keys set status = 'compromised' where version = 0"); err != nil {
		t.Fatal(err)
	}
	run := migrate.LedgerEntry{To: 1, Fingerprints: map[int]string{0: "0123456789abcdef", 1: "1123456789abcdef"}}
	for _, test := range []struct {
		what   string
		change func() error
		proven bool
	}{
		{"proven", func() error { _, err := record.Retire(ctx, rotation.Unneeded{To: 1, Versions: []int{0}}); return err }, true},
		{"values were found", func() error { return record.Ledger().Begin(ctx, run) }, false},
		{"proven again", func() error { _, err := record.Retire(ctx, rotation.Unneeded{To: 1, Versions: []int{0}}); return err }, true},
	} {
		if err := test.change(); err != nil {
			t.Fatal(err)
		}
		keys, err := record.KeyStates(ctx)
		if err != nil || keys[0].State != rotation.Compromised || keys[0].Proven.IsZero() == test.proven {
			t.Errorf("%s: %+v, %v", test.what, keys, err)
		}
	}
	evidence := &rotation.Evidence{Version: 0, NewVersion: 1, BackupsUntil: "2030-01-01"}
	if err := record.RecordFinishing(ctx, evidence); err != nil || states(t, record)[0] != rotation.Compromised {
		t.Errorf("finishing: %v, %v", states(t, record), err)
	}
	if _, err := record.RecordFinished(ctx, evidence); err != nil || states(t, record)[0] != rotation.Retired {
		t.Errorf("finished: %v, %v", states(t, record), err)
	}
}
