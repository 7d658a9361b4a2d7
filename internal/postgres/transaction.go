package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// Isolation is the isolation level of every transaction here, whatever the account's
// default is. A write proves what it replaces by comparing, and under serializable a
// transaction that only reads could be ended because of what others write.
const Isolation = "isolation level read committed"

// errTakenBack ends a transaction that was only to try something.
var errTakenBack = errors.New("taken back")

// TakeBack does work in a transaction and takes it back. The error is that of the work.
func TakeBack(ctx context.Context, conn *pgconn.PgConn, work func() error) error {
	err := InTransaction(ctx, conn, func() error {
		if err := work(); err != nil {
			return err
		}
		return errTakenBack
	})
	if errors.Is(err, errTakenBack) {
		return nil
	}
	return err
}

// InTransaction does work in a transaction, which it rolls back where the work fails.
func InTransaction(ctx context.Context, conn *pgconn.PgConn, work func() error) error {
	return inTransaction(ctx, conn, Isolation, work)
}

// InReadOnlyTransaction does the same with work that only reads: the server refuses whatever would write.
func InReadOnlyTransaction(ctx context.Context, conn *pgconn.PgConn, work func() error) error {
	return inTransaction(ctx, conn, Isolation+" read only", work)
}

func inTransaction(ctx context.Context, conn *pgconn.PgConn, mode string, work func() error) error {
	if _, err := conn.Exec(ctx, beginSQL(conn, mode)).ReadAll(); err != nil {
		return ExplainError(err)
	}
	if err := work(); err != nil {
		_, _ = conn.Exec(context.WithoutCancel(ctx), "rollback").ReadAll()
		return err
	}
	_, err := conn.Exec(ctx, "commit").ReadAll()
	return ExplainError(err)
}
