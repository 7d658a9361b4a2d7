package pgaudit_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/postgres/pgaudit"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/testdata"
)

// deployment is a fresh database as docs/roles.sql leaves it, with an account of an auditor.
type deployment struct {
	t       *testing.T
	name    string
	conn    *pgx.Conn // of the superuser
	url     string    // of the auditor
	auditor string
	server  string // the account of the servers, which owns the tables
}

// rolesLock is held while docs/roles.sql runs, because roles are shared by all databases of a server.
var rolesLock sync.Mutex

// newDeployment makes a database on a server. Its tables belong to an account of the servers.
func newDeployment(t *testing.T, on *testenv.Postgres) *deployment {
	t.Helper()
	// Before version 15 everybody may make objects in it, which is a finding of its own.
	return newDeploymentAsItComes(t, on, "revoke create on schema public from public")
}

// newDeploymentAsItComes makes one in a database in which nothing is changed before but by those statements.
func newDeploymentAsItComes(t *testing.T, on *testenv.Postgres, before ...string) *deployment {
	t.Helper()
	ctx := context.Background()
	name, err := on.CreateDatabase(ctx, before...)
	if err != nil {
		t.Fatal(err)
	}
	d := &deployment{t: t, name: name}
	if d.conn, err = pgx.Connect(ctx, on.URL("postgres", name)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.conn.Close(ctx) })
	d.server = d.role("login")
	d.exec("grant create on schema public to " + d.server + "; set role " + d.server)
	d.exec(testdata.Schema)
	d.exec(testdata.AccessSchema)
	d.exec("reset role")
	d.runRolesFile()
	d.auditor = d.role("login")
	d.exec("grant ocmt_auditor to " + d.auditor)
	d.url = on.URL(d.auditor, name)
	return d
}

// runRolesFile runs docs/roles.sql as the superuser.
func (d *deployment) runRolesFile() {
	d.t.Helper()
	roles, err := os.ReadFile("../../../docs/roles.sql")
	if err != nil {
		d.t.Fatal(err)
	}
	rolesLock.Lock()
	defer rolesLock.Unlock()
	d.exec(string(roles))
}

// role makes a role of a name that no other has, which is dropped at the end.
func (d *deployment) role(attributes string) string {
	d.t.Helper()
	name := "t_" + strings.ToLower(rand.Text())
	d.exec("create role " + name + " " + attributes)
	d.t.Cleanup(func() {
		if _, err := d.conn.Exec(context.Background(), "reset role; reassign owned by "+name+" to postgres; drop owned by "+name+"; drop role "+name); err != nil {
			d.t.Errorf("dropping a role: %v", err)
		}
	})
	return name
}

func (d *deployment) exec(sql string, args ...any) {
	d.t.Helper()
	if _, err := d.conn.Exec(context.Background(), sql, args...); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
}

// value returns the single value of a query.
func (d *deployment) value(sql string) string {
	d.t.Helper()
	var text string
	if err := d.conn.QueryRow(context.Background(), sql).Scan(&text); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
	return text
}

// settings are those of a deployment.
type settings map[string]string

func (s settings) Text(name string) string { return s[name] }
func (settings) Names(string) []string     { return nil }
func (settings) Place(string) string       { return ".env" }
func (settings) File(string) string        { return ".env" }

// silent is a Reporter that reports nothing.
type silent struct{}

func (silent) Checking(string, int, int) {}

// audit asks checks as the account of an address.
func (d *deployment) audit(url string, given settings, checks ...string) map[string]audit.Result {
	d.t.Helper()
	return runAudit(d.t, url, given, checks...)
}

func runAudit(t *testing.T, url string, given settings, checks ...string) map[string]audit.Result {
	t.Helper()
	ctx := context.Background()
	db, err := postgres.New(url, postgres.Options{ApplicationName: "ocmt-test", LockTimeout: time.Second, StatementTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	snapshot, err := pgaudit.Open(ctx, db, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Close(ctx)
	sources := &audit.Sources{Settings: audit.Available[audit.Settings](given), PostgreSQL: audit.Available[audit.PostgreSQLSource](snapshot), Tokens: audit.Available[audit.TokenSource](snapshot)}
	report, err := audit.Run(ctx, sources, audit.Request{Only: checks, Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}, silent{})
	if err != nil {
		t.Fatal(err)
	}
	results := map[string]audit.Result{}
	for _, result := range report.Results {
		results[result.Check.ID] = result
	}
	return results
}

// one asks one check as the auditor.
func (d *deployment) one(id string) audit.Result {
	d.t.Helper()
	return d.audit(d.url, settings{}, id)[id]
}

// passes fails the test where a check does not pass.
func (d *deployment) passes(id string) {
	d.t.Helper()
	if r := d.one(id); r.Outcome != audit.Pass {
		d.t.Errorf("%s: %s, findings %+v, gaps %+v, absent %q; it should pass", id, r.Outcome, r.Findings, r.Gaps, r.Absent)
	}
}

// finds fails the test where a check does not have exactly one finding, and returns it.
func (d *deployment) finds(id string, severity audit.Severity, words ...string) {
	d.t.Helper()
	wantFinding(d.t, d.one(id), severity, words...)
}

func wantFinding(t *testing.T, r audit.Result, severity audit.Severity, words ...string) {
	t.Helper()
	if len(r.Findings) != 1 {
		t.Errorf("%s: %s, findings %+v, gaps %+v, absent %q; want one finding", r.Check.ID, r.Outcome, r.Findings, r.Gaps, r.Absent)
		return
	}
	found := r.Findings[0]
	text := strings.Join(append([]string{found.Cause, found.Message, found.Expected, found.Actual, found.Fix}, found.Places...), "\n")
	if found.Severity != severity {
		t.Errorf("%s: severity %s, want %s", r.Check.ID, found.Severity, severity)
	}
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%s: the finding does not say %q:\n%s", r.Check.ID, word, text)
		}
	}
}

// wantGap fails the test where a check does not say what it could not see.
func wantGap(t *testing.T, r audit.Result, missing string) {
	t.Helper()
	if r.Outcome != audit.Unchecked || len(r.Gaps) == 0 || !strings.Contains(r.Gaps[0].Missing, missing) {
		t.Errorf("%s: %s, findings %+v, gaps %+v, absent %q; want a gap for want of %q", r.Check.ID, r.Outcome, r.Findings, r.Gaps, r.Absent, missing)
	}
}

// plain returns the address of an account that may do nothing but log in.
func (d *deployment) plain(on *testenv.Postgres) string { return on.URL(d.role("login"), d.name) }

// refused tries a statement as a role, and returns why it is refused for want of a right; nil where it is not.
func (d *deployment) refused(role, sql string) error {
	d.t.Helper()
	ctx := context.Background()
	defer d.exec("rollback")
	_, err := d.conn.Exec(ctx, "begin; set local role "+role+"; "+sql)
	var answer *pgconn.PgError
	if errors.As(err, &answer) && answer.Code == "42501" {
		return err
	}
	return nil
}
