package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
)

// ReadKeys implements migrate.Session. After an error of visit the rest is read
// and dropped, so that the connection can go on.
func (s *Session) ReadKeys(ctx context.Context, table migrate.Table, after []byte, limit, pendingFor int, visit func(migrate.Row) error) error {
	params := [][]byte{binary.BigEndian.AppendUint64(nil, uint64(limit))} //nolint:gosec // not negative
	if after != nil {
		params = append(params, after)
	}
	rows, err := s.queryInOrder(ctx, nextByKey(table, after != nil, pendingFor), params)
	if err != nil {
		return fmt.Errorf("reading %s: %w", table, plain(err))
	}
	return s.visitAll(ctx, table, rows, func(values [][]byte) error {
		return visit(migrate.Row{Key: values[0], Values: values[1:]})
	})
}

// nextByKey bounds the rows that are looked at and not those that are found, so
// that a statement is short where all that it meets is done already.
//
// The key is compared and ordered in the type and the collation of its column:
// the parameter is made one of that type and has no collation of its own.
func nextByKey(table migrate.Table, more bool, pendingFor int) string {
	key, where := "t."+quoted(table.Key), ""
	if more {
		as := "$2::text"
		if table.KeyIsUUID {
			as = "$2::uuid"
		}
		where = fmt.Sprintf("where %s > %s::%s ", key, as, table.KeyType)
	}
	names, values := []string{key}, []string{"t." + quoted(table.Key)}
	if !table.KeyIsUUID {
		values[0] += "::text"
	}
	for _, column := range table.Columns {
		names = append(names, "t."+quoted(column.Name))
		values = append(values, "case when t.ocmt_pending then t."+quoted(column.Name)+"::text end")
	}
	return fmt.Sprintf("select %s from (select %s, (%s) as ocmt_pending from %s t %sorder by %s limit $1::bigint) t",
		strings.Join(values, ", "), strings.Join(names, ", "), pending(table, pendingFor), quoted(table.Schema, table.Name), where, key)
}

// queryInOrder begins a statement whose plan must read an index in its order.
// Behind a pool its settings go into its transaction.
func (s *Session) queryInOrder(ctx context.Context, sql string, params [][]byte) (*pgconn.ResultReader, error) {
	if s.direct {
		return s.query(ctx, sql, params)
	}
	if err := s.beginRead(ctx); err != nil {
		return nil, err
	}
	if _, err := s.conn.Exec(ctx, s.store.settings(true)).ReadAll(); err != nil {
		return nil, errors.Join(err, s.endRead(ctx))
	}
	return s.conn.ExecParams(ctx, sql, params, nil, binaryForm, binaryForm), nil
}
