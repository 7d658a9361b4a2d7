package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
)

// binaryForm asks for all columns of a result in their binary form, which for
// text is the text itself.
var binaryForm = []int16{1}

// Scan implements migrate.Reader.
func (s *Session) Scan(ctx context.Context, table migrate.Table, scope migrate.Scope, visit func(migrate.Row) error) error {
	from, where := quoted(table.Schema, table.Name), anyValue(table)
	if scope.PendingFor != nil {
		where = pending(table, *scope.PendingFor)
	}
	var params [][]byte
	if pages := scope.Pages; pages != nil {
		where = "t.ctid >= $1::tid and (" + where + ")"
		params = [][]byte{pageStart(pages.From)}
		if pages.To < migrate.EndOfHeap {
			where = "t.ctid < $2::tid and " + where
			params = append(params, pageStart(pages.To))
		}
	}
	sql := "select " + keyAndValues(table) + " from " + from + " t where " + where
	// Ending the context is what stops a long result half-way.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := s.beginRead(ctx); err != nil {
		return fmt.Errorf("reading %s: %w", table, plain(err))
	}
	rows := s.conn.ExecParams(ctx, sql, params, nil, binaryForm, binaryForm)
	for rows.NextRow() {
		values := rows.Values()
		if err := visit(migrate.Row{Key: values[0], Values: values[1:]}); err != nil {
			cancel()
			_, _ = rows.Close()
			return err
		}
	}
	_, err := rows.Close()
	if ended := s.endRead(ctx); err == nil {
		err = ended
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", table, plain(err))
	}
	return nil
}

// ReadPages implements migrate.Session. After an error of visit the rest of the
// range is read and dropped, so that the connection can go on.
func (s *Session) ReadPages(ctx context.Context, table migrate.Table, pages migrate.PageRange, pendingFor int, visit func(migrate.Row) error) error {
	from, compare := pageStart(pages.From), ">="
	if pages.After != nil {
		from, compare = pages.After, ">"
	}
	sql := "select t.ctid, " + keyAndValues(table) + " from only " + quoted(pages.Leaf.Schema, pages.Leaf.Name) +
		" t where t.ctid " + compare + " $1::tid and t.ctid < $2::tid and (" + pending(table, pendingFor) + ") limit $3::bigint"
	params := [][]byte{from, pageStart(pages.To), binary.BigEndian.AppendUint64(nil, uint64(pages.Limit))} //nolint:gosec // not negative
	rows, err := s.query(ctx, sql, params)
	if err != nil {
		return fmt.Errorf("reading %s: %w", table, plain(err))
	}
	return s.visitAll(ctx, table, rows, func(values [][]byte) error {
		return visit(migrate.Row{Page: pageOf(values[0]), Place: values[0], Key: values[1], Values: values[2:]})
	})
}

// visitAll visits the rows of a short statement and ends its transaction. After an
// error of visit the rest is read and dropped, so that the connection can go on.
func (s *Session) visitAll(ctx context.Context, table migrate.Table, rows *pgconn.ResultReader, visit func(values [][]byte) error) error {
	var failed error
	for rows.NextRow() {
		if failed == nil {
			failed = visit(rows.Values())
		}
	}
	_, err := rows.Close()
	if ended := s.endRead(ctx); err == nil {
		err = ended
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", table, plain(err))
	}
	return failed
}

// query begins a transaction to read in where there must be one, and the statement
// in it: prepared where that lasts.
func (s *Session) query(ctx context.Context, sql string, params [][]byte) (*pgconn.ResultReader, error) {
	if err := s.beginRead(ctx); err != nil {
		return nil, err
	}
	if !s.direct {
		return s.conn.ExecParams(ctx, sql, params, nil, binaryForm, binaryForm), nil
	}
	if err := s.tune(ctx); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx, sql); err != nil {
		return nil, err
	}
	return s.conn.ExecPrepared(ctx, s.prepared[sql], params, binaryForm, binaryForm), nil
}

// pageStart is the place before the first row of a page, in the binary form of a
// tid: the page in four bytes and the number of the row there in two.
func pageStart(page int64) []byte {
	place := binary.BigEndian.AppendUint32(nil, uint32(min(page, migrate.EndOfHeap))) //nolint:gosec // bounded
	return append(place, 0, 0)
}

func pageOf(place []byte) int64 { return int64(binary.BigEndian.Uint32(place)) }

func keyAndValues(table migrate.Table) string {
	var b strings.Builder
	b.WriteString("t." + quoted(table.Key))
	if !table.KeyIsUUID {
		b.WriteString("::text")
	}
	for _, column := range table.Columns {
		b.WriteString(", t." + quoted(column.Name) + "::text")
	}
	return b.String()
}

func anyValue(table migrate.Table) string {
	terms := make([]string, len(table.Columns))
	for i, column := range table.Columns {
		terms[i] = "t." + quoted(column.Name) + " is not null"
	}
	return strings.Join(terms, " or ")
}

// pending is true for rows with a value that does not carry the version's
// label. NULL is like nothing and so never pending.
func pending(table migrate.Table, version int) string {
	terms := make([]string, len(table.Columns))
	for i, column := range table.Columns {
		terms[i] = "not starts_with(t." + quoted(column.Name) + `::text collate "C", 'v` + strconv.Itoa(version) + ":')"
	}
	return strings.Join(terms, " or ")
}
