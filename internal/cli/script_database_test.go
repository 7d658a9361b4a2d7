package cli_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// databaseCommands are the script commands that need a database.
func databaseCommands(t *testing.T) map[string]func(*testscript.TestScript, bool, []string) {
	t.Helper()
	server := func() *testenv.Postgres { return testenv.Shared(t) }
	return map[string]func(*testscript.TestScript, bool, []string){
		// database makes an OCMT database and points DATABASE_URL at it. It has spies, unless it is trusted: a
		// trigger of a script runs on the path of the account and would call them.
		"database": func(ts *testscript.TestScript, negated bool, args []string) {
			switch {
			case negated || len(args) > 1 || len(args) == 1 && args[0] != "trusted":
				ts.Fatalf("usage: database [trusted]")
			case len(args) == 0:
				setAddresses(ts, server(), makeSpiedDatabase(t, server(), ts))
			default:
				makeTrustedDatabase(server(), ts)
			}
		},
		"standby": func(ts *testscript.TestScript, negated bool, args []string) { makeStandby(ts, negated, args) },
		"seal":    sealValues,
		"sql":     runSQL,
		"sqlfile": runSQLFile,
		"lock":    holdLock,
		"until":   waitUntil,
		"hold":    holdStatement,
	}
}

// setAddresses points DATABASE_URL at a database.
func setAddresses(ts *testscript.TestScript, server *testenv.Postgres, name string) {
	ts.Setenv("DATABASE_URL", server.URL("postgres", name))
	for _, account := range []string{"reader", "viewer", "advised", "chainless", "nightreader", "plainwriter"} {
		ts.Setenv(strings.ToUpper(account)+"_URL", server.URL(account, name))
	}
}

// makeTrustedDatabase makes an OCMT database and points DATABASE_URL at it.
func makeTrustedDatabase(server *testenv.Postgres, ts *testscript.TestScript) {
	schema, err := os.ReadFile("../../testdata/schema.sql")
	ts.Check(err)
	name, err := server.CreateDatabase(context.Background(), string(schema))
	ts.Check(err)
	setAddresses(ts, server, name)
}

// makeStandby makes a server of its own, with an OCMT database, and starts it
// again as a read-only standby. The values are sealed before.
//
//	standby N VERSION
func makeStandby(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 2 {
		ts.Fatalf("usage: standby N VERSION")
	}
	ctx := context.Background()
	server, err := testenv.StartPostgres(ctx, false)
	ts.Check(err)
	ts.Defer(server.Stop)
	makeTrustedDatabase(server, ts)
	sealValues(ts, false, args)
	ts.Check(server.BecomeStandby(ctx))
}

// sealValues puts values into the table secrets, under a version whose key the
// script has in ENCRYPTION_KEY_Vn, or in ENCRYPTION_KEY for the current one.
//
//	seal N VERSION
func sealValues(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 2 {
		ts.Fatalf("usage: seal N VERSION")
	}
	count, err := strconv.Atoi(args[0])
	ts.Check(err)
	version, err := strconv.Atoi(args[1])
	ts.Check(err)
	text := ts.Getenv("ENCRYPTION_KEY_V" + args[1])
	if ts.Getenv("ENCRYPTION_KEY_VERSION") == args[1] {
		text = ts.Getenv("ENCRYPTION_KEY")
	}
	key, err := crypto.ParseKey(text)
	ts.Check(err)
	ring, err := crypto.NewKeyring(version, map[int]crypto.Key{version: key})
	ts.Check(err)
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, ts.Getenv("DATABASE_URL"))
	ts.Check(err)
	defer func() { _ = conn.Close(ctx) }()
	for n := range count {
		c, err := ring.Seal([]byte("MARKED-PLAINTEXT-"+strconv.Itoa(n)), rand.Reader)
		ts.Check(err)
		if version == 0 && n%2 == 0 {
			c.Format = crypto.Legacy
		}
		_, err = conn.Exec(ctx, "insert into secrets (key, value_encrypted) values (gen_random_uuid(), $1)", c.String())
		ts.Check(err)
	}
}

// runSQL runs a statement and puts its first column on standard output.
//
//	sql 'select count(*) from secrets'
func runSQL(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 1 {
		ts.Fatalf("usage: sql STATEMENT")
	}
	ctx := context.Background()
	conn, err := pgconn.Connect(ctx, ts.Getenv("DATABASE_URL"))
	ts.Check(err)
	defer func() { _ = conn.Close(ctx) }()
	results, err := conn.Exec(ctx, args[0]).ReadAll()
	ts.Check(err)
	for _, result := range results {
		for _, row := range result.Rows {
			_, err := ts.Stdout().Write([]byte(strings.TrimSpace(string(row[0])) + "\n"))
			ts.Check(err)
		}
	}
}

// runSQLFile runs the statements of a file.
//
//	sqlfile make.sql
func runSQLFile(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 1 {
		ts.Fatalf("usage: sqlfile FILE")
	}
	runSQL(ts, false, []string{ts.ReadFile(args[0])})
}

// waitUntil returns when a statement's first column is true.
//
//	until 'select count(*) > 20 from secrets'
func waitUntil(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 1 {
		ts.Fatalf("usage: until STATEMENT")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, ts.Getenv("DATABASE_URL"))
	ts.Check(err)
	defer func() { _ = conn.Close(context.Background()) }()
	for so := false; !so; {
		if err := conn.QueryRow(ctx, args[0]).Scan(&so); err != nil && !errors.Is(err, pgx.ErrNoRows) {
			ts.Fatalf("waiting until %s: %v", args[0], err)
		}
	}
}

// holdLock takes the lock of a run, as a run on another machine would, until the
// script ends.
func holdLock(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 0 {
		ts.Fatalf("usage: lock")
	}
	ctx := context.Background()
	conn, err := pgconn.Connect(ctx, ts.Getenv("DATABASE_URL"))
	ts.Check(err)
	ts.Defer(func() { _ = conn.Close(ctx) })
	// The number stands in the documentation for whoever must look for a run. The name is that of a run.
	_, err = conn.Exec(ctx, "begin; set local application_name = ocmt; select pg_catalog.pg_advisory_xact_lock(8026379307689802099)").ReadAll()
	ts.Check(err)
}

// holdStatement runs a statement in a transaction that stays open until the
// script ends.
//
//	hold 'lock table secrets'
func holdStatement(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 1 {
		ts.Fatalf("usage: hold STATEMENT")
	}
	ctx := context.Background()
	conn, err := pgconn.Connect(ctx, ts.Getenv("DATABASE_URL"))
	ts.Check(err)
	ts.Defer(func() { _ = conn.Close(ctx) })
	_, err = conn.Exec(ctx, "begin; "+args[0]).ReadAll()
	ts.Check(err)
}
