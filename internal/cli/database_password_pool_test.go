package cli_test

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

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

// If this fails, a machine that goes down at a bad moment leaves servers behind PgBouncer whose password nobody has, or a
// change that no run ends.
func TestDatabasePasswordKilledBehindPgBouncer(t *testing.T) {
	t.Parallel()
	h, flags := newPooledHost(t)
	const kills = 25
	window, seen := 300*time.Millisecond, map[string]int{}
	for range kills {
		was, _ := h.settings()
		command := h.command(flags...)
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		// The moment is what is tested: it must fall anywhere.
		time.AfterFunc(time.Duration(mathrand.Int64N(int64(window))), func() { _ = command.Process.Kill() })
		_ = command.Wait()
		h.awaitQuiet()
		current, pending := h.settings()
		if window += window / 4; pending == "" && current != was { // it came to its end
			window /= 2
		}
		seen[fmt.Sprintf("pending %t, stored %t", pending != "", pending == current)]++
		if pending == "" {
			continue
		}
		seen[fmt.Sprintf("ended by %d", h.goOn(flags))]++
		now, left := h.settings()
		if left != "" || now == was || !h.logsIn(now) || h.logsIn(was) {
			t.Fatal("the next run did not come to its end: not the new password alone logs in")
		}
	}
	t.Logf("seen: %v", seen)
	if len(seen) < 2 {
		t.Error("it was not killed halfway: the test proves nothing")
	}
}

// goOn runs the command until it comes to its end, and returns how many runs that took. The first may meet a PgBouncer
// that lets the old password in on connections that it has kept, or that waits before it logs in again; it says then that
// the same command is to be run again.
func (h *passwordHost) goOn(flags []string) (runs int) {
	h.t.Helper()
	const most = 3
	for runs = 1; ; runs++ {
		output, code := h.run(flags...)
		switch {
		case code == 0:
			return runs
		case runs == most || !strings.Contains(output, "run the same command again"):
			h.t.Fatalf("run %d behind a killed one ended with %d:\n%s", runs, code, output)
		}
	}
}

// awaitQuiet waits until the server has ended what a killed program has sent it through the pool.
func (h *passwordHost) awaitQuiet() {
	h.t.Helper()
	conn, err := pgx.Connect(context.Background(), h.server.URL("postgres", h.database))
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	eventually(h.t, "the pool's connections to be idle", func() bool {
		return askText(h.t, conn, "select count(*)::text from pg_stat_activity where usename = '"+h.role+"' and state is distinct from 'idle'") == "0"
	})
}
