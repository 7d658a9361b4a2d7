package pgmigrate

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// ReadRow implements migrate.RowReader. A text that cannot be a key of the table is the key of
// no row.
func (s *Store) ReadRow(ctx context.Context, table migrate.Table, key string) (row migrate.Row, there bool, err error) {
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		sql := fmt.Sprintf("select %s from %s t where %s", keyAndValues(table),
			postgres.Quote(table.Schema, table.Name), compareKey(table, "=", "$1"))
		result := postgres.ExecOnOwnPath(ctx, conn, sql, [][]byte{[]byte(key)}, binaryForm)
		var answer *pgconn.PgError
		if errors.As(result.Err, &answer) && answer.Code[:2] == "22" {
			return nil
		}
		if result.Err != nil || len(result.Rows) == 0 {
			return explainError(result.Err)
		}
		there = true
		row, err = rowOf(table, result.Rows[0])
		return err
	})
	if err != nil {
		return row, false, fmt.Errorf("reading a row of %s: %w", table, err)
	}
	return row, there, nil
}

// FindKeys implements migrate.RowReader. It reads the whole table.
func (s *Store) FindKeys(ctx context.Context, table migrate.Table, digits string) (keys []string, err error) {
	key := "t." + postgres.Quote(table.Key) + "::text"
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		keys, err = postgres.QueryColumn(ctx, conn, fmt.Sprintf("select %s from %s t where starts_with(encode(sha256(convert_to(%[1]s, 'UTF8')), 'hex'), $1) limit 2",
			key, postgres.Quote(table.Schema, table.Name)), digits)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("looking for a row of %s by the digest of its key: %w", table, err)
	}
	return keys, nil
}
