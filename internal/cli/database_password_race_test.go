package cli

import (
	"context"
	"crypto/rand"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/testenv"
)

// passwordDesk is where operators change the password of a role, on a server that asks for it.
type passwordDesk struct {
	t      *testing.T
	server *testenv.Postgres
	dir    string
}

// newPasswordDesk makes the roles ocmt_a and ocmt_b, which may take turns. The store has ocmt_a.
func newPasswordDesk(t *testing.T) *passwordDesk {
	t.Helper()
	server, err := testenv.StartPostgres(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	d := &passwordDesk{t: t, server: server, dir: t.TempDir()}
	d.admin("create role ocmt_owner nologin", "create role ocmt_a login password 'first' in role ocmt_owner", "create role ocmt_b nologin in role ocmt_owner",
		"alter role ocmt_a set role = 'ocmt_owner'", "alter role ocmt_b set role = 'ocmt_owner'", "grant create on database postgres to ocmt_owner",
		"do $$ begin execute 'copy (values (''local all postgres trust''), (''local all all scram-sha-256'')) to ' || quote_literal(current_setting('hba_file')); end $$",
		"select pg_reload_conf()")
	if err := os.WriteFile(filepath.Join(d.dir, ".env"), []byte("DATABASE_URL='"+strings.Replace(server.URL("ocmt_a", "postgres"), "@", ":first@", 1)+"'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *passwordDesk) admin(statements ...string) {
	d.t.Helper()
	if err := testenv.Exec(context.Background(), d.server.URL("postgres", "postgres"), statements...); err != nil {
		d.t.Fatal(err)
	}
}

// answer is a line that an operator types, and what happens before that.
type answer struct {
	before func()
	line   string
}

// answers is a terminal on which they are typed.
type answers struct {
	list []answer
	rest string
}

func (a *answers) Read(buffer []byte) (int, error) {
	if a.rest == "" {
		if len(a.list) == 0 {
			return 0, io.EOF
		}
		next := a.list[0]
		if a.list = a.list[1:]; next.before != nil {
			next.before()
		}
		a.rest = next.line + "\n"
	}
	n := copy(buffer, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// run runs ocmt rotate database-password. Its own DATABASE_URL is that of an account which may change all roles.
func (d *passwordDesk) run(typed []answer, args ...string) (code int, screen string) {
	d.t.Helper()
	deps, out, diagnostics := testDeps(d.t)
	deps.Streams.In, deps.Streams.InTTY, deps.Streams.ErrTTY = &answers{list: typed}, typed != nil, typed != nil
	deps.Environ = []string{"DATABASE_URL=" + d.server.URL("postgres", "postgres"), "PGPASSFILE=/nonexistent"}
	deps.Dir, deps.Random, deps.Now, deps.Sleep = d.dir, rand.Reader, time.Now, time.Sleep
	code = Main(context.Background(), append([]string{"rotate", "database-password"}, args...), deps)
	return code, out.String() + diagnostics.String()
}

func (d *passwordDesk) wantRun(want int, typed []answer, args ...string) string {
	d.t.Helper()
	code, screen := d.run(typed, args...)
	if code != want {
		d.t.Errorf("%v ended with %d, not %d:\n%s", args, code, want, screen)
	}
	return screen
}

// address returns what the store has.
func (d *passwordDesk) address() string {
	d.t.Helper()
	data, err := os.ReadFile(filepath.Join(d.dir, ".env"))
	if err != nil {
		d.t.Fatal(err)
	}
	return regexp.MustCompile(`(?m)^DATABASE_URL='(.*)'$`).FindStringSubmatch(string(data))[1]
}

func (d *passwordDesk) logsIn(address string) bool {
	conn, err := pgx.Connect(context.Background(), address)
	if err == nil {
		_ = conn.Close(context.Background())
	}
	return err == nil
}

var twoRoles = []string{"--two-roles", "ocmt_a,ocmt_b"}

// more returns the flags of two roles with more behind them.
func more(flags ...string) []string { return append(append([]string{}, twoRoles...), flags...) }

// If this fails, an operator who answers a question that a colleague has overtaken locks every server out.
func TestDatabasePasswordOvertaken(t *testing.T) {
	t.Parallel()
	t.Run("one role", func(t *testing.T) {
		t.Parallel()
		d := newPasswordDesk(t)
		screen := d.wantRun(5, []answer{{func() { d.wantRun(0, nil, "--yes") }, "y"}})
		if !strings.Contains(screen, "this run has changed nothing") || !d.logsIn(d.address()) {
			t.Errorf("the store's address does not log in, or it says:\n%s", screen)
		}
		d.wantRun(0, []answer{{nil, "y"}}) // what it says to do next
	})
	t.Run("two roles", func(t *testing.T) {
		t.Parallel()
		d := newPasswordDesk(t)
		screen := d.wantRun(5, []answer{{func() { d.wantRun(4, nil, more("--yes")...); d.wantRun(0, nil, more("--yes", "--restarted")...) }, "y"}}, twoRoles...)
		if !d.logsIn(d.address()) {
			t.Errorf("the store's address does not log in:\n%s", screen)
		}
	})
	t.Run("restarted for another change", func(t *testing.T) {
		t.Parallel()
		d := newPasswordDesk(t)
		inUse := ""
		screen := d.wantRun(4, []answer{{nil, "y"}, {func() {
			d.wantRun(0, nil, more("--yes", "--restarted")...)
			inUse = d.address()
			d.wantRun(4, nil, more("--yes")...)
		}, "y"}}, twoRoles...)
		if !d.logsIn(inUse) || !d.logsIn(d.address()) {
			t.Errorf("a role that is in use is locked:\n%s", screen)
		}
	})
}

// If this fails, --restarted begins a change and locks the role that all servers use in the same breath.
func TestDatabasePasswordRestartedForNothing(t *testing.T) {
	t.Parallel()
	d := newPasswordDesk(t)
	old := d.address()
	screen := d.wantRun(2, nil, more("--yes", "--restarted")...)
	if d.address() != old || !d.logsIn(old) {
		t.Errorf("something was changed:\n%s", screen)
	}
}

// If this fails, a run without --two-roles says that a change is done whose old password still works.
func TestDatabasePasswordOfTwoRolesAlone(t *testing.T) {
	t.Parallel()
	d := newPasswordDesk(t)
	old := d.address()
	d.wantRun(4, nil, more("--yes")...)
	screen := d.wantRun(5, nil, "--yes")
	next := regexp.MustCompile(`--two-roles \S+`).FindString(screen)
	if !d.logsIn(old) {
		t.Error("the old role is locked")
	}
	d.wantRun(0, nil, append(strings.Fields(strings.TrimSuffix(next, ",")), "--yes", "--restarted")...)
	if d.logsIn(old) || !d.logsIn(d.address()) {
		t.Errorf("what it says to do next does not work: %q", next)
	}
}

// If this fails, an operator whose role was locked does not learn how it is opened.
func TestDatabasePasswordOfALockedRole(t *testing.T) {
	t.Parallel()
	d := newPasswordDesk(t)
	d.admin("alter role ocmt_a nologin")
	screen := d.wantRun(5, nil, "--yes")
	sql := regexp.MustCompile(`ALTER ROLE [^;]* LOGIN`).FindString(screen)
	if sql == "" {
		t.Fatalf("it says:\n%s", screen)
	}
	d.admin(sql)
	d.wantRun(0, nil, "--yes")
}

// If this fails, a change is begun whose entry cannot be written, and ends half done.
func TestDatabasePasswordWithoutAPlaceForTheRecord(t *testing.T) {
	t.Parallel()
	d := newPasswordDesk(t)
	old := d.address()
	screen := d.wantRun(1, nil, "--yes", "--record", filepath.Join(d.dir, "none", "record"))
	if d.address() != old || !d.logsIn(old) {
		t.Errorf("something was changed:\n%s", screen)
	}
	d.wantRun(0, nil, "--yes", "--record", filepath.Join(d.dir, "record"))
}

// If this fails, a server keeps the old password because nobody was told that it has one.
func TestDatabasePasswordNamesWhoRestarts(t *testing.T) {
	t.Parallel()
	d := newPasswordDesk(t)
	for _, screen := range []string{d.wantRun(0, nil, "--dry-run"), d.wantRun(0, nil, "--yes")} {
		for _, name := range []string{"management", "admin-ui", "agent", "group-vault", "relay"} {
			if !strings.Contains(screen, name) {
				t.Errorf("it does not name %s:\n%s", name, screen)
			}
		}
	}
}
