package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// LockHolder is a transaction that keeps others from a table.
type LockHolder struct {
	Table       string // with its schema
	Backend     int    // process of the server; 0 for a prepared transaction
	Account     string
	Application string // "" where there is none
	Since       string // when the transaction began; "" where the account may not see it
	Prepared    string // the name of a prepared transaction
	Waits       bool   // it waits for the lock itself, and others wait behind it
	Whole       bool   // the lock is on the table, and not on rows of it
}

// LockedError says who holds locks after a wait for one that took too long.
type LockedError struct {
	Holders []LockHolder // at least one
	Waited  time.Duration
	cause   error
}

// Error says what was waited for.
func (e *LockedError) Error() string { return e.cause.Error() }

// Unwrap returns the failure of the statement.
func (e *LockedError) Unwrap() error { return e.cause }

// isLockTimeout reports whether a lock was not to be had in time.
func isLockTimeout(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && answer.Code == "55P03"
}

// lookTimeout bounds how long a look for the holder of a lock takes.
const lookTimeout = 3 * time.Second

// NameHolders looks, after a wait for a lock that took too long, who holds locks on tables now, over a connection of
// its own, so that it can be called after Close. It returns a *LockedError where it has found any, and the error as it
// is otherwise.
func (db *DB) NameHolders(ctx context.Context, err error) error {
	var known *LockedError
	if !isLockTimeout(err) || errors.As(err, &known) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
	defer cancel()
	conn, failed := db.Dial(ctx)
	if failed != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	holders, failed := queryHolders(ctx, conn)
	if failed != nil || len(holders) == 0 {
		return err
	}
	return &LockedError{holders, db.options.LockTimeout, err}
}

// maxHolders bounds how many holders are named.
const maxHolders = 5

// holdersSQL selects the strongest locks that others hold or wait for on tables of this database. A lock on a
// whole table is what keeps a reader waiting. Where there is none, it was a lock on rows: whoever has changed or locked
// rows has a weaker lock on their table. The numbers of tables that the server makes for itself are below 16384.
const holdersSQL = `with locks as (
		select l.*, n.nspname || '.' || c.relname as name, case when l.mode in ('RowExclusiveLock', 'RowShareLock') then 2 else 1 end as rank
		from pg_locks l join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace
		where l.locktype = 'relation' and l.database = (select oid from pg_database where datname = current_database()) and l.relation >= 16384
		and c.relkind in ('r', 'p') and l.pid is distinct from pg_backend_pid()
		and l.mode in ('AccessExclusiveLock', 'ExclusiveLock', 'ShareRowExclusiveLock', 'ShareLock', 'ShareUpdateExclusiveLock', 'RowExclusiveLock', 'RowShareLock')
		and (l.granted or l.mode = 'AccessExclusiveLock'))
	select distinct l.name, coalesce(l.pid, 0), coalesce(a.usename, p.owner, ''), coalesce(a.application_name, ''),
		coalesce(to_char(coalesce(a.xact_start, p.prepared), 'YYYY-MM-DD HH24:MI:SSOF'), ''), coalesce(p.gid, ''), not l.granted, l.rank = 1
	from locks l left join pg_stat_activity a on a.pid = l.pid
	left join pg_locks x on l.pid is null and x.pid is null and x.virtualtransaction = l.virtualtransaction
		and x.locktype = 'transactionid' and x.mode = 'ExclusiveLock'
	left join pg_prepared_xacts p on p.transaction = x.transactionid
	where l.rank = (select min(rank) from locks) order by 7, 1, 2 limit `

func queryHolders(ctx context.Context, conn *pgconn.PgConn) ([]LockHolder, error) {
	rows, err := QueryRows(ctx, conn, holdersSQL+strconv.Itoa(maxHolders))
	if err != nil {
		return nil, fmt.Errorf("asking who holds locks: %w", err)
	}
	holders := make([]LockHolder, len(rows))
	for i, row := range rows {
		holders[i] = LockHolder{Table: row[0], Backend: int(ParseNumber(row[1])), Account: row[2], Application: row[3], Since: row[4], Prepared: row[5],
			Waits: row[6] == "t", Whole: row[7] == "t"}
	}
	return holders, nil
}
