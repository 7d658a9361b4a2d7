package postgres

import (
	"context"
	"fmt"
	"time"

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
	results, err := conn.pg.Exec(ctx, "begin "+Isolation+"; set local idle_in_transaction_session_timeout = 0; select pg_try_advisory_xact_lock("+lockNumber+")").ReadAll()
	if err != nil {
		conn.Close(ctx)
		return nil, nil, false, fmt.Errorf("taking the lock: %w", ExplainError(err))
	}
	if string(results[2].Rows[0][0]) != "t" {
		conn.Close(ctx)
		return nil, nil, false, nil
	}
	held, end := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		watchLock(held, conn.pg, func(cause error) { end(fmt.Errorf("%w: %w", lost, ExplainError(cause))) })
	}()
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

// IsLocked reports whether a run holds the lock of the database.
func IsLocked(ctx context.Context, conn *pgconn.PgConn) (bool, error) {
	rows, err := QueryRows(ctx, conn, `select count(*) from pg_locks where locktype = 'advisory' and granted
		and database = (select oid from pg_database where datname = current_database())
		and classid::bigint = ($1::bigint >> 32) and objid::bigint = ($1::bigint & 4294967295)`, lockNumber)
	if err != nil {
		return false, fmt.Errorf("asking for the lock: %w", err)
	}
	return rows[0][0] != "0", nil
}
