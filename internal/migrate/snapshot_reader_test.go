package migrate_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres/pgdiscover"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// phases is a Reporter that does something whenever a phase begins.
type phases struct {
	silent
	begin func()
}

func (p phases) Phase(string) { p.begin() }

// guarded is a SnapshotGuard that does something after each question who holds the tables.
type guarded struct {
	migrate.SnapshotGuard
	asked  int
	listed func(question int)
}

func (g *guarded) Holders(ctx context.Context, tables []migrate.Table) ([]migrate.Holder, error) {
	list, err := g.SnapshotGuard.Holders(ctx, tables)
	g.asked++
	g.listed(g.asked)
	return list, err
}

// verify opens every value under version 1, and waits a short time for transactions.
func (d *database) verify(ring *crypto.Keyring, sources migrate.VerifySources, reporter migrate.Reporter) *migrate.Verification {
	d.t.Helper()
	request := d.request()
	request.HolderTimeout = 100 * time.Millisecond
	verified, err := migrate.Verify(context.Background(), sources, ring, request, reporter)
	if err != nil {
		d.t.Fatal(err)
	}
	return verified
}

// open begins a transaction that has inserted a value under version 0, on a connection of
// its own.
func (d *database) open(ring *crypto.Keyring) *pgx.Conn {
	d.t.Helper()
	conn, err := pgx.Connect(context.Background(), d.url)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	old := seal(d.t, ring, 0, false, "late")
	if _, err := conn.Exec(context.Background(), "begin"); err != nil {
		d.t.Fatal(err)
	}
	if _, err := conn.Exec(context.Background(), "insert into secrets (key, value_encrypted) values ('late', $1)", old); err != nil {
		d.t.Fatal(err)
	}
	return conn
}

func codesOf(list []finding.Finding) string {
	var codes []string
	for _, found := range list {
		codes = append(codes, string(found.Code))
	}
	return strings.Join(codes, " ")
}

// If this fails, a verification says that a key may go, and a server commits a value under
// it a moment later.
func TestVerificationDoubtsWhatHasNotEnded(t *testing.T) {
	t.Parallel()
	d, v := newDatabase(t), readVectors(t)
	d.insert("secrets.value_encrypted", seal(t, v.ring(t, 1, 1), 1, false, "x"))
	d.open(v.ring(t, 0, 0))
	verified := d.verify(v.ring(t, 1, 1), d.verifySources(), silent{})
	if verified.Clean() || codesOf(verified.Doubts) != "not_ended" {
		t.Fatalf("clean %t, doubts %q", verified.Clean(), codesOf(verified.Doubts))
	}
	// The advice is followed: the statement that it names is run as it is.
	_, statement, _ := strings.Cut(verified.Doubts[0].Fix, "with ")
	statement, _, _ = strings.Cut(statement, " if ")
	d.exec(statement)
	for len(d.texts("select virtualtransaction from pg_locks where relation = 'secrets'::regclass")) > 0 {
		continue // its process has not noticed yet
	}
	if verified := d.verify(v.ring(t, 1, 1), d.verifySources(), silent{}); !verified.Proven() {
		t.Errorf("not proven after %s: %+v", statement, verified)
	}
}

// If this fails, a transaction that begins just before the snapshot and ends just after it
// hides a value under an old key from the proof.
func TestVerificationReadsWhatWasRunning(t *testing.T) {
	t.Parallel()
	for name, ends := range map[string]int{"ends before it is asked for": 0, "ends while it is waited for": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, v := newDatabase(t), readVectors(t)
			d.insert("secrets.value_encrypted", seal(t, v.ring(t, 1, 1), 1, false, "x"))
			var late *pgx.Conn
			commit := sync.OnceFunc(func() {
				if _, err := late.Exec(context.Background(), "commit"); err != nil {
					t.Error(err)
				}
			})
			sources := d.verifySources()
			sources.Guard = &guarded{SnapshotGuard: sources.Guard, listed: func(question int) {
				if question == 1 { // before the snapshot
					late = d.open(v.ring(t, 0, 0))
				}
				if question == ends {
					commit()
				}
			}}
			if ends == 0 {
				sources.Conns = snapshots{sources.Conns, commit}
			}
			verified := d.verify(v.ring(t, 1, 0, 1), sources, silent{})
			if verified.Versions[0] != 1 || verified.Opened != 1 || len(verified.Doubts) > 0 {
				t.Errorf("%d opened, %v under others, doubts %q; want the late value found", verified.Opened, verified.Versions, codesOf(verified.Doubts))
			}
		})
	}
}

// snapshots is a Connector that does something after each snapshot is taken.
type snapshots struct {
	migrate.Connector
	taken func()
}

func (s snapshots) OpenSnapshot(ctx context.Context) (migrate.Snapshot, error) {
	snapshot, err := s.Connector.OpenSnapshot(ctx)
	s.taken()
	return snapshot, err
}

// If this fails, a table that is rewritten after the snapshot was taken reads as empty, and
// its values count as proven.
func TestVerificationBesideRewrite(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"a column with a volatile default": "alter table secrets add column note uuid default gen_random_uuid()",
		"a type that is changed":           "alter table secrets alter column key type varchar(300)",
		"vacuum full":                      "vacuum full secrets",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, v := newDatabase(t), readVectors(t)
			d.insert("secrets.value_encrypted", seal(t, v.ring(t, 0, 0), 0, false, "x"))
			once := sync.OnceFunc(func() { d.exec(statement) })
			verified := d.verify(v.ring(t, 1, 0, 1), d.verifySources(), phases{begin: once})
			if verified.Versions[0] != 1 || len(verified.Obstacles) > 0 {
				t.Errorf("%v under others, obstacles %q; want the value found", verified.Versions, codesOf(verified.Obstacles))
			}
		})
	}
}

// If this fails, a verification that never saw a table whole says that it has.
func TestVerificationGivesUpBesideRewrites(t *testing.T) {
	t.Parallel()
	d, v := newDatabase(t), readVectors(t)
	d.insert("secrets.value_encrypted", seal(t, v.ring(t, 1, 1), 1, false, "x"))
	verified := d.verify(v.ring(t, 1, 1), d.verifySources(), phases{begin: func() { d.exec("vacuum full secrets") }})
	if verified.Clean() || codesOf(verified.Obstacles) != "table_rewritten" {
		t.Errorf("clean %t, obstacles %q", verified.Clean(), codesOf(verified.Obstacles))
	}
}

// wanted is a SnapshotGuard that always says that somebody waits.
type wanted struct {
	migrate.SnapshotGuard
	asked chan struct{}
}

func (w wanted) IsWaitedFor(ctx context.Context, _ int) (bool, error) {
	select {
	case w.asked <- struct{}{}:
	case <-ctx.Done():
	}
	return true, nil
}

// If this fails, a verification keeps a migration waiting, and the servers behind it, or
// says that it is a proof when it was cut off.
func TestVerificationLetsOthersThrough(t *testing.T) {
	t.Parallel()
	d, v := newDatabase(t), readVectors(t)
	d.insert("secrets.value_encrypted", seal(t, v.ring(t, 1, 1), 1, false, "x"))
	sources, asked := d.verifySources(), make(chan struct{})
	sources.Guard = wanted{sources.Guard, asked}
	verified := d.verify(v.ring(t, 1, 1), sources, altering{alter: func() {
		select {
		case <-asked:
		case <-time.After(time.Minute): // it has been told in this snapshot, and asks no more
		}
	}})
	if verified.Clean() || codesOf(verified.Obstacles) != "lock_wanted" {
		t.Errorf("clean %t, obstacles %q", verified.Clean(), codesOf(verified.Obstacles))
	}
}

// If this fails, a table that was renamed takes its values out of sight of the proof, and
// their key is taken away.
func TestVerificationMissesWhatTheRecordHas(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"a table":  "alter table user_mfa rename to user_mfa_2026",
		"a column": "alter table user_mfa rename column totp_secret_encrypted to totp_2026",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, v := newDatabase(t), readVectors(t)
			ring := v.ring(t, 1, 0, 1)
			d.insert("secrets.value_encrypted", seal(t, ring, 0, false, "x"))
			d.insert("user_mfa.totp_secret_encrypted", seal(t, ring, 0, false, "y"))
			if _, err := d.runner(ring).Run(context.Background(), d.plan(ring, d.request())); err != nil {
				t.Fatal(err)
			}
			d.exec(statement)
			verified := d.verify(ring, d.verifySources(), silent{})
			if verified.Clean() || !strings.Contains(codesOf(verified.Doubts), "missing_table") {
				t.Errorf("clean %t, doubts %q", verified.Clean(), codesOf(verified.Doubts))
			}
		})
	}
}

// If this fails, a connection string that names several servers lets one be rotated and
// another be proven.
func TestVerificationOfAnotherServer(t *testing.T) {
	t.Parallel()
	d, v := newDatabase(t), readVectors(t)
	d.insert("secrets.value_encrypted", seal(t, v.ring(t, 1, 1), 1, false, "x"))
	for _, identity := range []migrate.Identity{{Name: "another"}, {System: "1"}} {
		request := d.request()
		request.Database = identity
		verified, err := migrate.Verify(context.Background(), d.verifySources(), v.ring(t, 1, 1), request, silent{})
		if err != nil {
			t.Fatal(err)
		}
		if verified.Clean() || codesOf(verified.Obstacles) != "other_server" {
			t.Errorf("%+v: clean %t, obstacles %q", identity, verified.Clean(), codesOf(verified.Obstacles))
		}
	}
}

// If this fails, a look at one table passes for a proof of the whole database.
func TestVerificationOfAPart(t *testing.T) {
	t.Parallel()
	d, v := newDatabase(t), readVectors(t)
	d.insert("secrets.value_encrypted", seal(t, v.ring(t, 1, 1), 1, false, "x"))
	request := d.request()
	request.Tables = []string{"secrets"}
	verified, err := migrate.Verify(context.Background(), d.verifySources(), v.ring(t, 1, 1), request, silent{})
	if err != nil {
		t.Fatal(err)
	}
	if !verified.Clean() || verified.Proven() {
		t.Errorf("clean %t, proven %t", verified.Clean(), verified.Proven())
	}
}

// If this fails, a transaction that has copied a value under the old key into a table that
// nothing lists commits it after the search, and the key is gone.
func TestSearchWaitsForEveryTable(t *testing.T) {
	t.Parallel()
	d, v := newDatabase(t), readVectors(t)
	ring := v.ring(t, 1, 0, 1)
	d.exec("create table copies (id int primary key, body text)")
	other, err := pgx.Connect(context.Background(), d.url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close(context.Background()) }()
	write := func(sql string, args ...any) {
		t.Helper()
		if _, err := other.Exec(context.Background(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	write("begin")
	write("insert into copies values (1, $1)", seal(t, ring, 0, false, "x"))
	request := d.request()
	request.Search, request.HolderTimeout = discover.Full, 200*time.Millisecond
	look := func() *discover.Report {
		t.Helper()
		sources := migrate.SearchSources{Searchers: pgdiscover.New(d.db), Holders: d.store, Clock: time.Now}
		report, err := migrate.SearchUnlisted(context.Background(), sources, ring, request, &migrate.Verification{}, nil, silent{})
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	if report := look(); codesOf(report.Unread) != "not_ended" || len(report.Unlisted) != 0 {
		t.Errorf("open: not read %q, found %v", codesOf(report.Unread), report.Unlisted)
	}
	write("prepare transaction 'copier'")
	if report := look(); codesOf(report.Unread) != "not_ended" || !strings.Contains(report.Unread[0].Fix, "COMMIT PREPARED 'copier'") {
		t.Errorf("prepared: not read %+v", report.Unread)
	}
	write("commit prepared 'copier'")
	if report := look(); len(report.Unread) != 0 || len(report.Unlisted) != 1 {
		t.Errorf("ended: not read %q, found %v", codesOf(report.Unread), report.Unlisted)
	}

	// A table that the transaction has made itself is visible to nobody else.
	write("begin")
	write("create table made as select * from copies")
	if report := look(); codesOf(report.Unread) != "not_ended" || len(report.Unlisted) != 1 {
		t.Errorf("made: not read %q, found %v", codesOf(report.Unread), report.Unlisted)
	}
	write("prepare transaction 'maker'")
	if report := look(); codesOf(report.Unread) != "not_ended" {
		t.Errorf("made and prepared: not read %+v", report.Unread)
	}
	write("commit prepared 'maker'")
	write("begin")
	write("create temporary table mine as select 1") // and this one is a concern of nobody else when it is there
	write("commit")
	write("begin")
	write("insert into mine values (2)")
	if report := look(); len(report.Unread) != 0 || len(report.Unlisted) != 2 {
		t.Errorf("ended again: not read %q, found %v", codesOf(report.Unread), report.Unlisted)
	}
	write("rollback")
}

// If this fails, a value under the old key that moves while a database is looked at is seen by nobody:
// from a place that is still to be read to one that was read.
func TestSearchSeesWhatMovedSinceTheVerification(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before, meanwhile []string // $1 is a value under the old key
		want              []string // late or unlisted
	}{
		"nothing": {nil, nil, nil},
		"into a table that was read": {[]string{"create table staging (v text)", "insert into staging values ($1)"},
			[]string{"with d as (delete from staging returning v) insert into secrets (key, value_encrypted) select 'late', v from d"}, []string{"public.secrets.value_encrypted"}},
		"into a table that was not there": {[]string{"drop table alert_channels"},
			[]string{"create table alert_channels (id uuid primary key default gen_random_uuid(), config_encrypted text)", "insert into alert_channels (config_encrypted) values ($1)"},
			[]string{"public.alert_channels.config_encrypted", "public.alert_channels.config_encrypted"}}, // late, and nothing has read it
		"in a table that is listed by its name only now": {[]string{"drop table alert_channels", "create table waiting (id uuid primary key default gen_random_uuid(), config_encrypted text)", "insert into waiting (config_encrypted) values ($1)"},
			[]string{"alter table waiting rename to alert_channels"}, []string{"public.alert_channels.config_encrypted"}},
		"in a partition that is attached": {[]string{"drop table alert_channels", "create table alert_channels (id uuid, config_encrypted text) partition by hash (id)",
			"create table part (id uuid, config_encrypted text)", "insert into part values (null, $1)"},
			[]string{"alter table alert_channels attach partition part for values with (modulus 1, remainder 0)"}, []string{"public.alert_channels.config_encrypted"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// What was written while any transaction of the server was open counts as late, so no other test may have one.
			d, ring := newDatabaseOn(t, newServer(t)), readVectors(t).ring(t, 1, 0, 1)
			old := seal(t, ring, 0, false, "moves")
			run := func(statements []string) {
				for _, sql := range statements {
					if strings.Contains(sql, "$1") {
						d.exec(strings.ReplaceAll(sql, "$1", "'"+old+"'"))
					} else {
						d.exec(sql)
					}
				}
			}
			d.insert("secrets.value_encrypted", seal(t, ring, 1, false, "stays"))
			run(c.before)
			verified := d.verify(ring, d.verifySources(), silent{})
			run(c.meanwhile)
			request := d.request()
			request.Search = discover.Full
			sources := migrate.SearchSources{Searchers: pgdiscover.New(d.db), Holders: d.store, Clock: time.Now}
			report, err := migrate.SearchUnlisted(context.Background(), sources, ring, request, verified, nil, silent{})
			if err != nil {
				t.Fatal(err)
			}
			var found []string
			for _, find := range slices.Concat(report.Late, report.Unlisted) {
				if slices.Contains(find.OpenedBy, 0) {
					found = append(found, find.String())
				}
			}
			if !slices.Equal(found, c.want) || len(report.Unread) > 0 {
				t.Errorf("found %v, want %v; not read %v", found, c.want, report.Unread)
			}
		})
	}
}
