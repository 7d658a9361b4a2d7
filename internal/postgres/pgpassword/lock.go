package pgpassword

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/databasepassword"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/pkg/secret"
)

// lockClass is the first of the two numbers of an advisory lock of this package: the ASCII text "ocmt". The second one
// is the server's hash of the role.
const lockClass = "1868787060"

// The locks belong to an open transaction, so that they hold behind a pool that hands out transactions. It has no number
// and no snapshot between statements, so that it keeps nothing from being vacuumed.
const (
	beginSQL = "begin " + postgres.Isolation + "; " + postgres.SetOwnPath + "; set local idle_in_transaction_session_timeout = 0"
	lockSQL  = "select pg_catalog.pg_try_advisory_xact_lock(" + lockClass + ", pg_catalog.hashtext($1))"
	// An account sees the processes of others that have its own account, and those of all with pg_read_all_stats.
	holderSQL = `select l.pid, coalesce(pg_catalog.host(a.client_addr), ''), coalesce(pg_catalog.to_char(a.xact_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'), '')
		from pg_catalog.pg_locks l left join pg_catalog.pg_stat_activity a on a.pid = l.pid
		where l.locktype = 'advisory' and l.granted and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
		and l.classid = ` + lockClass + ` and l.objid::bigint = (pg_catalog.hashtext($1)::bigint & 4294967295) and l.objsubid = 2`
)

// lock is the connection that holds the locks of a run.
type lock struct{ conn *pgconn.PgConn }

// Lock implements databasepassword.Server.
func (s *Server) Lock(ctx context.Context, address secret.Value, roles ...string) (databasepassword.Lock, error) {
	conn, err := s.dial(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("taking the lock of the role: %w", err)
	}
	err = s.ask(ctx, func(ctx context.Context) error {
		if _, err := conn.Exec(ctx, beginSQL).ReadAll(); err != nil {
			return postgres.ExplainError(err)
		}
		for _, role := range roles {
			if err := take(ctx, conn, role); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		closeConn(ctx, conn)
		return nil, fmt.Errorf("taking the lock of the role: %w", err)
	}
	return &lock{conn}, nil
}

// take takes the lock of one role.
func take(ctx context.Context, conn *pgconn.PgConn, role string) error {
	taken, err := postgres.QueryColumn(ctx, conn, lockSQL, role)
	if err != nil || taken[0] == "t" {
		return err
	}
	locked := &databasepassword.LockedError{Role: role}
	rows, err := postgres.QueryRows(ctx, conn, holderSQL, role)
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		locked.Process, locked.From, locked.Since = rows[0][0], rows[0][1], rows[0][2]
	}
	return locked
}

// Release implements databasepassword.Lock. The server takes a moment to notice that a connection has ended, and the
// next run would find the lock taken, so the transaction is ended first.
func (l *lock) Release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	_, _ = l.conn.Exec(ctx, "rollback").ReadAll() // where it fails, the end of the connection does the same
	closeConn(ctx, l.conn)
}
