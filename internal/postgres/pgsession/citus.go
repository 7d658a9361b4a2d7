package pgsession

import (
	"context"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/postgres"
)

// isSpread reports whether a Citus cluster keeps the rows of a table on its nodes. They are ended in one
// statement then: the coordinator has no pages of theirs.
func (s *Store) isSpread(ctx context.Context, conn *pgconn.PgConn, l layout) (bool, error) {
	citus, err := s.db.IsCitus(ctx, conn)
	if err != nil || !citus {
		return false, err
	}
	rows, err := postgres.QueryRows(ctx, conn, "select exists (select from pg_catalog.pg_dist_partition where logicalrelid = $1::regclass)", l.path())
	if err != nil {
		return false, err
	}
	return rows[0][0] == "t", nil
}

// at returns an expression for a moment that a column is compared with. Citus updates no rows by a comparison
// that depends on the time zone of the session, as that of a timestamp without one is. So the moment is
// brought to the type of the column, with the same result.
func (l layout) at(column, moment string) string {
	if !l.spread {
		return moment
	}
	return "(" + moment + ")::" + l.columns[column]
}
