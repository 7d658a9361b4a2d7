package databasepassword_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/databasepassword"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/postgres/pgpassword"
	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/pkg/secret"
)

// lockedServer starts the one server of these tests, which asks for passwords, and logs every statement.
var lockedServer = sync.OnceValues(func() (*testenv.Postgres, error) {
	ctx := context.Background()
	server, err := testenv.StartPostgres(ctx, false, testenv.ListenTCP, "log_statement = all", "log_connections = on", "log_min_messages = debug1", "log_parameter_max_length = -1")
	if err != nil {
		return nil, err
	}
	return server, askForPasswords(ctx, server)
})

// askForPasswords makes a server ask every account but postgres and trusting for its password.
func askForPasswords(ctx context.Context, server *testenv.Postgres) error {
	const rules = "local all postgres trust|local all trusting trust|local all all scram-sha-256"
	return testenv.Exec(ctx, server.URL("postgres", "postgres"),
		"do $$ begin execute 'copy (select unnest(string_to_array(''"+rules+"'', ''|''))) to ' || quote_literal(current_setting('hba_file')); end $$",
		"alter system set password_encryption = 'scram-sha-256'", "select pg_reload_conf()")
}

// deployment is a role with its password in a store, on a server that asks for it.
type deployment struct {
	t      *testing.T
	server *testenv.Postgres
	store  *memory
	parts  databasepassword.Parts
	told   []string
	first  string // the password at the start
	role   string
}

var options = postgres.Options{ApplicationName: "ocmt", LockTimeout: time.Second, StatementTimeout: time.Minute}

func newDeployment(t *testing.T) *deployment {
	t.Helper()
	server, err := lockedServer()
	if err != nil {
		t.Fatal(err)
	}
	return newDeploymentOn(t, server)
}

func newDeploymentOn(t *testing.T, server *testenv.Postgres) *deployment {
	t.Helper()
	d := &deployment{t: t, server: server, store: &memory{held: map[string]string{}}, first: "first-" + rand.Text(), role: "r_" + strings.ToLower(rand.Text()[:10])}
	d.admin("create role " + d.role + " login password '" + d.first + "'")
	d.store.held[databasepassword.Setting] = d.address(d.role, d.first)
	kind, _ := secret.Lookup("database-password")
	d.parts = databasepassword.Parts{Store: d.store, Server: pgpassword.New(options, 3*time.Second), Reporter: d, Make: kind.Generate, Random: rand.Reader, Clock: time.Now,
		Sleep: func(ctx context.Context, length time.Duration) error {
			select {
			case <-time.After(length):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
		Record: func(context.Context, *databasepassword.Result) error { d.told = append(d.told, "recorded"); return nil }}
	return d
}

func (d *deployment) Step(text string)    { d.told = append(d.told, text) }
func (d *deployment) Waiting(text string) { d.told = append(d.told, "waiting for "+text) }

// admin runs statements as the superuser.
func (d *deployment) admin(statements ...string) {
	d.t.Helper()
	if err := testenv.Exec(context.Background(), d.server.URL("postgres", "postgres"), statements...); err != nil {
		d.t.Fatal(err)
	}
}

// address returns an address over the socket.
func (d *deployment) address(role, password string) string {
	return strings.Replace(d.server.URL(role, "postgres"), role+"@", role+":"+url.QueryEscape(password)+"@", 1)
}

// logsIn reports whether a password is accepted.
func (d *deployment) logsIn(address string) bool {
	d.t.Helper()
	err := d.parts.Server.LogIn(context.Background(), secret.NewValue(address))
	if err != nil && !errors.Is(err, databasepassword.ErrRefused) {
		d.t.Fatal(err)
	}
	return err == nil
}

// rotate plans, changes and finishes.
func (d *deployment) rotate(request databasepassword.Request) (*databasepassword.Plan, *databasepassword.Result, error) {
	d.t.Helper()
	ctx := context.Background()
	plan, err := databasepassword.MakePlan(ctx, d.parts, request)
	if err != nil {
		return nil, nil, err
	}
	defer plan.Close(ctx)
	result, err := databasepassword.Change(ctx, d.parts, plan)
	if err != nil {
		return plan, result, err
	}
	result, err = databasepassword.Finish(ctx, d.parts, plan, result, 0)
	return plan, result, err
}

// wantWorking checks that what the store has logs in: under its own name, or under the pending one.
func (d *deployment) wantWorking() {
	d.t.Helper()
	current, pending := d.store.held[databasepassword.Setting], d.store.held[databasepassword.PendingName]
	if !d.logsIn(current) && (pending == "" || !d.logsIn(pending)) {
		d.t.Error("no password that the store has logs in")
	}
}

// wantDone checks that the store has a new password, that it alone logs in, and that nothing is left.
func (d *deployment) wantDone(old string) {
	d.t.Helper()
	now := d.store.held[databasepassword.Setting]
	if now == old || !d.logsIn(now) {
		d.t.Error("the store has no new password that logs in")
	}
	if d.logsIn(old) {
		d.t.Error("the old password logs in")
	}
	if _, left := d.store.held[databasepassword.PendingName]; left {
		d.t.Error("the pending address is left in the store")
	}
}

// memory is a store in memory, that can fail.
type memory struct {
	mu   sync.Mutex
	held map[string]string
	// fail is asked before each change. after says that the change is made all the same.
	fail func(changes []secretstore.Change) (err error, after bool)
	get  func(name string) error
}

func (m *memory) Place() string { return "the store of the test" }

func (m *memory) Get(_ context.Context, name string) (secret.Value, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.get != nil {
		if err := m.get(name); err != nil {
			return secret.Value{}, err
		}
	}
	return secret.NewValue(m.held[name]), nil
}

func (m *memory) Apply(_ context.Context, changes ...secretstore.Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var failure error
	if m.fail != nil {
		var after bool
		if failure, after = m.fail(changes); failure != nil && !after {
			return failure
		}
	}
	for _, change := range changes {
		if m.held[change.Name] != change.Old.Reveal() {
			return secretstore.ErrChanged
		}
	}
	for _, change := range changes {
		if m.held[change.Name] = change.New.Reveal(); m.held[change.Name] == "" {
			delete(m.held, change.Name)
		}
	}
	return failure
}

// log returns what the server has logged.
func (d *deployment) log() string {
	d.t.Helper()
	parsed, err := url.Parse(d.server.URL("postgres", "postgres"))
	if err != nil {
		d.t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(parsed.Query().Get("host"), "log"))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(text)
}

// query returns one value, as the superuser.
func (d *deployment) query(sql string, args ...any) (text string) {
	d.t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, d.server.URL("postgres", "postgres"))
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if err := conn.QueryRow(ctx, sql, args...).Scan(&text); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
	return text
}

func passwordOf(t *testing.T, address string) string {
	t.Helper()
	parsed, err := databasepassword.ParseAddress(secret.NewValue(address))
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Password().Reveal()
}

var errInvented = fmt.Errorf("an invented failure")

// clientServer logs in as the servers of the deployment do, and not as the tool.
func (d *deployment) clientServer() databasepassword.Server {
	return pgpassword.New(postgres.Options{ApplicationName: "ocmt-server", LockTimeout: time.Second, StatementTimeout: time.Minute}, 3*time.Second)
}
