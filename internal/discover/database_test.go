package discover_test

import (
	"context"
	"crypto/rand"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// database is an OCMT database of one test.
type database struct {
	t    *testing.T
	conn *pgx.Conn
	db   *postgres.DB
}

func newDatabase(t *testing.T) *database {
	t.Helper()
	ctx := context.Background()
	schema, err := os.ReadFile("../../testdata/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	name, err := testenv.Shared(t).CreateDatabase(ctx, string(schema))
	if err != nil {
		t.Fatal(err)
	}
	d := &database{t: t}
	address := testenv.Shared(t).URL("postgres", name)
	if d.conn, err = pgx.Connect(ctx, address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.conn.Close(ctx) })
	d.reach(address)
	return d
}

// reach makes searches use an address.
func (d *database) reach(address string) {
	d.t.Helper()
	var err error
	if d.db, err = postgres.New(address, postgres.Options{ApplicationName: "ocmt-test", LockTimeout: time.Second}); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(d.db.Close)
}

func (d *database) exec(sql string, args ...any) {
	d.t.Helper()
	if _, err := d.conn.Exec(context.Background(), sql, args...); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
}

// newRing returns keys of versions 0 and 1.
func newRing(t *testing.T) *crypto.Keyring {
	t.Helper()
	keys := map[int]crypto.Key{}
	for version := range 2 {
		key, err := crypto.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys[version] = key
	}
	ring, err := crypto.NewKeyring(1, keys)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// silent is a Reporter that reports nothing.
type silent struct{}

func (silent) Phase(string)          {}
func (silent) Table(string)          {}
func (silent) Progress(int64, int64) {}

// cutOffDetach begins to detach a partition concurrently, and ends that before it is finished.
func (d *database) cutOffDetach(table, partition string) {
	d.t.Helper()
	ctx := context.Background()
	reader, err := pgx.ConnectConfig(ctx, d.conn.Config())
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = reader.Close(ctx) }()
	if _, err := reader.Exec(ctx, "begin; lock table "+table+" in access share mode"); err != nil {
		d.t.Fatal(err)
	}
	d.exec("set statement_timeout = '300ms'")
	if _, err := d.conn.Exec(ctx, "alter table "+table+" detach partition "+partition+" concurrently"); err == nil {
		d.t.Fatal("the partition was detached")
	}
	d.exec("reset statement_timeout")
}
