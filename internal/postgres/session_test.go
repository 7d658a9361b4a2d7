package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/testenv"
)

// shortLived makes a database in which everything that lives long is ended.
func shortLived(t *testing.T) (server *testenv.Postgres, name string) {
	t.Helper()
	server = testenv.Shared(t)
	name, err := server.CreateDatabase(t.Context(), "create table t (n int)", "insert into t values (1)", `do $$ begin
		if current_setting('server_version_num')::int >= 140000 then execute format('alter database %I set idle_session_timeout = 400', current_database()); end if;
		execute format('alter database %I set idle_in_transaction_session_timeout = 400', current_database());
		execute format('alter database %I set statement_timeout = 400', current_database()); end $$`)
	if err != nil {
		t.Fatal(err)
	}
	return server, name
}

func open(t *testing.T, address string) *postgres.DB {
	t.Helper()
	db, err := postgres.New(address, postgres.Options{ApplicationName: "ocmt", LockTimeout: 300 * time.Millisecond, StatementTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// endures reports what goes wrong on a connection that does nothing for longer than the database allows, in and
// outside of a transaction, and whose statement takes longer. The server itself waits.
func endures(ctx context.Context, conn *pgconn.PgConn) error {
	if _, err := postgres.QueryRows(ctx, conn, "select pg_sleep(0.8)"); err != nil {
		return err
	}
	return postgres.InTransaction(ctx, conn, func() error {
		_, err := postgres.QueryRows(ctx, conn, "select pg_sleep(0.8)")
		return err
	})
}

// If this fails, a setting of the database or the account ends a run that is paused, or a long question, and behind
// a pool the settings of this tool stay with the servers of OCMT.
func TestSettingsThatEndConnectionsDoNotHold(t *testing.T) {
	t.Parallel()
	server, name := shortLived(t)
	bouncer := startPool(t, server, "transaction", "default_pool_size = 1")
	for what, address := range map[string]string{"direct": server.URL("postgres", name), "pooled": bouncer.URL("postgres", name)} {
		if err := open(t, address).With(t.Context(), func(conn *pgconn.PgConn) error { return endures(t.Context(), conn) }); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	conn, err := open(t, server.URL("postgres", name)).Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	rows, err := postgres.QueryRows(t.Context(), conn.PgConn(), "select name, setting from pg_settings where name like '%session_timeout' or name = 'transaction_timeout'")
	if err != nil || len(rows) < 1 {
		t.Fatal(rows, err)
	}
	for _, row := range rows {
		if row[1] != "0" {
			t.Errorf("%s is %s", row[0], row[1])
		}
	}
	var lock, statement string
	ask := func() error { // a connection of its own, which the server ends where this machine rests for longer than the limit
		client, err := pgx.Connect(t.Context(), bouncer.URL("postgres", name))
		if err != nil {
			return err
		}
		defer func() { _ = client.Close(context.WithoutCancel(t.Context())) }()
		return client.QueryRow(t.Context(), "select current_setting('lock_timeout'), current_setting('statement_timeout')").Scan(&lock, &statement)
	}
	for tries := 0; ; tries++ {
		err := ask()
		if err == nil {
			break
		}
		const most = 20
		if tries == most {
			t.Fatal(err)
		}
	}
	if lock != "0" || statement != "400ms" {
		t.Errorf("behind the pool others have lock_timeout %s and statement_timeout %s", lock, statement)
	}
}

// If this fails, a command waits for ever for a table that somebody has locked, and does not say who.
func TestWaitForALockEndsAndNamesItsHolder(t *testing.T) {
	t.Parallel()
	server := testenv.Shared(t)
	name, err := server.CreateDatabase(t.Context(), "create table t (n int)", "insert into t values (1)")
	if err != nil {
		t.Fatal(err)
	}
	bouncer := startPool(t, server, "transaction")
	for what, address := range map[string]string{"direct": server.URL("postgres", name), "pooled": bouncer.URL("postgres", name)} {
		db := open(t, address)
		hold(t, server.URL("postgres", name)+"&application_name=night-job", "lock table t", func(holder *pgconn.PgConn) {
			for how, read := range map[string]func() error{
				"a question": func() error {
					return db.With(t.Context(), func(conn *pgconn.PgConn) error {
						_, err := postgres.QueryRows(t.Context(), conn, "select n from public.t")
						return err
					})
				},
				"a reader":   func() error { return readIn(t, db.AcquireReader) },
				"a snapshot": func() error { return readIn(t, db.AcquireSnapshot) },
			} {
				var locked *postgres.LockedError
				if err := db.NameHolders(t.Context(), read()); !errors.As(err, &locked) {
					t.Errorf("%s, %s: %v", what, how, err)
					continue
				}
				want := postgres.LockHolder{Table: "public.t", Backend: int(holder.PID()), Account: "postgres", Application: "night-job", Since: locked.Holders[0].Since, Whole: true}
				if len(locked.Holders) != 1 || locked.Holders[0] != want || want.Since == "" {
					t.Errorf("%s, %s: %+v", what, how, locked.Holders)
				}
			}
		})
	}
}

// startPool starts PgBouncer in a mode before a server, for the time of the test.
func startPool(t *testing.T, server *testenv.Postgres, mode string, settings ...string) *testenv.PgBouncer {
	t.Helper()
	bouncer, err := testenv.StartPgBouncer(t.Context(), server, mode, settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bouncer.Stop)
	return bouncer
}

// readIn reads a table on a connection of its own.
func readIn(t *testing.T, acquire func(context.Context) (*postgres.Conn, error)) error {
	t.Helper()
	conn, err := acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if err := conn.BeginRead(t.Context()); err != nil {
		return err
	}
	_, err = postgres.QueryRows(t.Context(), conn.PgConn(), "select n from public.t")
	return errors.Join(err, conn.EndRead(t.Context()))
}

// hold does work while a statement holds its locks.
func hold(t *testing.T, address, sql string, work func(holder *pgconn.PgConn)) {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), strings.Replace(address, "&", separator(address), 1))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	if _, err := conn.Exec(t.Context(), "begin; "+sql).ReadAll(); err != nil {
		t.Fatal(err)
	}
	work(conn)
}

// separator returns what stands before the next parameter of an address.
func separator(address string) string {
	if strings.Contains(address, "?") {
		return "&"
	}
	return "?"
}
