package pgmigrate

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// binaryForm asks for all columns of a result in their binary form, which of a text is the
// text itself.
var binaryForm = []int16{1}

// Scan implements migrate.Reader.
func (c *Conn) Scan(ctx context.Context, table migrate.Table, scope migrate.Scope, visit func(migrate.Row) error) error {
	if scope.Pages == nil && table.Spread != nil && table.Spread.Part != "" {
		return c.scanParts(ctx, table, scope, visit)
	}
	from, where := postgres.Quote(table.Schema, table.Name), hasValue(table)
	if scope.PendingFor != nil {
		where = isPending(table, *scope.PendingFor)
	}
	where, params := within(table, scope, where)
	sql := "select " + keyAndValues(table) + " from " + from + " t where " + where
	// Cancelling the context stops a long result in the middle.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := c.BeginRead(ctx); err != nil {
		return fmt.Errorf("reading %s: %w", table, explainError(err))
	}
	rows := c.PgConn().ExecParams(ctx, sql, params, nil, binaryForm, binaryForm)
	for rows.NextRow() {
		values := rows.Values()
		row, err := rowOf(table, values)
		if err == nil {
			err = visit(row)
		}
		if err != nil {
			cancel()
			_, _ = rows.Close()
			return err
		}
	}
	_, err := rows.Close()
	if ended := c.EndRead(ctx); err == nil {
		err = ended
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", table, explainError(err))
	}
	return nil
}

// within adds the bounds of a scope to the condition of a read of a table.
func within(table migrate.Table, scope migrate.Scope, where string) (bounded string, params [][]byte) {
	if pages := scope.Pages; pages != nil {
		where = "t.ctid >= $1::tid and (" + where + ")"
		params = [][]byte{pageStart(pages.From)}
		if pages.To < migrate.EndOfHeap {
			where = "t.ctid < $2::tid and " + where
			params = append(params, pageStart(pages.To))
		}
	}
	if scope.WrittenSince != nil {
		where = postgres.WrittenBy("t.xmin", "<=", *scope.WrittenSince) + " and (" + where + ")"
	}
	if scope.WrittenBefore != nil {
		where = postgres.WrittenBy("t.xmin", ">", *scope.WrittenBefore) + " and (" + where + ")"
	}
	if limit := sizeLimit(table, scope.Size); limit != "" {
		where = limit + " and (" + where + ")"
	}
	return where, params
}

// ReadPages implements migrate.Conn. After an error of visit the rest of the range is read and
// dropped, so that the connection can be used further.
func (c *Conn) ReadPages(ctx context.Context, table migrate.Table, pages migrate.PageRange, pendingFor int, visit func(migrate.Row) error) error {
	from, compare := pageStart(pages.From), ">="
	if pages.After != nil {
		from, compare = pages.After, ">"
	}
	pending := isPending(table, pendingFor)
	if limit := sizeLimit(table, migrate.SmallRows); limit != "" {
		pending = limit + " and (" + pending + ")"
	}
	sql := "select t.ctid, " + keyAndValues(table) + " from only " + postgres.Quote(pages.Leaf.Schema, pages.Leaf.Name) +
		" t where t.ctid " + compare + " $1::tid and t.ctid < $2::tid and (" + pending + ") limit $3::bigint"
	params := [][]byte{from, pageStart(pages.To), binary.BigEndian.AppendUint64(nil, uint64(pages.Limit))} //nolint:gosec // not negative
	rows, err := c.query(ctx, sql, params)
	if err != nil {
		return fmt.Errorf("reading %s: %w", table, explainError(err))
	}
	return c.visitAll(ctx, table, rows, func(values [][]byte) error {
		row, err := rowOf(table, values[1:])
		if err != nil {
			return err
		}
		row.Page, row.TID = pageOf(values[0]), values[0]
		return visit(row)
	})
}

// visitAll visits the rows of a short statement and ends its transaction. After an error of
// visit the rest is read and dropped, so that the connection can be used further.
func (c *Conn) visitAll(ctx context.Context, table migrate.Table, rows *pgconn.ResultReader, visit func(values [][]byte) error) error {
	var failed error
	for rows.NextRow() {
		if failed == nil {
			failed = visit(rows.Values())
		}
	}
	_, err := rows.Close()
	if ended := c.EndRead(ctx); err == nil {
		err = ended
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", table, explainError(err))
	}
	return failed
}

// query sends a statement that reads, in a transaction where one is needed, and prepared where
// prepared statements stay.
func (c *Conn) query(ctx context.Context, sql string, params [][]byte) (*pgconn.ResultReader, error) {
	if err := c.BeginRead(ctx); err != nil {
		return nil, err
	}
	if !c.IsDirect() {
		return c.PgConn().ExecParams(ctx, sql, params, nil, binaryForm, binaryForm), nil
	}
	if err := c.Tune(ctx); err != nil {
		return nil, err
	}
	if err := c.Prepare(ctx, sql); err != nil {
		return nil, err
	}
	return c.PgConn().ExecPrepared(ctx, c.Prepared(sql), params, binaryForm, binaryForm), nil
}

// pageStart returns the TID before the first row of a page in its binary form: the page in four
// bytes, and the number of the row on the page in two.
func pageStart(page int64) []byte {
	tid := binary.BigEndian.AppendUint32(nil, uint32(min(page, migrate.EndOfHeap))) //nolint:gosec // bounded
	return append(tid, 0, 0)
}

// pageOf returns the page of a TID in its binary form.
func pageOf(tid []byte) int64 { return int64(binary.BigEndian.Uint32(tid)) }

func keyAndValues(table migrate.Table) string {
	var b strings.Builder
	b.WriteString("t." + postgres.Quote(table.Key))
	if !table.KeyIsUUID {
		b.WriteString("::text")
	}
	if part := partColumn(table); part != "" {
		b.WriteString(", t." + postgres.Quote(part) + "::text")
	}
	for _, column := range table.Columns {
		value := "t." + postgres.Quote(column.Name) + "::text"
		if table.MostBytes > 0 {
			value = "case when " + rowBytes(table) + " <= " + strconv.FormatInt(table.MostBytes, 10) + " then " + value + " end"
		}
		b.WriteString(", " + value)
	}
	if table.MostBytes > 0 {
		b.WriteString(", case when " + rowBytes(table) + " > " + strconv.FormatInt(table.MostBytes, 10) + " then " + valueSizes(table) + " end")
	}
	return b.String()
}

// hasValue is the condition that a row has any value.
func hasValue(table migrate.Table) string {
	terms := make([]string, len(table.Columns))
	for i, column := range table.Columns {
		terms[i] = "t." + postgres.Quote(column.Name) + " is not null"
	}
	return strings.Join(terms, " or ")
}

// isPending is the condition that a row has a value without the label of the version. NULL is
// never pending, because its comparison is NULL.
func isPending(table migrate.Table, version int) string {
	terms := make([]string, len(table.Columns))
	for i, column := range table.Columns {
		terms[i] = "not starts_with(t." + postgres.Quote(column.Name) + `::text collate "C", 'v` + strconv.Itoa(version) + ":')"
	}
	return strings.Join(terms, " or ")
}
