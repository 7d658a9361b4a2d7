package pgmigrate

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// ReadKeys implements migrate.Conn. After an error of visit the rest is read and dropped, so
// that the connection can be used further.
func (c *Conn) ReadKeys(ctx context.Context, table migrate.Table, after []byte, limit, pendingFor int, visit func(migrate.Row) error) error {
	params := [][]byte{binary.BigEndian.AppendUint64(nil, uint64(limit))} //nolint:gosec // not negative
	if after != nil {
		params = append(params, after)
	}
	rows, err := c.queryInOrder(ctx, nextKeysSQL(table, after != nil, pendingFor), params)
	if err != nil {
		return fmt.Errorf("reading %s: %w", table, explainError(err))
	}
	return c.visitAll(ctx, table, rows, func(values [][]byte) error {
		return visit(migrate.Row{Key: values[0], Values: values[1:]}) // a large row has no values
	})
}

// nextKeysSQL limits the rows that are looked at, and not the pending ones, so that a statement
// is short also where all of its rows are done already.
//
// The key is compared and ordered in the type and the collation of its column: the parameter is
// cast to that type and has no collation of its own.
func nextKeysSQL(table migrate.Table, more bool, pendingFor int) string {
	key, where := "t."+postgres.Quote(table.Key), ""
	if more {
		as := "$2::text"
		if table.KeyIsUUID {
			as = "$2::uuid"
		}
		where = "where " + compareKey(table, ">", as) + " "
	}
	names, values := []string{key}, []string{"t." + postgres.Quote(table.Key)}
	if !table.KeyIsUUID {
		values[0] += "::text"
	}
	for _, column := range table.Columns {
		names = append(names, "t."+postgres.Quote(column.Name))
		values = append(values, "case when t.ocmt_pending then t."+postgres.Quote(column.Name)+"::text end")
	}
	pending := isPending(table, pendingFor)
	if limit := sizeLimit(table, migrate.SmallRows); limit != "" {
		pending = limit + " and (" + pending + ")"
	}
	return fmt.Sprintf("select %s from (select %s, (%s) as ocmt_pending from %s t %sorder by %s limit $1::bigint) t",
		strings.Join(values, ", "), strings.Join(names, ", "), pending, postgres.Quote(table.Schema, table.Name), where, key)
}

// queryInOrder sends a statement whose plan must read an index in its order. Behind a pool its
// settings go into its transaction.
func (c *Conn) queryInOrder(ctx context.Context, sql string, params [][]byte) (*pgconn.ResultReader, error) {
	if c.IsDirect() {
		return c.query(ctx, sql, params)
	}
	if err := c.BeginRead(ctx); err != nil {
		return nil, err
	}
	if _, err := c.PgConn().Exec(ctx, c.WriteSettings(true)).ReadAll(); err != nil {
		return nil, errors.Join(err, c.EndRead(ctx))
	}
	return c.PgConn().ExecParams(ctx, sql, params, nil, binaryForm, binaryForm), nil
}
