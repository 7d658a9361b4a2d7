package pgmigrate

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// CheckAccess implements migrate.Describer.
func (s *Store) CheckAccess(ctx context.Context, tables []migrate.Table) ([]finding.Finding, error) {
	var found []finding.Finding
	err := s.db.With(ctx, func(conn *pgconn.PgConn) (err error) {
		if found, err = checkServer(ctx, conn); err != nil {
			return fmt.Errorf("asking whether the database can be written: %w", err)
		}
		worker, err := s.checkCoordinator(ctx, conn)
		if err != nil {
			return err
		}
		found = append(found, worker...)
		for _, table := range tables {
			more, err := checkTable(ctx, conn, table)
			if err != nil {
				return fmt.Errorf("asking for the rights on %s: %w", table, err)
			}
			found = append(found, more...)
		}
		return nil
	})
	return found, err
}

// checkServer finds a server or a database that takes no writes.
func checkServer(ctx context.Context, conn *pgconn.PgConn) ([]finding.Finding, error) {
	rows, err := postgres.QueryRows(ctx, conn, "select pg_is_in_recovery(), current_setting('transaction_read_only')")
	if err != nil {
		return nil, err
	}
	switch {
	case rows[0][0] == "t":
		return []finding.Finding{{Code: finding.Standby, Severity: finding.Error, Where: "database", Message: "this server is a read-only standby",
			Fix: "point DATABASE_URL at the primary"}}, nil
	case rows[0][1] == "on":
		return []finding.Finding{{Code: finding.ReadOnly, Severity: finding.Error, Where: "database", Message: "the database or this account is set read-only",
			Fix: "see default_transaction_read_only of the database and of the role"}}, nil
	}
	return nil, nil
}

// checkTable finds missing rights on a table, row-level security, and code of others that it could run.
func checkTable(ctx context.Context, conn *pgconn.PgConn, table migrate.Table) ([]finding.Finding, error) {
	path := postgres.Quote(table.Schema, table.Name)
	var found []finding.Finding
	ask := func(column, right string, code finding.Code) error {
		rows, err := postgres.QueryRows(ctx, conn, "select has_column_privilege($1, $2, $3), current_user, has_any_column_privilege($1, $3)", path, column, right)
		if err == nil && rows[0][0] != "t" {
			missing := postgres.TableRight(right, table.Schema, table.Name, rows[0][1])
			if right == "update" && rows[0][2] == "t" { // who gave rights on columns alone goes on so
				missing = postgres.ColumnRight(right, table.Schema, table.Name, column, rows[0][1])
			}
			found = append(found, finding.Finding{Code: code, Severity: finding.Error, Where: table.String() + "." + column,
				Message: fmt.Sprintf("the account %s may not %s it", rows[0][1], right), Fix: postgres.Grant(missing), Rights: []finding.Right{missing}})
		}
		return err
	}
	if err := ask(table.Key, "select", finding.MissingSelect); err != nil {
		return nil, err
	}
	for _, column := range table.Columns {
		if err := ask(column.Name, "select", finding.MissingSelect); err != nil {
			return nil, err
		}
		if err := ask(column.Name, "update", finding.MissingUpdate); err != nil {
			return nil, err
		}
	}
	rows, err := postgres.QueryRows(ctx, conn, "select row_security_active(r), r::oid from (select $1::regclass) as one(r)", path)
	if err == nil && rows[0][0] == "t" {
		found = append(found, finding.Finding{Code: finding.RowSecurity, Severity: finding.Error, Where: table.String(),
			Message: "row-level security may hide rows from this account",
			Fix:     "use the owner of the table or a role with BYPASSRLS"})
	}
	if err != nil {
		return found, err
	}
	foreign, err := postgres.FindForeignCode(ctx, conn, postgres.Writing, rows[0][1])
	for _, code := range foreign {
		found = append(found, finding.Finding{Code: finding.ForeignCode, Severity: finding.Error, Where: table.String(), Message: code.Reason(), Fix: code.Way})
	}
	return found, err
}
