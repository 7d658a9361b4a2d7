package cli_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/databasepassword"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/pkg/secret"
)

// passwordServer is a server that asks every account but postgres for its password, and logs every statement.
var passwordServer = sync.OnceValues(func() (*testenv.Postgres, error) {
	ctx := context.Background()
	server, err := testenv.StartPostgres(ctx, false, "log_statement = all", "shared_preload_libraries = 'pg_stat_statements'")
	if err != nil {
		return nil, err
	}
	return server, testenv.Exec(ctx, server.URL("postgres", "postgres"),
		"do $$ begin execute 'copy (values (''local all postgres trust''), (''local all all scram-sha-256'')) to ' || quote_literal(current_setting('hba_file')); end $$",
		"select pg_reload_conf()")
})

// passwordHost is a machine with an env file whose DATABASE_URL has a password.
type passwordHost struct {
	t              *testing.T
	server         *testenv.Postgres
	folder, role   string
	database       string
	before, behind string // what stands in the env file around the address
}

func newPasswordHost(t *testing.T) *passwordHost {
	t.Helper()
	server, err := passwordServer()
	if err != nil {
		t.Fatal(err)
	}
	database, err := server.CreateDatabase(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	h := &passwordHost{t: t, server: server, database: database, folder: t.TempDir(), role: "r_" + strings.ToLower(rand.Text()[:10]),
		before: "# the servers' settings\nOTHER='kept # as it is'\nexport DATABASE_URL=\"", behind: "\"\nLAST=x"}
	password := "first" + rand.Text()
	verifier, err := databasepassword.MakeVerifier(secret.NewValue(password), h.role, databasepassword.DefaultIterations)
	if err != nil {
		t.Fatal(err)
	}
	h.admin("create role "+h.role+" login password '"+verifier.Reveal()+"'", "grant create on database "+h.database+" to "+h.role)
	if err := os.WriteFile(h.path(), []byte(h.before+h.address(password)+h.behind), 0o600); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *passwordHost) path() string { return filepath.Join(h.folder, ".env") }

func (h *passwordHost) address(password string) string {
	return strings.Replace(h.server.URL(h.role, h.database), "@", ":"+url.QueryEscape(password)+"@", 1)
}

// admin runs statements on one connection, as the superuser.
func (h *passwordHost) admin(statements ...string) {
	h.t.Helper()
	if err := testenv.Exec(context.Background(), h.server.URL("postgres", h.database), strings.Join(statements, "; ")); err != nil {
		h.t.Fatal(err)
	}
}

// settings returns DATABASE_URL of the env file, and what stands there as OCMT_PENDING_DATABASE_URL.
func (h *passwordHost) settings() (current, pending string) {
	h.t.Helper()
	data, err := os.ReadFile(h.path())
	if err != nil {
		h.t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		switch value = strings.Trim(value, `"'`); name {
		case "DATABASE_URL":
			current = value
		case "OCMT_PENDING_DATABASE_URL":
			pending = value
		}
	}
	return current, pending
}

// logsIn reports whether an address logs in.
func (h *passwordHost) logsIn(address string) bool {
	conn, err := pgx.Connect(context.Background(), address)
	if err != nil {
		return false
	}
	_ = conn.Close(context.Background())
	return true
}

// command returns ocmt rotate database-password.
func (h *passwordHost) command(args ...string) *exec.Cmd {
	command := exec.Command("ocmt", append([]string{"rotate", "database-password"}, args...)...)
	command.Env, command.Dir = append(os.Environ(), "PGPASSFILE=/nonexistent"), h.folder
	return command
}

// run runs it, and returns what it wrote and its exit code.
func (h *passwordHost) run(args ...string) (output string, code int) {
	h.t.Helper()
	written, err := h.command(args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		h.t.Fatal(err)
	}
	if exit != nil {
		code = exit.ExitCode()
	}
	return string(written), code
}

func (h *passwordHost) wantRun(code int, args ...string) string {
	h.t.Helper()
	output, got := h.run(args...)
	if got != code {
		h.t.Fatalf("%v ended with %d, not %d:\n%s", args, got, code, output)
	}
	return output
}

func passwordIn(t *testing.T, address string) string {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal("an address cannot be read")
	}
	password, _ := parsed.User.Password()
	return password
}

// If this fails, the operator's command does not do what its page says: the env file has the new password and every
// other byte, the old one is refused, and the record has it.
func TestDatabasePassword(t *testing.T) {
	t.Parallel()
	h := newPasswordHost(t)
	old, _ := h.settings()
	if output := h.wantRun(0, "--dry-run"); !strings.Contains(output, "The moment:") {
		t.Errorf("the dry run does not say which moment comes:\n%s", output)
	}
	h.wantRun(5, "--no-input") // it cannot be taken back, so --yes is needed
	if now, pending := h.settings(); now != old || pending != "" {
		t.Error("the dry run, or the one without an answer, has changed the file")
	}
	var document struct {
		NewAccepted bool `json:"new_accepted"`
		OldRefused  bool `json:"old_refused"`
		Recorded    bool `json:"recorded"`
		Done        bool `json:"done"`
	}
	command := h.command("--yes", "--output", "json")
	written, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, written)
	}
	if err := json.Unmarshal(written, &document); err != nil || !document.NewAccepted || !document.OldRefused || !document.Recorded || !document.Done {
		t.Errorf("the document is %s, %v", written, err)
	}
	now, pending := h.settings()
	data, err := os.ReadFile(h.path())
	if err != nil || string(data) != h.before+now+h.behind || pending != "" {
		t.Errorf("the rest of the file was changed: %v", err)
	}
	if now == old || !h.logsIn(now) || h.logsIn(old) {
		t.Error("not the new password alone logs in")
	}
	conn, err := pgx.Connect(context.Background(), h.server.URL("postgres", h.database))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if text := askText(t, conn, "select count(*)::text from ocmt.record r where r::text like '%secret.rotated%' and r::text like '%DATABASE_URL%' and r::text like '%"+h.role+"%'"); text != "1" {
		t.Errorf("the record has %s entries", text)
	}
}

// If this fails, a password stands on the screen, in the server's log or views, or where other accounts see it.
func TestDatabasePasswordLeaks(t *testing.T) {
	t.Parallel()
	h := newPasswordHost(t)
	marks := needles{}
	var seen strings.Builder
	old, _ := h.settings()
	marks.add("the first password", passwordIn(t, old))
	for _, form := range forms {
		for _, args := range [][]string{{"--dry-run"}, {"--yes"}, {"--yes", "--two-roles", "x,y"}, {"--yes", "--userlist", "none"}, {"--yes", "--store", "none"}} {
			output, _ := h.run(append(args, form...)...)
			seen.WriteString(output)
			if now, _ := h.settings(); now != old {
				marks.add("a new password", passwordIn(t, now))
				old = now
			}
		}
	}
	// Another password than the role has, a role that is gone, and a pending one that nobody knows.
	h.admin("alter role " + h.role + " password 'another'")
	for _, form := range forms {
		output, code := h.run(append([]string{"--yes"}, form...)...)
		seen.WriteString(output)
		if code != 5 {
			t.Errorf("with another password than the role has it ends with %d", code)
		}
	}
	log, err := os.ReadFile(filepath.Join(socketFolder(t, h.server), "log"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(log), "alter role") {
		t.Error("the log has no statement of the change, so nothing was looked at")
	}
	conn, err := pgx.Connect(context.Background(), h.server.URL("postgres", h.database))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	h.admin("create extension if not exists pg_stat_statements")
	views := askText(t, conn, "select coalesce(string_agg(query, ' '), '') from pg_stat_statements") + askText(t, conn, "select coalesce(string_agg(query, ' '), '') from pg_stat_activity") +
		askText(t, conn, "select coalesce(string_agg(r::text, ' '), '') from ocmt.record r")
	for place, text := range map[string]string{"the screen": seen.String(), "the server's log": string(log), "the server's views": views} {
		if found := marks.in(text); len(found) > 0 {
			t.Errorf("%s shows %v", place, found)
		}
	}
}

func socketFolder(t *testing.T, server *testenv.Postgres) string {
	t.Helper()
	parsed, err := url.Parse(server.URL("postgres", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Query().Get("host")
}

// If this fails, a machine that goes down at a bad moment leaves servers whose password nobody has. It also looks at
// the list of processes.
func TestDatabasePasswordKilled(t *testing.T) {
	t.Parallel()
	h := newPasswordHost(t)
	const kills = 40
	window := 300 * time.Millisecond
	seen := map[string]int{}
	for range kills {
		was, _ := h.settings()
		command := h.command("--yes")
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", command.Process.Pid)); err == nil && strings.Contains(string(line), passwordIn(t, was)) {
			t.Error("the list of processes has the password")
		}
		// The moment is what is tested: it must fall anywhere.
		time.AfterFunc(time.Duration(mathrand.Int64N(int64(window))), func() { _ = command.Process.Kill() })
		_ = command.Wait()
		h.awaitNobody()
		current, pending := h.settings()
		if window += window / 4; pending == "" && current != was { // it came to its end
			window /= 2
		}
		follows := pending != "" && h.logsIn(pending)
		if !h.logsIn(current) && !follows {
			t.Fatal("no password that the env file has logs in")
		}
		seen[fmt.Sprintf("pending %t, in use %t, stored %t", pending != "", follows, pending == current)]++
	}
	t.Logf("seen: %v", seen)
	if len(seen) < 2 {
		t.Error("it was not killed halfway: the test proves nothing")
	}
	h.wantRun(0, "--yes")
	if now, pending := h.settings(); pending != "" || !h.logsIn(now) {
		t.Error("the last run did not finish")
	}
	leftovers, err := filepath.Glob(filepath.Join(h.folder, "*"))
	if err != nil || len(leftovers) != 1 {
		t.Errorf("left behind: %v, %v", leftovers, err)
	}
}

// awaitNobody waits until the server has ended what a killed program has sent.
func (h *passwordHost) awaitNobody() {
	h.t.Helper()
	conn, err := pgx.Connect(context.Background(), h.server.URL("postgres", h.database))
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	for deadline := time.Now().Add(patience); askText(h.t, conn, "select count(*)::text from pg_stat_activity where usename = '"+h.role+"'") != "0"; {
		if time.Now().After(deadline) {
			h.t.Fatal("connections of a killed program stay")
		}
	}
}

// nextLine matches what a command says to do next.
var nextLine = regexp.MustCompile(`ocmt rotate database-password( [^\n]*--restarted[^\n]*)`)

// If this fails, what the command says to do next does not work, or the old one of two roles is locked although nobody
// has said that the servers have restarted.
func TestDatabasePasswordTwoRoles(t *testing.T) {
	t.Parallel()
	h := newPasswordHost(t)
	other, group := h.role+"_b", h.role+"_owner"
	pair := h.role + "," + other
	old, _ := h.settings()
	output := h.wantRun(5, "--yes", "--two-roles", pair)
	if !strings.Contains(output, "CREATE ROLE") {
		t.Errorf("it does not say what is missing:\n%s", output)
	}
	h.admin("create role "+other+" nologin", "create role "+group+" nologin", "grant "+group+" to "+h.role+", "+other,
		"grant create on database "+h.database+" to "+group, "revoke create on database "+h.database+" from "+h.role)
	output = h.wantRun(5, "--yes", "--two-roles", pair) // its own role may not change the other
	if !strings.Contains(output, "CREATEROLE") {
		t.Errorf("it does not say which right is missing:\n%s", output)
	}
	// The account that may change both has a file of its own.
	if err := os.WriteFile(filepath.Join(h.folder, "admin.env"), []byte("DATABASE_URL='"+h.server.URL("postgres", h.database)+"'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	output, code := h.run("--yes", "--two-roles", pair, "--env-file", "admin.env", "--store", ".env")
	next := nextLine.FindStringSubmatch(output)
	if code != 4 || next == nil {
		t.Fatalf("it ended with %d:\n%s", code, output)
	}
	now, pending := h.settings()
	if now == old || pending != now || !h.logsIn(now) || !h.logsIn(old) {
		t.Error("not both roles log in until the servers have restarted")
	}
	if output, code = h.run(strings.Fields(strings.ReplaceAll(next[1], "'", ""))...); code != 0 {
		t.Fatalf("the next line ended with %d:\n%s", code, output)
	}
	if now, pending := h.settings(); pending != "" || !h.logsIn(now) || h.logsIn(old) {
		t.Error("not the new role alone logs in")
	}
	if !strings.Contains(output, "The old password was not tried") {
		t.Errorf("it claims what it has not looked at:\n%s", output)
	}
}
