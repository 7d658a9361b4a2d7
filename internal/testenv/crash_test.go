package testenv_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/testenv"
)

// Only a crash shows whether a rotation survives a crash of the server. A server that ends in
// order flushes first, and proves nothing.
func TestCrashKeepsWhatWasCommitted(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	server, err := testenv.StartPostgres(ctx, true, testenv.ListenTCP)
	must(t, err)
	defer server.Stop()
	name, err := server.CreateDatabase(ctx, "create table t (n int)", "insert into t values (1)")
	must(t, err)
	address := server.TCPURL("postgres", name)
	open := connect(t, address)
	_, err = open.Exec(ctx, "begin; insert into t values (2)")
	must(t, err)

	before := processesOf(t, filepath.Join(folderOf(t, server.URL("a", "d")), "data"))
	must(t, server.Kill(ctx))
	now := listed(t)
	for pid, p := range before {
		if _, still := now[pid]; still && !strings.Contains(p.command, "pg_ctl") {
			t.Errorf("still there after the crash: %s", p.command)
		}
	}
	if _, err := open.Exec(ctx, "commit"); err == nil {
		t.Error("a transaction of the dead server was committed")
	}
	if err := server.Kill(ctx); err == nil {
		t.Error("a dead server was killed")
	}

	must(t, server.Restart(ctx))
	if found := value(t, address, "select string_agg(n::text, ',') from t"); found != "1" {
		t.Errorf("after the crash the table holds %s", found)
	}
	log, err := os.ReadFile(filepath.Join(folderOf(t, server.URL("a", "d")), "log"))
	must(t, err)
	if !strings.Contains(string(log), "automatic recovery in progress") {
		t.Errorf("the server did not recover: it had not crashed\n%s", log)
	}
}

// A test that ends between a crash and a new start must clean up too.
func TestStopAfterCrash(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	server, err := testenv.StartPostgres(ctx, false)
	must(t, err)
	defer server.Stop()
	folder := folderOf(t, server.URL("a", "d"))
	must(t, server.Kill(ctx))
	server.Stop()
	awaitNothing(t, map[string]string{"postgres": folder}, nil)
}
