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

// statement is one of a transaction's, with its parameters in binary form.
type statement struct {
	sql    string
	params [][]byte
}

// Write implements migrate.Writer. Rows that another transaction holds, or that
// the server asks to try again, are left and count as not written.
func (s *Session) Write(ctx context.Context, table migrate.Table, pages *migrate.PageRange, changes []migrate.Change) (int64, error) {
	var work []statement
	if pages == nil {
		work = []statement{{updateByKey(table), s.params(table, false, changes)}}
	} else {
		work = []statement{
			{prune(pages.Leaf), [][]byte{pageStart(pages.From), pageStart(pages.To)}},
			{updateByPlace(table, pages.Leaf), s.params(table, true, changes)},
		}
	}
	batch, err := s.transaction(ctx, work)
	if err != nil {
		return 0, fmt.Errorf("writing %s: %w", table, err)
	}
	results, err := s.conn.ExecBatch(ctx, batch).ReadAll()
	if err == nil {
		return results[len(results)-1].CommandTag.RowsAffected(), nil
	}
	if tryLater(err) {
		return 0, nil
	}
	return 0, fmt.Errorf("writing %s: %w", table, err)
}

// transaction puts statements into one batch, which is one transaction and one
// trip to the server. Behind a pool nothing outlives a transaction, so each
// brings its settings along.
func (s *Session) transaction(ctx context.Context, work []statement) (*pgconn.Batch, error) {
	batch := &pgconn.Batch{}
	if !s.direct {
		batch.ExecParams(s.store.settings(true), nil, nil, nil, nil)
		for _, one := range work {
			batch.ExecParams(one.sql, one.params, nil, binaryForm, nil)
		}
		return batch, nil
	}
	if err := s.tune(ctx); err != nil {
		return nil, err
	}
	for _, one := range work {
		name, err := s.prepare(ctx, one.sql)
		if err != nil {
			return nil, err
		}
		batch.ExecPrepared(name, one.params, binaryForm, nil)
	}
	return batch, nil
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

// prune scans a page range for nothing but the scan's effect: it removes from
// each page the versions that earlier writes left dead, so that the next ones
// find room on the same page. Fetching rows by their places does not do that.
func prune(leaf migrate.Leaf) string {
	return "select count(*) from only " + quoted(leaf.Schema, leaf.Name) + " t where t.ctid >= $1::tid and t.ctid < $2::tid"
}

func updateByPlace(table migrate.Table, leaf migrate.Leaf) string {
	return updateFrom(table, "only "+quoted(leaf.Schema, leaf.Name), true) + " where t.ctid = u.place and " + unchanged(table)
}

func updateByKey(table migrate.Table) string {
	return updateFrom(table, quoted(table.Schema, table.Name), false) + " where " + unchanged(table)
}

// updateFrom sets each column to its new value, or to itself where that is NULL.
func updateFrom(table migrate.Table, target string, places bool) string {
	var sets, arrays, names []string
	array := func(name, of string) {
		arrays = append(arrays, fmt.Sprintf("$%d::%s[]", len(arrays)+1, of))
		names = append(names, name)
	}
	if places {
		array("place", "tid")
	}
	if table.KeyIsUUID {
		array("key", "uuid")
	} else {
		array("key", "text")
	}
	for i, column := range table.Columns {
		name := quoted(column.Name)
		sets = append(sets, fmt.Sprintf("%s = coalesce(u.new%d, t.%s)", name, i, name))
		array("old"+strconv.Itoa(i), "text")
		array("new"+strconv.Itoa(i), "text")
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
