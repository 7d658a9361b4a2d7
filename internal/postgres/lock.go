package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
)

// lockNumber names the lock among the advisory locks of a database. It is the
// ASCII text "ocmtkeys".
const lockNumber = "8026379307689802099"

// lockCheck is how often the connection that holds the lock is asked whether it
// lives. Losing the lock unseen would let a second run in; compare-and-swap
// keeps even that from doing harm.
const lockCheck = 2 * time.Second

// Lock implements migrate.Store. The lock belongs to an open transaction, not to
// a session, so that it holds behind a pool that hands out transactions. The
// transaction has no number, and at its isolation no snapshot between statements,
// and so holds no clean-up back.
func (s *Store) Lock(ctx context.Context) (context.Context, func(), error) {
	session, err := s.session(ctx)
	if err != nil {
		return nil, nil, err
	}
	session.spent = true // the lock ends with its connection
	conn := session.conn
	results, err := conn.Exec(ctx, "begin "+isolation+"; set local idle_in_transaction_session_timeout = 0; select pg_try_advisory_xact_lock("+lockNumber+")").ReadAll()
	if err != nil {
		session.Close(ctx)
		return nil, nil, fmt.Errorf("taking the lock: %w", plain(err))
	}
	if string(results[2].Rows[0][0]) != "t" {
		session.Close(ctx)
		return nil, nil, migrate.ErrLocked
	}
	held, lose := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		watch(held, conn, lose)
	}()
	release := func() {
		lose(context.Canceled)
		<-watched
		session.Close(context.WithoutCancel(ctx))
	}
	return held, release, nil
}

func watch(held context.Context, conn *pgconn.PgConn, lose context.CancelCauseFunc) {
	ticker := time.NewTicker(lockCheck)
	defer ticker.Stop()
	for {
		select {
		case <-held.Done():
			return
		case <-ticker.C:
		}
		if err := answers(held, conn); err != nil {
			lose(fmt.Errorf("%w: %w", migrate.ErrLockLost, plain(err)))
			return
		}
	}
}

// lockAnswer is how long the connection that holds the lock may keep silent. A
// line that swallows everything ends no connection, and a run would wait on it for
// as long as the system does, which is hours.
const lockAnswer = 30 * time.Second

func answers(ctx context.Context, conn *pgconn.PgConn) error {
	ctx, cancel := context.WithTimeout(ctx, lockAnswer)
	defer cancel()
	_, err := conn.Exec(ctx, "select 1").ReadAll()
	return err
}

// lockHeld reports whether a run holds the lock of the database.
func lockHeld(ctx context.Context, conn *pgconn.PgConn) (bool, error) {
	rows, err := rowsOf(ctx, conn, `select count(*) from pg_locks where locktype = 'advisory' and granted
		and database = (select oid from pg_database where datname = current_database())
		and classid::bigint = ($1::bigint >> 32) and objid::bigint = ($1::bigint & 4294967295)`, lockNumber)
	if err != nil {
		return false, fmt.Errorf("asking for the lock: %w", err)
	}
	return rows[0][0] != "0", nil
}

// Flush implements migrate.Store: a transaction that has written to the log and
// commits synchronously returns when everything before it is on disk too.
func (s *Store) Flush(ctx context.Context) error {
	err := s.with(ctx, func(conn *pgconn.PgConn) error {
		_, err := conn.Exec(ctx, "begin; set local synchronous_commit = on; select pg_logical_emit_message(true, 'ocmt', ''); commit").ReadAll()
		return err
	})
	if err != nil {
		return fmt.Errorf("making sure that the run is on disk: %w", plain(err))
	}
	return nil
}
