package pgaudit_test

import (
	"context"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/postgres/pgaudit"
	"github.com/ocmt/ocmt/internal/postgres/pgchain"
	"github.com/ocmt/ocmt/internal/testenv"
)

// today is when the checks of the life of secrets are asked.
var today = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// record adds an entry to the tool's own record, as of some days ago.
func (d *deployment) record(action, subject string, daysAgo int) {
	d.t.Helper()
	db := d.open(testenv.Shared(d.t).URL("postgres", d.name))
	store := pgchain.New(db, chain.Author{Operator: "tester", Host: "here", Command: "audit record"}, func(prospect chain.Prospect) { d.t.Errorf("no record: %s", prospect.Reason) })
	at := chain.FormatTime(today.AddDate(0, 0, -daysAgo))
	if err := store.Add(context.Background(), chain.Event{Action: action, Subject: subject, Details: map[string]any{"happened_at": at}}); err != nil {
		d.t.Fatal(err)
	}
}

func (d *deployment) open(url string) *postgres.DB {
	d.t.Helper()
	db, err := postgres.New(url, postgres.Options{ApplicationName: "ocmt-test", LockTimeout: time.Second, StatementTimeout: time.Minute})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(db.Close)
	return db
}

// lifecycle asks a check of the life of secrets, as the account of an address, with OCMT-ENC-005 before it.
func (d *deployment) lifecycle(url, id string, horizon time.Duration, given settings) audit.Result {
	d.t.Helper()
	ctx := context.Background()
	db := d.open(url)
	snapshot, err := pgaudit.Open(ctx, db, time.Minute)
	if err != nil {
		d.t.Fatal(err)
	}
	defer snapshot.Close(ctx)
	source := &pgaudit.Lifecycle{Snapshot: snapshot, Record: pgchain.New(db, chain.Author{}, func(chain.Prospect) {}), Horizon: horizon}
	sources := &audit.Sources{Settings: audit.Available[audit.Settings](given), Lifecycle: audit.Available[audit.LifecycleSource](source),
		Encryption: audit.Available(audit.NewEncryptionSource(snapshot.Values(), audit.EncryptionOptions{Catalogue: ocmt.Catalogue()}))}
	report, err := audit.Run(ctx, sources, audit.Request{Only: []string{id, "OCMT-ENC-005"}, Now: today}, silent{})
	if err != nil {
		d.t.Fatal(err)
	}
	for _, result := range report.Results {
		if result.Check.ID == id {
			return result
		}
	}
	d.t.Fatalf("%s was not asked", id)
	return audit.Result{}
}

// want fails the test where a check has another outcome.
func want(t *testing.T, what string, r audit.Result, outcome audit.Outcome) {
	t.Helper()
	if r.Outcome != outcome {
		t.Errorf("%s: %s is %s, findings %+v, gaps %+v, absent %q; want %s", what, r.Check.ID, r.Outcome, r.Findings, r.Gaps, r.Absent, outcome)
	}
}

// closed returns the address of an account that may see the record's schema and not its table.
func (d *deployment) closed() string { return d.plain(testenv.Shared(d.t)) }

// If this fails, a token is taken for fresh although nobody knows when it was changed, or an overdue one passes.
func TestQuarterlyRotation(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	super := testenv.Shared(t).URL("postgres", d.name)
	given := settings{"ADMIN_TOKEN": "set"}
	want(t, "nothing is set", d.lifecycle(super, "OCMT-LIF-001", 0, settings{}), audit.NotApplicable)
	want(t, "nothing is recorded", d.lifecycle(super, "OCMT-LIF-001", 0, given), audit.Unchecked)
	d.record(chain.ActionSecretRotated, "ADMIN_TOKEN", 120)
	overdue := d.lifecycle(super, "OCMT-LIF-001", 0, given)
	wantFinding(t, overdue, audit.Medium, "ADMIN_TOKEN", "2026-07-29")
	want(t, "another is set too", d.lifecycle(super, "OCMT-LIF-001", 0, settings{"ADMIN_TOKEN": "set", "REDIS_URL": "set"}), audit.Found)
	d.record(chain.ActionSecretRotated, "ADMIN_TOKEN", 10)
	want(t, "it was rotated", d.lifecycle(super, "OCMT-LIF-001", 0, given), audit.Pass)
	wantGap(t, d.lifecycle(d.closed(), "OCMT-LIF-001", 0, given), "ocmt.record")
	d.record(chain.ActionSecretRotated, "ADMIN_TOKEN", 120)
	want(t, "it was not, as the entry behind it says", d.lifecycle(super, "OCMT-LIF-001", 0, given), audit.Found)
}

// If this fails, a rotation that somebody broke off stays half done, and nobody is told.
func TestUnfinishedRotation(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	super := testenv.Shared(t).URL("postgres", d.name)
	want(t, "no run", d.lifecycle(d.url, "OCMT-LIF-002", 0, settings{}), audit.Pass)
	d.exec(`insert into encryption_migrations (table_name, column_name, from_version, to_version, started_at, status)
		values ('public.secrets', 'value_encrypted', 0, 1, now() - interval '2 days', 'interrupted')`)
	wantFinding(t, d.lifecycle(d.url, "OCMT-LIF-002", 0, settings{}), audit.High, "version 0 to 1", "ocmt rotate --from-version 0", "public.secrets.value_encrypted")
	// The lock that a run holds, and that anybody may take by its number.
	d.exec("select pg_advisory_lock(8026379307689802099)")
	wantFinding(t, d.lifecycle(d.url, "OCMT-LIF-002", 0, settings{}), audit.High, "version 0 to 1")
	d.exec("set application_name = 'ocmt'")
	wantFinding(t, d.lifecycle(d.url, "OCMT-LIF-002", 0, settings{}), audit.Info, "at work")
	d.exec("select pg_advisory_unlock(8026379307689802099)")
	d.exec(`insert into encryption_migrations (table_name, column_name, from_version, to_version, started_at, completed_at, status)
		values ('public.secrets', 'value_encrypted', 0, 1, now() - interval '1 day', now(), 'completed')`)
	want(t, "completed since", d.lifecycle(d.url, "OCMT-LIF-002", 0, settings{}), audit.Pass)
	wantGap(t, d.lifecycle(d.closed(), "OCMT-LIF-002", 0, settings{}), "encryption_migrations")
	d.exec("drop table encryption_migrations")
	want(t, "no table", d.lifecycle(super, "OCMT-LIF-002", 0, settings{}), audit.NotApplicable)
}

// If this fails, whoever took a token in an incident keeps it.
func TestIncident(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	super := testenv.Shared(t).URL("postgres", d.name)
	given := settings{"ADMIN_TOKEN": "set", "AGENT_SERVER_TOKEN": "set", "ENCRYPTION_KEY": "set", "ENCRYPTION_KEY_VERSION": "1"}
	want(t, "no record", d.lifecycle(super, "OCMT-LIF-003", 0, given), audit.NotApplicable)
	d.record(chain.ActionSecretRotated, "ADMIN_TOKEN", 40)
	want(t, "no incident", d.lifecycle(super, "OCMT-LIF-003", 0, given), audit.NotApplicable)
	d.record(chain.ActionIncidentOpened, "", 30)
	d.record(chain.ActionSecretRotated, "AGENT_SERVER_TOKEN", 20)
	d.exec("insert into encryption_keys (version, key_id, created_at) values (1, '0123456789abcdef', '2026-11-20T00:00:00Z')")
	incident := d.lifecycle(super, "OCMT-LIF-003", 0, given)
	wantFinding(t, incident, audit.High, "2026-10-27", "ADMIN_TOKEN")
	if len(incident.Findings) == 1 && incident.Findings[0].Count != 1 {
		t.Errorf("%d secrets, want ADMIN_TOKEN alone: %v", incident.Findings[0].Count, incident.Findings[0].Places)
	}
	d.record(chain.ActionSecretRotated, "ADMIN_TOKEN", 5)
	want(t, "all were rotated", d.lifecycle(super, "OCMT-LIF-003", 0, given), audit.Pass)
	wantGap(t, d.lifecycle(d.closed(), "OCMT-LIF-003", 0, given), "ocmt.record")
}

// If this fails, the only copy of the key is on the server that burns.
func TestBackup(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	super := testenv.Shared(t).URL("postgres", d.name)
	given := settings{"ENCRYPTION_KEY": "set", "ENCRYPTION_KEY_VERSION": "1"}
	want(t, "no key", d.lifecycle(super, "OCMT-LIF-004", 0, settings{}), audit.NotApplicable)
	want(t, "no backup", d.lifecycle(super, "OCMT-LIF-004", 0, given), audit.Unchecked)
	d.record(chain.ActionBackupVerified, "", 30)
	want(t, "a backup", d.lifecycle(super, "OCMT-LIF-004", 0, given), audit.Pass)
	d.exec("insert into encryption_keys (version, key_id, created_at) values (1, '0123456789abcdef', '2026-11-20T00:00:00Z')")
	wantFinding(t, d.lifecycle(super, "OCMT-LIF-004", 0, given), audit.High, "2026-10-27", "2026-11-20")
	d.record(chain.ActionBackupVerified, "", 1)
	want(t, "a backup of the new key", d.lifecycle(super, "OCMT-LIF-004", 0, given), audit.Pass)
	wantGap(t, d.lifecycle(d.closed(), "OCMT-LIF-004", 0, given), "ocmt.record")
}

// If this fails, a backup that was verified in the second in which the key came is taken for one from before.
func TestKeySinceIsExact(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	ctx := context.Background()
	d.exec("insert into encryption_keys (version, key_id, created_at) values (1, '0123456789abcdef', '2026-11-20T10:00:00.999123Z')")
	snapshot, err := pgaudit.Open(ctx, d.open(d.url), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Close(ctx)
	since, there, err := (&pgaudit.Lifecycle{Snapshot: snapshot}).KeySince(ctx, 1)
	if exact := time.Date(2026, 11, 20, 10, 0, 0, 999123000, time.UTC); err != nil || !there || !since.Equal(exact) {
		t.Errorf("%v, %v, %v; want %v", since, there, err, exact)
	}
}

// If this fails, an old key is taken out that a backup needs, or one that opens old dumps stays for ever.
func TestOldKeys(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	given := settings{"ENCRYPTION_KEY": testKey('1'), "ENCRYPTION_KEY_VERSION": "1", "ENCRYPTION_KEY_V0": testKey('0')}
	const month = 30 * 24 * time.Hour
	want(t, "no older key", d.lifecycle(d.url, "OCMT-LIF-005", month, settings{"ENCRYPTION_KEY": testKey('1')}), audit.NotApplicable)
	want(t, "no horizon", d.lifecycle(d.url, "OCMT-LIF-005", 0, given), audit.Unchecked)
	want(t, "no record of the key", d.lifecycle(d.url, "OCMT-LIF-005", month, given), audit.Unchecked)
	d.exec("insert into encryption_keys (version, key_id, created_at) values (1, '0123456789abcdef', '2026-11-20T00:00:00Z')")
	want(t, "backups need it", d.lifecycle(d.url, "OCMT-LIF-005", month, given), audit.Pass)
	wantFinding(t, d.lifecycle(d.url, "OCMT-LIF-005", 24*time.Hour, given), audit.Low, "ENCRYPTION_KEY_V0")
	wantGap(t, d.lifecycle(d.closed(), "OCMT-LIF-005", month, given), "OCMT-ENC-005")
}

// testKey returns a key of this test.
func testKey(digit byte) string {
	key := []byte("7be04c19d2a6f38e5519c0bb47ea2f6d93f1850c6e2db7a4081f9ed35b7c62a0")
	key[len(key)-1] = digit
	return string(key)
}
