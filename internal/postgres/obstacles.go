package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
)

// Obstacles implements migrate.Store.
func (s *Store) Obstacles(ctx context.Context, tables []migrate.Table) ([]migrate.Obstacle, error) {
	var found []migrate.Obstacle
	err := s.with(ctx, func(conn *pgconn.PgConn) error {
		readOnly, err := serverObstacles(ctx, conn)
		if err != nil {
			return fmt.Errorf("asking whether the database can be written: %w", err)
		}
		found = readOnly
		for _, table := range tables {
			some, err := tableObstacles(ctx, conn, table)
			if err != nil {
				return fmt.Errorf("asking for the rights on %s: %w", table, err)
			}
			found = append(found, some...)
		}
		if len(readOnly) > 0 {
			return nil
		}
		some, err := ledgerObstacles(ctx, conn)
		found = append(found, some...)
		return err
	})
	return found, err
}

func serverObstacles(ctx context.Context, conn *pgconn.PgConn) ([]migrate.Obstacle, error) {
	rows, err := rowsOf(ctx, conn, "select pg_is_in_recovery(), current_setting('transaction_read_only')")
	if err != nil {
		return nil, err
	}
	switch {
	case rows[0][0] == "t":
		return []migrate.Obstacle{{Code: migrate.CodeStandby, Where: "database", Message: "this server is a read-only standby",
			Fix: "point DATABASE_URL at the primary"}}, nil
	case rows[0][1] == "on":
		return []migrate.Obstacle{{Code: "read_only", Where: "database", Message: "the database or this account is set read-only",
			Fix: "see default_transaction_read_only of the database and of the role"}}, nil
	}
	return nil, nil
}

func tableObstacles(ctx context.Context, conn *pgconn.PgConn, table migrate.Table) ([]migrate.Obstacle, error) {
	path := quoted(table.Schema, table.Name)
	var found []migrate.Obstacle
	ask := func(column, right, code string) error {
		rows, err := rowsOf(ctx, conn, "select has_column_privilege($1, $2, $3), current_user", path, column, right)
		if err == nil && rows[0][0] != "t" {
			found = append(found, migrate.Obstacle{Code: code, Where: table.String() + "." + column,
				Message: fmt.Sprintf("the account %s may not %s it", rows[0][1], right),
				Fix:     fmt.Sprintf("GRANT %s ON %s TO %s", right, path, quoted(rows[0][1]))})
		}
		return err
	}
	if err := ask(table.Key, "SELECT", "missing_select"); err != nil {
		return nil, err
	}
	for _, column := range table.Columns {
		if err := ask(column.Name, "SELECT", "missing_select"); err != nil {
			return nil, err
		}
		if err := ask(column.Name, "UPDATE", "missing_update"); err != nil {
			return nil, err
		}
	}
	rows, err := rowsOf(ctx, conn, "select row_security_active($1::regclass)", path)
	if err == nil && rows[0][0] == "t" {
		found = append(found, migrate.Obstacle{Code: "row_security", Where: table.String(),
			Message: "row-level security may hide rows from this account",
			Fix:     "use the owner of the table or a role with BYPASSRLS"})
	}
	return found, err
}

// ledgerObstacles asks for the rights on the two tables that a run records
// itself in, or to make them.
func ledgerObstacles(ctx context.Context, conn *pgconn.PgConn) ([]migrate.Obstacle, error) {
	var found []migrate.Obstacle
	for _, name := range []string{"encryption_keys", "encryption_migrations"} {
		rows, err := rowsOf(ctx, conn, `select to_regclass($1) is not null,
			coalesce(has_schema_privilege(current_schema(), 'CREATE'), false), current_user,
			coalesce(has_table_privilege(to_regclass($1), 'SELECT') and has_table_privilege(to_regclass($1), 'INSERT')
			and has_table_privilege(to_regclass($1), 'UPDATE'), false)`, name)
		if err != nil {
			return nil, fmt.Errorf("asking for the rights on %s: %w", name, err)
		}
		there, create, who, write := rows[0][0] == "t", rows[0][1] == "t", rows[0][2], rows[0][3] == "t"
		switch {
		case there && !write:
			found = append(found, migrate.Obstacle{Code: "missing_ledger_rights", Where: name,
				Message: fmt.Sprintf("the account %s may not record the run there", who),
				Fix:     fmt.Sprintf("GRANT SELECT, INSERT, UPDATE ON %s TO %s", name, quoted(who))})
		case !there && !create:
			found = append(found, migrate.Obstacle{Code: "missing_ledger", Where: name,
				Message: fmt.Sprintf("the table is not there and the account %s may not make it", who),
				Fix:     fmt.Sprintf("GRANT CREATE ON the schema TO %s, or make the table with OCMT's security migration", quoted(who))})
		}
	}
	return found, nil
}
