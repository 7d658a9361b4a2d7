package usertoken_test

import (
	"context"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/testenv"
)

// If this fails, the new tokens of all users stand in the log of a server that logs statements, which more people may
// read than may have a token.
func TestServerLogsNoToken(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	server, err := testenv.StartPostgres(ctx, false, "logging_collector = on", "log_min_duration_statement = 0", "log_statement = 'all'", "log_parameter_max_length = -1", "log_parameter_max_length_on_error = -1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	d := newDatabaseOn(t, server)
	d.exec("set log_statement = 'none'")
	d.exec("set log_min_duration_statement = -1")
	d.fill(50)
	before := d.stored()
	if _, result, err := renew(ctx, d.sources(d.store("")), everybody); err != nil || result.Renewed != 50 {
		t.Fatalf("the run came to %v", err)
	}
	log := d.text("select pg_read_file(pg_current_logfile())")
	if !strings.Contains(log, "copy pg_temp.ocmt_new_tokens") {
		t.Fatal("the server logs no statements, so this proves nothing")
	}
	for id, text := range d.stored() {
		for _, stored := range []string{text, before[id]} {
			if token, _ := d.open(stored); strings.Contains(log, token) || strings.Contains(log, stored) {
				t.Error("the server's log has a token")
			}
		}
	}
}

// If this fails, the command works only where no pool stands before the database.
func TestBehindPgBouncer(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	server := testenv.Shared(t)
	d := newDatabaseOn(t, server)
	bouncer, err := testenv.StartPgBouncer(ctx, server, "transaction")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bouncer.Stop)
	d.fill(600)
	name := d.text("select current_database()")
	if _, result, err := renew(ctx, d.sources(d.store(bouncer.URL("postgres", name))), everybody); err != nil || result.Renewed != 600 {
		t.Errorf("the run came to %v", err)
	}
}

// If this fails, an operator with the oldest server that OCMT runs on has no such command.
func TestOldServer(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	server := testenv.RequirePostgres(t, 13)
	d := newDatabaseOn(t, server)
	d.fill(20)
	if _, result, err := renew(ctx, d.sources(d.store("")), everybody); err != nil || result.Renewed != 20 {
		t.Errorf("the run came to %v", err)
	}
}
