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
func (s *Session) Write(ctx context.Context, table migrate.Table, parts []migrate.Part) error {
	write := s.writePooled
	switch {
	case table.Triggers:
		write = s.writeChecked
	case s.direct:
		write = s.writeDirect
	}
	if err := write(ctx, table, parts); err != nil {
		return fmt.Errorf("writing %s: %w", table, plain(err))
	}
	return nil
}

// texts are the statements of a part's transaction: first is "" where the update
// stands alone.
func (s *Session) texts(table migrate.Table, part migrate.Part) (first, update string) {
	kind := partKind{table: table.String(), skipLocked: part.SkipLocked}
	if part.Pages != nil {
		kind.leaf = part.Pages.Leaf.Schema + "." + part.Pages.Leaf.Name
	}
	update = s.updates[kind]
	if update == "" {
		update = updateByKey(table, part.SkipLocked)
		if part.Pages != nil {
			update = updateByPlace(table, part.Pages.Leaf)
		}
		if s.updates == nil {
			s.updates = map[partKind]string{}
		}
		s.updates[kind] = update
	}
	if part.Pages != nil && !part.Pruned {
		first = prune(part.Pages.Leaf)
	}
	return first, update
}

// partKind is what decides the text of a part's update.
type partKind struct {
	table, leaf string
	skipLocked  bool
}

// statements are those of one part's transaction with their parameters, which
// are good until the next call.
func (s *Session) statements(table migrate.Table, part migrate.Part) []statement {
	first, update := s.texts(table, part)
	write := statement{update, s.params(table, part.Pages != nil, part.Changes)}
	if first == "" {
		return []statement{write}
	}
	return []statement{{first, [][]byte{pageStart(part.Pages.From), pageStart(part.Pages.To)}}, write}
}

// writePooled makes one trip for each part. Behind a pool nothing outlives a
// transaction, so each brings its settings along.
func (s *Session) writePooled(ctx context.Context, table migrate.Table, parts []migrate.Part) error {
	for i := range parts {
		batch := &pgconn.Batch{}
		batch.ExecParams(s.store.settings(true), nil, nil, nil, nil)
		for _, one := range s.statements(table, parts[i]) {
			batch.ExecParams(one.sql, one.params, nil, binaryForm, nil)
		}
		results, err := s.conn.ExecBatch(ctx, batch).ReadAll()
		var written int64
		if err == nil {
			written = results[len(results)-1].CommandTag.RowsAffected()
		}
		if err := settled(&parts[i], written, err); err != nil {
			return err
		}
	}
	return nil
}

// writeDirect makes one trip for all parts.
func (s *Session) writeDirect(ctx context.Context, table migrate.Table, parts []migrate.Part) error {
	if err := s.tune(ctx); err != nil {
		return err
	}
	switch err := s.prepareAll(ctx, table, parts); {
	case tryLater(err): // the table itself is locked
		blockAll(parts, err)
		return nil
	case err != nil:
		return err
	}
	return s.trip(ctx, table, parts)
}

// prepareAll prepares what the parts need, once each.
func (s *Session) prepareAll(ctx context.Context, table migrate.Table, parts []migrate.Part) error {
	for _, part := range parts {
		first, update := s.texts(table, part)
		for _, sql := range []string{first, update} {
			if sql == "" {
				continue
			}
			if err := s.prepare(ctx, sql); err != nil {
				return err
			}
		}
	}
	return nil
}

func blockAll(parts []migrate.Part, reason error) {
	for i := range parts {
		_ = settled(&parts[i], 0, reason) // it is one that passes
	}
}

// settled notes what became of a part, and returns the error if it is none that
// passes.
func settled(part *migrate.Part, written int64, err error) error {
	part.Written, part.Blocked, part.Conflict = written, tryLater(err), conflicts(err)
	if part.Blocked {
		return nil
	}
	return err
}

// writeChecked writes each part in a transaction that is committed only when the
// rows were seen to hold what was written: a trigger may have made something
// else of it.
func (s *Session) writeChecked(ctx context.Context, table migrate.Table, parts []migrate.Part) error {
	for i := range parts {
		written, err := s.writeOneChecked(ctx, table, parts[i])
		if err := settled(&parts[i], written, err); err != nil {
			return err
		}
	}
	return nil
}

func (s *Session) writeOneChecked(ctx context.Context, table migrate.Table, part migrate.Part) (written int64, err error) {
	err = within(ctx, s.conn, func() error {
		batch := &pgconn.Batch{}
		batch.ExecParams(s.store.settings(true), nil, nil, nil, nil)
		for _, one := range s.statements(table, part) {
			batch.ExecParams(one.sql, one.params, nil, binaryForm, nil)
		}
		results, err := s.conn.ExecBatch(ctx, batch).ReadAll()
		if err != nil {
			return err
		}
		written = results[len(results)-1].CommandTag.RowsAffected()
		check := s.conn.ExecParams(ctx, countWritten(table), s.params(table, false, part.Changes), nil, binaryForm, nil).Read()
		if check.Err != nil {
			return check.Err
		}
		if number(string(check.Rows[0][0])) < written {
			return migrate.ErrChangedOnWrite
		}
		return nil
	})
	if err != nil {
		written = 0
	}
	return written, err
}

// tryLater reports whether nothing was written for a reason that passes: a lock
// that was not to be had, a deadlock, or a serialization failure.
func tryLater(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && kindOf(answer) == InTheWay
}

// conflicts reports whether nothing was written because of a deadlock or a
// serialization failure.
func conflicts(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && (answer.Code == "40P01" || answer.Code == "40001")
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

func updateByKey(table migrate.Table, skipLocked bool) string {
	if !skipLocked {
		return updateFrom(table, quoted(table.Schema, table.Name), false) + " where " + unchanged(table)
	}
	sets, from := assignments(table), changes(table, false)
	return fmt.Sprintf("update %[1]s t set %[2]s from (select u.* from %[3]s join %[1]s t on %[4]s for no key update of t skip locked) u where %[4]s",
		quoted(table.Schema, table.Name), sets, from, unchanged(table))
}

// countWritten counts the rows that hold what was written.
func countWritten(table migrate.Table) string {
	terms := []string{sameKey(table)}
	for i, column := range table.Columns {
		terms = append(terms, fmt.Sprintf(`t.%s::text collate "C" is not distinct from coalesce(u.new%d, u.old%d)`, quoted(column.Name), i, i))
	}
	return fmt.Sprintf("select count(*) from %s join %s t on %s", changes(table, false), quoted(table.Schema, table.Name), strings.Join(terms, " and "))
}

// updateFrom sets each column to its new value, or to itself where that is NULL.
func updateFrom(table migrate.Table, target string, places bool) string {
	return fmt.Sprintf("update %s t set %s from %s", target, assignments(table), changes(table, places))
}

func assignments(table migrate.Table) string {
	sets := make([]string, len(table.Columns))
	for i, column := range table.Columns {
		name := quoted(column.Name)
		sets[i] = fmt.Sprintf("%s = coalesce(u.new%d, t.%s)", name, i, name)
	}
	return strings.Join(sets, ", ")
}

// changes is the parameters as a table u, one row a change.
func changes(table migrate.Table, places bool) string {
	var arrays, names []string
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
	for i := range table.Columns {
		array("old"+strconv.Itoa(i), "text")
		array("new"+strconv.Itoa(i), "text")
	}
	return fmt.Sprintf("unnest(%s) as u(%s)", strings.Join(arrays, ", "), strings.Join(names, ", "))
}

func sameKey(table migrate.Table) string {
	return fmt.Sprintf("t.%s = u.key::%s", quoted(table.Key), table.KeyType)
}

// unchanged is the comparison of compare-and-swap.
func unchanged(table migrate.Table) string {
	terms := []string{sameKey(table)}
	for i, column := range table.Columns {
		terms = append(terms, fmt.Sprintf(`t.%s::text collate "C" is not distinct from u.old%d`, quoted(column.Name), i))
	}
	return strings.Join(terms, " and ")
}
