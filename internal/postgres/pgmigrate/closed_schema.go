package pgmigrate

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/internal/postgres"
)

// checkSchemas returns a *migrate.ClosedError where the account may not enter the schema of a table that the deployment
// names: PostgreSQL would refuse to look for it. A table in it needs rights of its own, which the error has too.
func checkSchemas(ctx context.Context, conn *pgconn.PgConn, catalogue []ocmt.Table) error {
	var closed finding.Reason
	for _, entry := range catalogue {
		if entry.Schema == "" {
			continue
		}
		rows, err := postgres.QueryRows(ctx, conn, `select current_user, coalesce(c.relname, ''), coalesce(has_table_privilege(c.oid, 'SELECT'), true),
			coalesce(has_table_privilege(c.oid, 'UPDATE'), true) from pg_namespace n left join pg_class c on c.relnamespace = n.oid and c.relname = any ($2::text[])
			where n.nspname = $1 and not has_schema_privilege(n.oid, 'USAGE')`, entry.Schema, postgres.TextArray([]string{entry.Name, entry.OldName}))
		if err != nil {
			return fmt.Errorf("asking for the rights on schema %s: %w", entry.Schema, err)
		}
		for _, row := range rows {
			missing := []finding.Right{postgres.SchemaRight("usage", entry.Schema, row[0])}
			if row[2] != "t" {
				missing = append(missing, postgres.TableRight("select", entry.Schema, row[1], row[0]))
			}
			if row[3] != "t" {
				missing = append(missing, postgres.TableRight("update", entry.Schema, row[1], row[0]))
			}
			closed.Text = fmt.Sprintf("the account %s may not use schema %s", row[0], entry.Schema)
			for _, right := range missing {
				if !slices.Contains(closed.Missing, right) {
					closed.Missing = append(closed.Missing, right)
				}
			}
		}
	}
	if closed.IsSet() {
		return &migrate.ClosedError{Reason: closed}
	}
	return nil
}
