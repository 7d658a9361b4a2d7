package databasepassword_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/databasepassword"
	"github.com/ocmt/ocmt/internal/postgres/pgpassword"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/internal/userlist"
	"github.com/ocmt/ocmt/pkg/secret"
)

// pooled is a deployment whose servers go through a PgBouncer that has the passwords in a file.
type pooled struct {
	*deployment
	bouncer *testenv.PgBouncer
	list    string
}

// newPooled takes what PgBouncer has of the role, made from the password and the server's verifier.
func newPooled(t *testing.T, entry func(password, verifier string) string, settings ...string) *pooled {
	t.Helper()
	d := newDeployment(t)
	folder, err := os.MkdirTemp("/tmp", "userlist")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	p := &pooled{deployment: d, list: filepath.Join(folder, "userlist.txt")}
	verifier := d.query("select rolpassword from pg_authid where rolname = $1", d.role)
	lines := "; the accounts\n\"postgres\" \"\"\n"
	if made := entry(d.first, verifier); made != "" {
		lines += "\"" + d.role + "\" \"" + made + "\"\n"
	}
	rules := filepath.Join(folder, "hba")
	for path, text := range map[string]string{p.list: lines, rules: "local all postgres trust\nlocal pgbouncer all trust\nlocal all all scram-sha-256\n"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	p.bouncer, err = testenv.StartPgBouncer(context.Background(), d.server, "transaction",
		append([]string{"auth_type = hba", "auth_hba_file = " + rules, "auth_file = " + p.list, "admin_users = postgres", "server_login_retry = 1"}, settings...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.bouncer.Stop)
	d.store.held[databasepassword.Setting] = strings.Replace(p.bouncer.URL(d.role, "postgres"), d.role+"@", d.role+":"+d.first+"@", 1)
	return p
}

// useConsole names file and console.
func (p *pooled) useConsole() {
	p.parts.Pool = pgpassword.NewPool(userlist.New(p.list), secret.NewValue(p.bouncer.URL("postgres", "pgbouncer")), options)
}

func verifierEntry(_, verifier string) string { return verifier }
func clearEntry(password, _ string) string    { return password }

// If this fails, servers behind PgBouncer lose their database, because PgBouncer has the old password, or a verifier
// that is not the server's.
func TestBehindPgBouncer(t *testing.T) {
	t.Parallel()
	for name, entry := range map[string]func(password, verifier string) string{"verifier": verifierEntry, "password": clearEntry} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPooled(t, entry)
			p.useConsole()
			old := p.store.held[databasepassword.Setting]
			plan, result, err := p.rotate(databasepassword.Request{})
			if err != nil {
				t.Fatal(err, p.told)
			}
			p.wantDone(old)
			if !plan.Pooled || !result.Reloaded {
				t.Errorf("plan and result say %+v, %+v", plan, result)
			}
			data, err := os.ReadFile(p.list)
			if err != nil || !strings.HasPrefix(string(data), "; the accounts\n\"postgres\" \"\"\n") {
				t.Errorf("the rest of the file was changed: %v", err)
			}
			if isVerifier := strings.Contains(string(data), "SCRAM-SHA-256$"); isVerifier != (name == "verifier") {
				t.Error("the entry has another form than before")
			}
			p.wantServerLogins()
		})
	}
}

// wantServerLogins checks that PgBouncer itself can log in, which connections that it has kept would hide.
func (p *pooled) wantServerLogins() {
	p.t.Helper()
	if err := testenv.Exec(context.Background(), p.bouncer.URL("postgres", "pgbouncer"), "reconnect"); err != nil {
		p.t.Log(err)
	}
	p.admin("select pg_terminate_backend(pid) from pg_stat_activity where usename = '" + p.role + "'")
	eventually(p.t, "PgBouncer logs in with the new password", func() bool { return p.logsIn(p.store.held[databasepassword.Setting]) })
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it did not come: %s", what)
		}
	}
}

// If this fails, PgBouncer asks the server for verifiers, and the change fails all the same.
func TestPgBouncerThatAsksTheServer(t *testing.T) {
	t.Parallel()
	p := newPooled(t, func(string, string) string { return "" }, "auth_query = select rolname, rolpassword from pg_authid where rolname = $1")
	old := p.store.held[databasepassword.Setting]
	if _, _, err := p.rotate(databasepassword.Request{}); err != nil {
		t.Fatal(err, p.told)
	}
	p.wantDone(old)
	p.wantServerLogins()
}

// If this fails, PgBouncer refuses everybody from the change on, because nobody has named its file.
func TestPgBouncerWhoseFileIsNotNamed(t *testing.T) {
	t.Parallel()
	p := newPooled(t, verifierEntry)
	old := p.store.held[databasepassword.Setting]
	var back *databasepassword.PutBackError
	if _, _, err := p.rotate(databasepassword.Request{}); !errors.As(err, &back) {
		t.Fatalf("it says %v; %v", err, p.told)
	}
	if p.store.held[databasepassword.Setting] != old || len(p.store.held) != 1 {
		t.Error("the store was changed")
	}
	p.useConsole()
	if _, _, err := p.rotate(databasepassword.Request{}); err != nil {
		t.Fatal(err, p.told)
	}
	p.wantDone(old)
}

// If this fails, an operator who reloads PgBouncer by hand is not waited for, or one who does not is left without a
// way in.
func TestPgBouncerThatIsReloadedByHand(t *testing.T) {
	t.Parallel()
	p := newPooled(t, verifierEntry)
	p.parts.Pool = pgpassword.NewPool(userlist.New(p.list), secret.Value{}, options)
	old := p.store.held[databasepassword.Setting]
	var back *databasepassword.PutBackError
	if _, _, err := p.rotate(databasepassword.Request{}); !errors.As(err, &back) { // nobody does
		t.Fatalf("it says %v; %v", err, p.told)
	}
	if !p.logsIn(old) {
		t.Error("the old password does not work")
	}
	byHand := make(chan struct{})
	p.parts.Reporter = reporterFunc(func(text string) {
		if strings.Contains(text, "RELOAD") {
			go func() {
				defer close(byHand)
				_ = testenv.Exec(context.Background(), p.bouncer.URL("postgres", "pgbouncer"), "reload")
			}()
		}
	})
	if _, _, err := p.rotate(databasepassword.Request{PoolWait: time.Minute}); err != nil {
		t.Fatal(err, p.told)
	}
	<-byHand
	p.wantDone(old)
}

type reporterFunc func(string)

func (f reporterFunc) Step(string)         {}
func (f reporterFunc) Waiting(text string) { f(text) }

// If this fails, a run that was killed between the change of the role and PgBouncer's file cannot be taken up: nobody
// can log in through PgBouncer, and no account can look at the role.
func TestKilledBeforePgBouncerKnows(t *testing.T) {
	t.Parallel()
	for name, entry := range map[string]func(password, verifier string) string{"verifier": verifierEntry, "password": clearEntry} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPooled(t, entry)
			p.useConsole()
			old := p.store.held[databasepassword.Setting]
			p.killAt("the role \"" + p.role + "\" has the new password")
			p.admin("select pg_terminate_backend(pid) from pg_stat_activity where usename = '" + p.role + "'")
			p.parts.Own = secret.NewValue(old) // as where ocmt has the address of the servers
			eventually(t, "PgBouncer cannot log in any more", func() bool {
				err := p.parts.Server.LogIn(context.Background(), secret.NewValue(old))
				return errors.Is(err, databasepassword.ErrRefused) || errors.Is(err, databasepassword.ErrNoAnswer)
			})
			if _, result, err := p.rotate(databasepassword.Request{}); err != nil || !result.Done {
				t.Fatalf("the next run does not go on: %v; %v", err, p.told)
			}
			p.wantDone(old)
			p.wantServerLogins()
		})
	}
}

// killAt runs until something has been told, and ends there as a process does that is killed.
func (d *deployment) killAt(told string) {
	d.t.Helper()
	killed := make(chan struct{})
	reporter := d.parts.Reporter
	d.parts.Reporter = killer{at: told, killed: killed}
	go func() {
		ctx := context.Background()
		plan, err := databasepassword.MakePlan(ctx, d.parts, databasepassword.Request{})
		if err == nil {
			defer plan.Close(ctx)
			_, err = databasepassword.Change(ctx, d.parts, plan)
		}
		d.t.Errorf("it was not killed: %v", err)
		close(killed)
	}()
	<-killed
	d.parts.Reporter = reporter
}

// killer ends the goroutine in which something is told.
type killer struct {
	at     string
	killed chan struct{}
}

func (k killer) Step(text string) {
	if strings.Contains(text, k.at) {
		close(k.killed)
		runtime.Goexit()
	}
}
func (k killer) Waiting(string) {}
