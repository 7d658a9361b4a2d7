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

// checkPath adds the tables of an entry that stand in a schema which the search path names and the account may not use:
// nothing else would tell them from tables that are not there. Whether a run may write to them is asked once they are seen.
func checkPath(ctx context.Context, conn *pgconn.PgConn, entry ocmt.Table, closed *finding.Reason) error {
	columns := make([]string, len(entry.Columns))
	for i, column := range entry.Columns {
		columns[i] = column.Name
	}
	tables, err := postgres.ClosedTables(ctx, conn, []string{entry.Name, entry.OldName}, columns)
	for _, table := range tables {
		table.MayWrite = true
		addClosed(closed, table)
	}
	return err
}

// addClosed adds the rights that a table in a closed schema needs.
func addClosed(closed *finding.Reason, table postgres.ClosedTable) {
	missing := table.ReadRights()
	if !table.MayWrite {
		missing = append(missing, postgres.TableRight("update", table.Schema, table.Name, table.Account))
	}
	closed.Text = fmt.Sprintf("the account %s may not use schema %s", table.Account, table.Schema)
	for _, right := range missing {
		if !slices.Contains(closed.Missing, right) {
			closed.Missing = append(closed.Missing, right)
		}
	}
}

// checkSchemas returns a *migrate.ClosedError where the account may not enter the schema of a table that the deployment
// names, or of one of OCMT's own: PostgreSQL would refuse to look for it, or pass over it. A table in it needs rights of
// its own, which the error has too.
func checkSchemas(ctx context.Context, conn *pgconn.PgConn, catalogue []ocmt.Table) error {
	var closed finding.Reason
	for _, entry := range catalogue {
		if entry.Schema == "" {
			if err := checkPath(ctx, conn, entry, &closed); err != nil {
				return err
			}
			continue
		}
		rows, err := postgres.QueryRows(ctx, conn, `select current_user, coalesce(c.relname, ''), coalesce(has_table_privilege(c.oid, 'SELECT'), true),
			coalesce(has_table_privilege(c.oid, 'UPDATE'), true) from pg_namespace n left join pg_class c on c.relnamespace = n.oid and c.relname = any ($2::text[])
			where n.nspname = $1 and not has_schema_privilege(n.oid, 'USAGE')`, entry.Schema, postgres.TextArray([]string{entry.Name, entry.OldName}))
		if err != nil {
			return fmt.Errorf("asking for the rights on schema %s: %w", entry.Schema, err)
		}
		for _, row := range rows {
			addClosed(&closed, postgres.ClosedTable{Schema: entry.Schema, Name: row[1], Account: row[0], MayRead: row[2] == "t", MayWrite: row[3] == "t"})
		}
	}
	if closed.IsSet() {
		return &migrate.ClosedError{Reason: closed}
	}
	return nil
}
