package pgusertoken

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/usertoken"
)

// refuseSpread refuses a table whose rows a Citus cluster keeps on its nodes. They cannot be written from a
// temporary table of the coordinator, and the text of any other statement has the tokens in it, which then
// stand in the logs of the nodes.
func (s *Store) refuseSpread(ctx context.Context, conn *pgconn.PgConn, l layout) error {
	citus, err := s.db.IsCitus(ctx, conn)
	if err != nil || !citus {
		return err
	}
	rows, err := postgres.QueryRows(ctx, conn, "select exists (select from pg_catalog.pg_dist_partition where logicalrelid = $1::regclass)", l.path())
	if err != nil || rows[0][0] != "t" {
		return err
	}
	return &usertoken.BarredError{Reason: fmt.Sprintf("the table %s.%s lies on the nodes of a Citus cluster, and new tokens would stand in the text of the statements that are sent to them", l.schema, l.name),
		Fix: "renew the tokens of users with OCMT's own servers, whose statements the nodes get already"}
}
