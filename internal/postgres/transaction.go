package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgconn"
)

// Isolation is the isolation level of every transaction here, whatever the account's
// default is. A write proves what it replaces by comparing, and under serializable a
// transaction that only reads could be ended because of what others write.
const Isolation = "isolation level read committed"

// InTransaction does work in a transaction, which it rolls back where the work fails.
func InTransaction(ctx context.Context, conn *pgconn.PgConn, work func() error) error {
	if _, err := conn.Exec(ctx, "begin "+Isolation).ReadAll(); err != nil {
		return ExplainError(err)
	}
	if err := work(); err != nil {
		_, _ = conn.Exec(context.WithoutCancel(ctx), "rollback").ReadAll()
		return err
	}
	_, err := conn.Exec(ctx, "commit").ReadAll()
	return ExplainError(err)
}
