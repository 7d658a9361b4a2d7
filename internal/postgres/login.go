package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgconn"
)

// Dial makes a connection of its own, that no pool keeps and nothing else uses. Whoever asks whether a password is
// accepted needs one, because a connection that is kept says nothing of it. Close it. The error is a *ConnectError.
func (db *DB) Dial(ctx context.Context) (*pgconn.PgConn, error) {
	conn, err := pgconn.ConnectConfig(ctx, db.config)
	if err != nil {
		return nil, db.connectError(ctx, err)
	}
	return conn, nil
}

// IsPooled reports whether a pool stands between a connection and its server. It gives the connection OwnPath.
func IsPooled(ctx context.Context, conn *pgconn.PgConn) (bool, error) {
	path, err := leavePath(ctx, conn)
	return err == nil && !path.direct, err
}
