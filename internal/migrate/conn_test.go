package migrate_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// secretsTable returns the table secrets as the database has it.
func (d *database) secretsTable() migrate.Table {
	d.t.Helper()
	request := d.request()
	found, err := d.store.Describe(context.Background(), request.Catalogue)
	if err != nil {
		d.t.Fatal(err)
	}
	at := slices.IndexFunc(found.Tables, func(t migrate.Table) bool { return t.Name == "secrets" })
	return found.Tables[at]
}

// writeNothing makes a connection change its settings to those for writing.
func (d *database) writeNothing(conn migrate.Conn, table migrate.Table) {
	d.t.Helper()
	ignored := func(migrate.Row) error { return nil }
	pages := migrate.PageRange{Leaf: table.Leaves[0], To: 1, Limit: 1}
	if err := conn.ReadPages(context.Background(), table, pages, 1, ignored); err != nil {
		d.t.Fatal(err)
	}
}

// backends returns the server processes that serve connections of the engine.
func (d *database) backends() []string {
	d.t.Helper()
	return d.texts("select pid::text from pg_stat_activity where application_name = 'ocmt-test' and datname = current_database() order by 1")
}

// If this fails, reading a large table ends after the time that one statement that
// writes may take, because the connection served such a statement before.
func TestConnectionIsReset(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	d, ring := newDatabase(t), readVectors(t).ring(t, 1, 1)
	d.insert("secrets.value_encrypted", seal(t, ring, 1, false, "locked for a while"))
	table := d.secretsTable()
	d.reachWith(d.url, postgres.Options{ApplicationName: "ocmt-hasty", LockTimeout: time.Minute, StatementTimeout: time.Second})
	conn, err := d.store.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	d.writeNothing(conn, table)
	conn.Close(ctx)
	if conn, err = d.store.Open(ctx); err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	const hasty = "from pg_stat_activity where application_name = 'ocmt-hasty' and datname = current_database()"
	if processes := d.texts("select pid::text " + hasty); len(processes) != 1 {
		t.Errorf("%d connections for two conns that came one after the other, want 1", len(processes))
	}
	lock, err := d.conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := lock.Exec(ctx, "lock table secrets"); err != nil {
		t.Fatal(err)
	}
	rows, read := 0, make(chan error, 1)
	go func() {
		read <- conn.Scan(ctx, table, migrate.Scope{}, func(migrate.Row) error { rows++; return nil })
	}()
	for waited := 0; waited == 0; {
		if err := lock.QueryRow(ctx, "select count(*) "+hasty+" and clock_timestamp() > query_start + interval '2 seconds' and query like '%secrets%'").Scan(&waited); err != nil {
			t.Fatal(err)
		}
		if _, err := lock.Exec(ctx, "select pg_stat_clear_snapshot()"); err != nil {
			t.Fatal(err)
		}
	}
	if err := lock.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-read; err != nil || rows != 1 {
		t.Errorf("read %d rows of 1: %v", rows, err)
	}
}

// If this fails, a run ends because a connection that it no longer needed was
// closed by the server or by something in between.
func TestDeadConnectionIsReplaced(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	d := newDatabase(t)
	for range 20 { // at once, so that the connection was used a moment ago
		conn, err := d.store.Open(ctx)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close(ctx)
		d.exec("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'ocmt-test' and datname = current_database()")
	}
	for range 20 {
		conn, err := d.store.OpenSnapshot(ctx)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close(ctx)
	}
}

// If this fails, connections of a program that waits for its operator are held from
// the servers, or end as broken ones in the firewall's list.
func TestConnectionsAreClosed(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	d := newDatabase(t)
	var open []migrate.Conn
	for range 3 {
		conn, err := d.store.Open(ctx)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, conn)
	}
	for _, conn := range open {
		conn.Close(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	for len(d.backends()) > 0 {
		if ctx.Err() != nil {
			t.Fatalf("%d connections are kept though nobody uses them", len(d.backends()))
		}
	}
}

// If this fails, a run on a database whose transactions are serializable keeps the
// server from cleaning up, and fills the memory in which it notes who read what,
// until the writes of live servers fail.
func TestLockHoldsNoSnapshot(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, isolation := range []string{"serializable", "repeatable read", "read committed"} {
		d := newDatabase(t)
		d.exec("alter database " + pgx.Identifier{d.conn.Config().Database}.Sanitize() + " set default_transaction_isolation = '" + isolation + "'")
		_, release, err := d.store.Lock(ctx)
		if err != nil {
			t.Fatal(err)
		}
		holding := d.texts(`select pid::text from pg_stat_activity where application_name = 'ocmt-test' and datname = current_database()
			and state = 'idle in transaction' and backend_xmin is not null`)
		if len(d.backends()) != 1 || len(holding) > 0 {
			t.Errorf("%s: %d of %d connections hold a snapshot", isolation, len(holding), len(d.backends()))
		}
		release()
	}
}
