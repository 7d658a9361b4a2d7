package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/testenv"
)

// startPgBouncer starts a PgBouncer that has the role's password in a file.
func (h *passwordHost) startPgBouncer(password string) (list string, bouncer *testenv.PgBouncer) {
	h.t.Helper()
	folder, err := os.MkdirTemp("/tmp", "userlist") // PgBouncer's account reads it
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = os.RemoveAll(folder) })
	rules := filepath.Join(folder, "hba")
	list = filepath.Join(folder, "userlist.txt")
	for path, text := range map[string]string{list: "\"postgres\" \"\"\n\"" + h.role + "\" \"" + password + "\"\n",
		rules: "local all postgres trust\nlocal all all scram-sha-256\n"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			h.t.Fatal(err)
		}
	}
	if err := os.Chmod(folder, 0o755); err != nil {
		h.t.Fatal(err)
	}
	bouncer, err = testenv.StartPgBouncer(context.Background(), h.server, "transaction", "auth_type = hba", "auth_hba_file = "+rules, "auth_file = "+list, "admin_users = postgres", "server_login_retry = 1")
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(bouncer.Stop)
	return list, bouncer
}

// If this fails, an operator whose servers go through PgBouncer locks them out with the flags of the page.
func TestDatabasePasswordBehindPgBouncer(t *testing.T) {
	t.Parallel()
	h := newPasswordHost(t)
	direct, _ := h.settings()
	list, bouncer := h.startPgBouncer(passwordIn(t, direct))
	old := strings.Replace(bouncer.URL(h.role, h.database), "@", ":"+passwordIn(t, direct)+"@", 1)
	if err := os.WriteFile(h.path(), []byte("DATABASE_URL='"+old+"'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if output := h.wantRun(1, "--yes"); !strings.Contains(output, "the old password is back and works") || !strings.Contains(output, "--userlist") {
		t.Errorf("without --userlist it says:\n%s", output)
	}
	if output := h.wantRun(0, "--yes", "--userlist", list, "--pgbouncer", bouncer.URL("postgres", "pgbouncer")); !strings.Contains(output, "A pool stands before the server") {
		t.Errorf("it does not say what a log-in at a pool shows:\n%s", output)
	}
	if now, pending := h.settings(); pending != "" || !h.logsIn(now) || h.logsIn(old) || h.logsIn(direct) {
		t.Error("not the new password alone logs in")
	}
}

// newPooledHost makes a passwordHost whose servers go through a PgBouncer, and the flags that name its file and console.
func newPooledHost(t *testing.T) (h *passwordHost, flags []string) {
	t.Helper()
	h = newPasswordHost(t)
	direct, _ := h.settings()
	list, bouncer := h.startPgBouncer(passwordIn(t, direct))
	address := strings.Replace(bouncer.URL(h.role, h.database), "@", ":"+passwordIn(t, direct)+"@", 1)
	if err := os.WriteFile(h.path(), []byte("DATABASE_URL='"+address+"'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return h, []string{"--yes", "--userlist", list, "--pgbouncer", bouncer.URL("postgres", "pgbouncer")}
}

// If this fails, servers behind PgBouncer fail at other times than between the change and their restart, which is announced.
func TestDatabasePasswordClientsBehindPgBouncer(t *testing.T) {
	t.Parallel()
	h, flags := newPooledHost(t)
	var address atomic.Pointer[string]
	var tries, failures atomic.Int64
	restart := func() { now, _ := h.settings(); address.Store(&now) }
	restart()
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { // it reconnects as servers do that lose their connections
		defer close(ended)
		for ticks := time.Tick(50 * time.Millisecond); ctx.Err() == nil; <-ticks {
			if !h.logsIn(*address.Load()) {
				failures.Add(1)
			}
			tries.Add(1)
		}
	}()
	defer func() { end(); <-ended }()
	more := func() int64 {
		before := tries.Load()
		eventually(t, "clients log in", func() bool { return tries.Load() > before+4 })
		return failures.Load()
	}
	if failed := more(); failed > 0 {
		t.Fatalf("%d log-ins failed before the change", failed)
	}
	if output := h.wantRun(0, flags...); !strings.Contains(output, "Restart") {
		t.Errorf("it does not say who must restart:\n%s", output)
	}
	if more() == 0 {
		t.Error("no log-in failed in the moment, so the test shows nothing")
	}
	restart()
	more() // one may be under way with the old password
	failed := failures.Load()
	if after := more(); after != failed {
		t.Errorf("%d log-ins failed after the restart", after-failed)
	}
}
