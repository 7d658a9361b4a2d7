package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
)

// Session is one connection of a worker. It serves one goroutine.
type Session struct {
	conn    *pgconn.PgConn
	prelude string
	arrays  [][]byte // buffers of Write, used again
}

// Close ends the connection.
func (s *Session) Close(ctx context.Context) { _ = s.conn.Close(ctx) }

// Scan implements migrate.Reader.
func (s *Session) Scan(ctx context.Context, table migrate.Table, pendingFor *int, visit func(migrate.Row) error) error {
	where := anyValue(table)
	if pendingFor != nil {
		where = pending(table, *pendingFor)
	}
	sql := "select " + keyAndValues(table) + " from " + quoted(table.Schema, table.Name) + " t where " + where
	// Ending the context is what stops a long result half-way.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rows := s.conn.ExecParams(ctx, sql, nil, nil, nil, nil)
	for rows.NextRow() {
		values := rows.Values()
		if err := visit(migrate.Row{Key: values[0], Values: values[1:]}); err != nil {
			cancel()
			_, _ = rows.Close()
			return err
		}
	}
	if _, err := rows.Close(); err != nil {
		return fmt.Errorf("reading %s: %w", table, err)
	}
	return nil
}

// ReadPages implements migrate.Session. After an error of visit the rest of the
// range is read and dropped, so that the connection can go on.
func (s *Session) ReadPages(ctx context.Context, table migrate.Table, pages migrate.PageRange, pendingFor int, visit func(migrate.Row) error) error {
	from, compare := tid(pages.From), ">="
	if pages.After != nil {
		from, compare = pages.After, ">"
	}
	sql := "select t.ctid, " + keyAndValues(table) + " from only " + quoted(pages.Leaf.Schema, pages.Leaf.Name) +
		" t where t.ctid " + compare + " $1::tid and t.ctid < $2::tid and (" + pending(table, pendingFor) + ")"
	rows := s.conn.ExecParams(ctx, sql, [][]byte{from, tid(pages.To)}, nil, nil, nil)
	var failed error
	for rows.NextRow() {
		if failed != nil {
			continue
		}
		values := rows.Values()
		failed = visit(migrate.Row{Place: values[0], Key: values[1], Values: values[2:]})
	}
	if _, err := rows.Close(); err != nil {
		return fmt.Errorf("reading %s: %w", table, err)
	}
	return failed
}

func tid(page int64) []byte {
	return append(strconv.AppendInt([]byte("("), page, 10), ",0)"...)
}

func keyAndValues(table migrate.Table) string {
	var b strings.Builder
	b.WriteString("t." + quoted(table.Key) + "::text")
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
		terms[i] = fmt.Sprintf(`t.%s::text collate "C" not like 'v%d:%%'`, quoted(column.Name), version)
	}
	return strings.Join(terms, " or ")
}

// Write implements migrate.Writer. Rows that another transaction holds, or that
// the server asks to try again, are left and count as not written.
func (s *Session) Write(ctx context.Context, table migrate.Table, pages *migrate.PageRange, changes []migrate.Change) (int64, error) {
	sql, prelude := updateByKey(table), s.prelude
	if pages != nil {
		sql = updateInPages(table, pages.Leaf)
		// A nested loop would fetch the rows one by one; only a scan of the
		// range prunes its pages.
		prelude += ", set_config('enable_nestloop','off',true), set_config('enable_mergejoin','off',true)"
	}
	params := s.params(table, pages, changes)
	formats := make([]int16, len(params))
	for i := range params {
		formats[i] = 1
	}
	if pages != nil {
		params = append(params, tid(pages.From), tid(pages.To))
		formats = append(formats, 0, 0)
	}
	// One batch is one transaction, with one trip to the server.
	batch := &pgconn.Batch{}
	batch.ExecParams(prelude, nil, nil, nil, nil)
	batch.ExecParams(sql, params, nil, formats, nil)
	results, err := s.conn.ExecBatch(ctx, batch).ReadAll()
	if err == nil {
		return results[1].CommandTag.RowsAffected(), nil
	}
	if tryLater(err) {
		return 0, nil
	}
	return 0, fmt.Errorf("writing %s: %w", table, err)
}

// tryLater reports whether nothing was written for a reason that passes: a lock
// that was not to be had, a deadlock, or a serialization failure.
func tryLater(err error) bool {
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.Code {
	case "55P03", "40P01", "40001":
		return true
	}
	return false
}

func updateInPages(table migrate.Table, leaf migrate.Leaf) string {
	n := 2 + 2*len(table.Columns)
	return fmt.Sprintf("%s where t.ctid >= $%d::tid and t.ctid < $%d::tid and t.ctid = u.place::tid and %s",
		updateFrom(table, "only "+quoted(leaf.Schema, leaf.Name), true), n+1, n+2, unchanged(table))
}

func updateByKey(table migrate.Table) string {
	return updateFrom(table, quoted(table.Schema, table.Name), false) + " where " + unchanged(table)
}

// updateFrom sets each column to its new value, or to itself where that is NULL.
func updateFrom(table migrate.Table, target string, places bool) string {
	var sets, arrays, names []string
	param := 0
	array := func(name string) {
		param++
		arrays = append(arrays, fmt.Sprintf("$%d::text[]", param))
		names = append(names, name)
	}
	if places {
		array("place")
	}
	array("key")
	for i, column := range table.Columns {
		name := quoted(column.Name)
		sets = append(sets, fmt.Sprintf("%s = coalesce(u.new%d, t.%s)", name, i, name))
		array("old" + strconv.Itoa(i))
		array("new" + strconv.Itoa(i))
	}
	return fmt.Sprintf("update %s t set %s from unnest(%s) as u(%s)",
		target, strings.Join(sets, ", "), strings.Join(arrays, ", "), strings.Join(names, ", "))
}

// unchanged is the comparison of compare-and-swap.
func unchanged(table migrate.Table) string {
	terms := []string{fmt.Sprintf("t.%s = u.key::%s", quoted(table.Key), table.KeyType)}
	for i, column := range table.Columns {
		terms = append(terms, fmt.Sprintf(`t.%s::text collate "C" is not distinct from u.old%d`, quoted(column.Name), i))
	}
	return strings.Join(terms, " and ")
}
