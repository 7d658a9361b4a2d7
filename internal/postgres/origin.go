package postgres

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// Origin is what a connection, or the snapshot of its transaction, reads from.
type Origin struct {
	Name    string // of the database
	System  string // system identifier of the server; "" where the account may not ask
	Standby bool
	Backend int // process of the server
	// Oldest is the oldest transaction that runs, as a number of 32 bits. Running says that
	// there is one.
	Oldest  uint32
	Running bool
	Next    uint32 // the next transaction to come, as a number of 32 bits
}

// ReadOrigin asks a connection what it reads from. The age of the oldest running transaction
// is its distance from the next one to come: at 0 none runs. The upper end of the snapshot
// says less, because it is that of the transactions that have ended.
func ReadOrigin(ctx context.Context, conn *pgconn.PgConn) (origin Origin, err error) {
	rows, err := QueryRows(ctx, conn, `select pg_is_in_recovery(), pg_backend_pid(),
		oldest, age(oldest::text::xid) > 0, upcoming from (select txid_snapshot_xmin(txid_current_snapshot()) & 4294967295 as oldest,
		txid_snapshot_xmax(txid_current_snapshot()) & 4294967295 as upcoming) s`)
	if err != nil {
		return origin, err
	}
	oldest, err := strconv.ParseUint(rows[0][2], 10, 32)
	if err != nil {
		return origin, fmt.Errorf("reading the number of a transaction: %w", err)
	}
	next, err := strconv.ParseUint(rows[0][4], 10, 32)
	if err != nil {
		return origin, fmt.Errorf("reading the number of a transaction: %w", err)
	}
	origin = Origin{Next: uint32(next), Standby: rows[0][0] == "t", Backend: int(ParseNumber(rows[0][1])), Oldest: uint32(oldest), Running: rows[0][3] == "t"}
	origin.Name, origin.System, err = ReadIdentity(ctx, conn)
	return origin, err
}

// ReadIdentity asks for the name of the database and the identifier of its server, "" where
// the account may not ask for it.
func ReadIdentity(ctx context.Context, conn *pgconn.PgConn) (name, system string, err error) {
	rows, err := QueryRows(ctx, conn, "select current_database(), has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')")
	if err != nil {
		return "", "", err
	}
	name = rows[0][0]
	if rows[0][1] != "t" {
		return name, "", nil
	}
	if rows, err = QueryRows(ctx, conn, "select system_identifier from pg_catalog.pg_control_system()"); err == nil {
		system = rows[0][0]
	}
	return name, system, err
}

// WrittenBy is the condition that the age of the transaction that wrote a row, named by its
// xmin, compares with that of another. Ages count back from the present, and so they compare
// well where the numbers of transactions have wrapped around.
func WrittenBy(xmin, operator string, transaction uint32) string {
	return "age(" + xmin + ") " + operator + " age('" + strconv.FormatUint(uint64(transaction), 10) + "'::xid)"
}
