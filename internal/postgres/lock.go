package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/ocmt/ocmt/internal/crash"

	"github.com/jackc/pgx/v5/pgconn"
)

// lockNumber names the lock among the advisory locks of a database. It is the ASCII
// text "ocmtkeys".
const lockNumber = "8026379307689802099"

// lockPeriod is how often the connection that holds the lock is asked whether it lives.
// A lock that is lost unnoticed would let a second run in; compare-and-swap keeps even
// that from doing harm.
const lockPeriod = 2 * time.Second

// lockTimeout is how long the connection that holds the lock may keep silent. A network
// that drops every packet ends no connection, and a run would wait for as long as the
// system does, which is hours.
const lockTimeout = 30 * time.Second

// releaseTimeout bounds how long the end of the lock is waited for.
const releaseTimeout = 2 * time.Second

// Lock takes the one lock of the database, and reports whether it could. The context
// that it returns ends when the lock is lost; its cause wraps lost. The lock belongs to
// an open transaction, so that it holds behind a pool that hands out transactions. The
// transaction has no number, and at Isolation no snapshot between statements, so that it
// keeps nothing from being vacuumed.
func (db *DB) Lock(ctx context.Context, lost error) (held context.Context, release func(), taken bool, err error) {
	conn, err := db.Acquire(ctx)
	if err != nil {
		return nil, nil, false, err
	}
	conn.unfit = true // the lock ends with its connection
	results, err := conn.pg.Exec(ctx, beginSQL(conn.pg, Isolation)+"; select pg_try_advisory_xact_lock("+lockNumber+")").ReadAll()
	if err != nil {
		conn.Close(ctx)
		return nil, nil, false, fmt.Errorf("taking the lock: %w", ExplainError(err))
	}
	if string(results[len(results)-1].Rows[0][0]) != "t" {
		conn.Close(ctx)
		return nil, nil, false, nil
	}
	held, end := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	crash.Go(func() {
		defer close(watched)
		watchLock(held, conn.pg, func(cause error) { end(fmt.Errorf("%w: %w", lost, ExplainError(cause))) })
	})
	release = func() {
		end(context.Canceled)
		<-watched
		// The server takes a moment to notice that a connection has ended, and the next command would find the
		// lock taken.
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
		defer cancel()
		_, _ = conn.pg.Exec(ending, "rollback").ReadAll() // where it fails, the end of the connection does the same
		conn.Close(ending)
	}
	return held, release, true, nil
}

// watchLock asks the connection of a lock whether it lives until the context ends.
func watchLock(held context.Context, conn *pgconn.PgConn, lose func(cause error)) {
	ticker := time.NewTicker(lockPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-held.Done():
			return
		case <-ticker.C:
		}
		if err := pingLock(held, conn); err != nil {
			lose(err)
			return
		}
	}
}

func pingLock(ctx context.Context, conn *pgconn.PgConn) error {
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	_, err := conn.Exec(ctx, "select 1").ReadAll()
	return err
}

// LockCondition is the condition that a row l of pg_locks is the lock of this database, held by a run.
const LockCondition = `l.locktype = 'advisory' and l.granted and l.database = (select oid from pg_database where datname = current_database())
	and l.classid::bigint = (` + lockNumber + `::bigint >> 32) and l.objid::bigint = (` + lockNumber + `::bigint & 4294967295)`

// IsLocked reports whether the lock of the database is held, by whomever.
func IsLocked(ctx context.Context, conn *pgconn.PgConn) (bool, error) {
	rows, err := QueryRows(ctx, conn, "select exists (select from pg_locks l where "+LockCondition+")")
	if err != nil {
		return false, fmt.Errorf("asking for the lock: %w", err)
	}
	return rows[0][0] == "t", nil
}

// HeldLock is the lock of the database, as the server shows who holds it. Times are by the server's clock.
type HeldLock struct {
	// Transaction names the transaction that holds the lock, and no other since the server started.
	Transaction string
	Backend     int    // process of the server
	Account     string // "" where the server does not say
	Application string
	Address     string // of the client, or of a pool; "" for a socket, or where the account may not see it
	// Seen says that the account may see what the backend does: without it the times below are 0.
	Seen  bool
	Since string        // when the lock was taken, for people
	Held  time.Duration // how long ago that was
	// Stranger says that the holder is no run of ocmt as far as can be seen: any role that may connect can take a lock by
	// its number. A run has a name of ours, and an account that may read OCMT's tables.
	Stranger bool
	Idle     time.Duration // how long ago the holder last sent anything. It asks the server every two seconds whether it lives.
}

// IsRunAtWork reports whether a run of ocmt holds the lock of the database, as far as can be seen, and not a stranger.
func IsRunAtWork(ctx context.Context, conn *pgconn.PgConn) (bool, error) {
	held, err := ReadLock(ctx, conn)
	return held != nil && !held.Stranger, err
}

// ReadLock returns the lock of the database, nil where nobody holds it.
func ReadLock(ctx context.Context, conn *pgconn.PgConn) (*HeldLock, error) {
	rows, err := QueryRows(ctx, conn, `with ours as (select coalesce(array_agg(c.oid), '{}') as tables from pg_class c join pg_namespace n on n.oid = c.relnamespace
			where c.relname in ('users', 'secrets', 'user_integrations', 'encryption_keys') and c.relkind in ('r', 'p') and n.nspname = any($1::text[]))
		select l.virtualtransaction, l.pid, coalesce(a.usename, ''), coalesce(a.application_name, ''),
		coalesce(host(a.client_addr), ''), a.state is not null and a.xact_start is not null, coalesce(to_char(a.xact_start, 'YYYY-MM-DD HH24:MI:SSOF'), ''),
		coalesce((extract(epoch from clock_timestamp() - a.xact_start) * 1000000)::bigint, 0),
		coalesce((extract(epoch from clock_timestamp() - greatest(a.state_change, a.query_start)) * 1000000)::bigint, 0),
		a.usesysid is not null and not (split_part(a.application_name, ' - ', 1) in ('ocmt', split_part(current_setting('application_name'), ' - ', 1))
			and (a.usename in (session_user, current_user) or exists (select from unnest(ours.tables) t where has_any_column_privilege(a.usesysid, t, 'SELECT'))))
		from ours cross join pg_locks l left join pg_stat_activity a on a.pid = l.pid where `+LockCondition, TextArray(PathOf(conn).Schemas))
	if err != nil {
		return nil, fmt.Errorf("asking for the lock: %w", err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	row := rows[0]
	return &HeldLock{Transaction: row[0], Backend: int(ParseNumber(row[1])), Account: row[2], Application: row[3], Address: row[4],
		Stranger: row[9] == "t", Seen: row[5] == "t", Since: row[6], Held: microseconds(row[7]), Idle: microseconds(row[8])}, nil
}

// microseconds reads a time that the server wrote in microseconds.
func microseconds(text string) time.Duration {
	return time.Duration(ParseNumber(text)) * time.Microsecond
}
