package pgchain_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/postgres/pgchain"
	"github.com/ocmt/ocmt/internal/testenv"
)

// database is a fresh database with something to change in it.
type database struct {
	t    *testing.T
	conn *pgx.Conn
	name string
	url  string
}

func newDatabase(t *testing.T) *database { return newDatabaseOn(t, testenv.Shared(t)) }

func newDatabaseOn(t *testing.T, server *testenv.Postgres) *database {
	t.Helper()
	ctx := context.Background()
	name, err := server.CreateDatabase(ctx, "create table changes (n int)")
	if err != nil {
		t.Fatal(err)
	}
	d := &database{t: t, name: name, url: server.URL("postgres", name)}
	if d.conn, err = pgx.Connect(ctx, d.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.conn.Close(ctx) })
	return d
}

func (d *database) exec(sql string, args ...any) {
	d.t.Helper()
	if _, err := d.conn.Exec(context.Background(), sql, args...); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
}

// text returns the one value of a query.
func (d *database) text(sql string, args ...any) string {
	d.t.Helper()
	var value string
	if err := d.conn.QueryRow(context.Background(), sql, args...).Scan(&value); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// open returns the database at an address, as the tool opens it.
func open(t *testing.T, address string) *postgres.DB {
	t.Helper()
	db, err := postgres.New(address, postgres.Options{ApplicationName: "ocmt-test", LockTimeout: 10 * time.Second, StatementTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// missed collects why entries were not made.
type missed struct {
	mu      sync.Mutex
	reasons []string
}

func (m *missed) add(prospect chain.Prospect) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reasons = append(m.reasons, prospect.Reason+": "+prospect.Advice())
}

var author = chain.Author{Operator: "ann \"x\" é", Host: "host-1", Command: "rotate"}

// newStore returns the record at an address, whose entries must be made.
func newStore(t *testing.T, address string) *pgchain.Store {
	t.Helper()
	return pgchain.New(open(t, address), author, func(prospect chain.Prospect) { t.Errorf("no entry: %s", prospect.Reason) })
}

// fill adds some entries.
func fill(t *testing.T, store *pgchain.Store, count int) {
	t.Helper()
	for n := range count {
		if err := store.Add(t.Context(), event(n)); err != nil {
			t.Fatal(err)
		}
	}
}

func event(n int) chain.Event {
	return chain.Event{Action: chain.ActionRunBegun, Subject: chain.VersionSubject(n), Details: map[string]any{"values": n, "quoted": `"é\`}}
}

func mustVerify(t *testing.T, store *pgchain.Store, kept string) chain.Report {
	t.Helper()
	report, err := store.Verify(t.Context(), kept)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// change makes a change and its entry in one transaction.
func change(ctx context.Context, db *postgres.DB, store *pgchain.Store, n string) error {
	return db.With(ctx, func(conn *pgconn.PgConn) error {
		return postgres.InTransaction(ctx, conn, func() error {
			if _, err := postgres.QueryRows(ctx, conn, "insert into $changes values ($1)", n); err != nil {
				return err
			}
			return store.Append(ctx, conn, chain.Event{Action: "test.changed", Subject: n})
		})
	})
}

// isLost reports whether a connection was ended.
func isLost(err error) bool {
	var failure *postgres.FailureError
	var connect *postgres.ConnectError
	return errors.As(err, &connect) || errors.As(err, &failure) && (failure.Kind == postgres.Lost || failure.Kind == postgres.Ended)
}
