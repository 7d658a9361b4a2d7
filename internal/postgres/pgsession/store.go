package pgsession

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/pages"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/session"
)

// Store implements session.Database.
type Store struct {
	db *postgres.DB

	mu      sync.Mutex
	layouts map[session.Kind]layout
	byPages bool // the server reads page ranges
}

// New returns the live access of a database.
func New(db *postgres.DB) *Store { return &Store{db: db} }

// Begin implements session.Database.
func (s *Store) Begin(ctx context.Context) (moment session.Moment, err error) {
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		rows, err := postgres.QueryRows(ctx, conn, "select current_database(), now()")
		if err != nil {
			return err
		}
		moment = session.Moment{Database: rows[0][0], Time: rows[0][1]}
		return nil
	})
	return moment, err
}

// Flush implements session.Database.
func (s *Store) Flush(ctx context.Context) error { return s.db.Flush(ctx) }

// Tables implements session.Database.
func (s *Store) Tables(ctx context.Context) (tables []session.Table, err error) {
	layouts := map[session.Kind]layout{}
	byPages := false
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		rows, err := postgres.QueryRows(ctx, conn, "select current_setting('server_version_num')::int >= 140000")
		if err != nil {
			return err
		}
		byPages = rows[0][0] == "t"
		if err := checkTimeZone(ctx, conn); err != nil {
			return err
		}
		for _, f := range forms {
			l, there, err := describe(ctx, conn, f)
			if err != nil {
				return fmt.Errorf("describing %s: %w", f.table, err)
			}
			if !there && f.kind == session.Logins {
				return missing(ctx, conn, f.table)
			}
			if !there {
				continue
			}
			if l.spread, err = s.isSpread(ctx, conn, l); err != nil {
				return fmt.Errorf("describing %s: %w", f.table, err)
			}
			if err := refuseHidden(ctx, conn, l); err != nil {
				return err
			}
			layouts[f.kind] = l
			tables = append(tables, session.Table{Kind: f.kind, Name: l.schema + "." + l.name, NoUsers: l.user() == ""})
		}
		return nil
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.layouts, s.byPages = layouts, byPages
	return tables, err
}

// layoutOf returns a table as Tables has seen it.
func (s *Store) layoutOf(kind session.Kind) (l layout, byPages bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.layouts[kind], s.byPages
}

// MissingColumnError says that a table is not as OCMT makes it, so that its rows cannot be ended.
type MissingColumnError struct{ Table, Column string }

// Error names the column.
func (e *MissingColumnError) Error() string {
	return fmt.Sprintf("the table %s has no column %s, so that its rows cannot be ended", e.Table, e.Column)
}

// describe looks for the table of a form.
func describe(ctx context.Context, conn *pgconn.PgConn, f form) (l layout, there bool, err error) {
	path, err := postgres.TablePath(ctx, conn, f.table)
	if err != nil {
		return l, false, err
	}
	rows, err := postgres.QueryRows(ctx, conn, `select n.nspname, c.relname, a.attname, format_type(a.atttypid, null) from pg_class c
		join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
		where c.oid = to_regclass($1) and c.relkind in ('r', 'p')`, path)
	if err != nil || len(rows) == 0 {
		return l, false, err
	}
	l = layout{form: f, schema: rows[0][0], name: rows[0][1], columns: map[string]string{}}
	for _, row := range rows {
		l.columns[row[2]] = row[3]
	}
	if !l.has(f.ends) {
		return l, true, &MissingColumnError{Table: l.schema + "." + l.name, Column: f.ends}
	}
	return l, true, nil
}

// Heaps implements session.Database.
func (s *Store) Heaps(ctx context.Context, table session.Table) (heaps []pages.Heap, err error) {
	l, byPages := s.layoutOf(table.Kind)
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		heaps, err = heapsOf(ctx, conn, l, byPages)
		return err
	})
	return heaps, err
}

// Early implements session.Database.
func (s *Store) Early(ctx context.Context, table session.Table, moment session.Moment) (ids []string, err error) {
	l, _ := s.layoutOf(table.Kind)
	if !l.has("created_at") || !l.has("id") {
		return nil, nil
	}
	where := " from " + l.path() + " t where " + l.alive() + " and t.created_at > $1::timestamptz"
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		if ids, err = postgres.QueryColumn(ctx, conn, "select t.id::text"+where+" limit "+strconv.Itoa(session.MaxEarly+1), moment.Time); err != nil || len(ids) <= session.MaxEarly {
			return err
		}
		rows, err := postgres.QueryColumn(ctx, conn, "select count(*)"+where, moment.Time)
		if err != nil {
			return err
		}
		return &session.EarlyError{Table: table.Name, Rows: postgres.ParseNumber(rows[0])}
	})
	return ids, err
}

// heapsOf returns the heaps of a table.
func heapsOf(ctx context.Context, conn *pgconn.PgConn, l layout, byPages bool) ([]pages.Heap, error) {
	rows, err := postgres.QueryRows(ctx, conn, `select n.nspname, c.relname, greatest(1, pg_relation_size(c.oid) / current_setting('block_size')::bigint)
		from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and c.oid in (`+postgres.TreeOf("to_regclass($1)::oid")+`) order by 1, 2`, l.path())
	heaps := make([]pages.Heap, len(rows))
	for i, row := range rows {
		heaps[i] = pages.Heap{Schema: row[0], Name: row[1], Pages: postgres.ParseNumber(row[2])}
		if !byPages || l.spread {
			heaps[i].Pages = 1 // one range stands for the whole heap
		}
	}
	return heaps, err
}

// Count implements session.Database.
func (s *Store) Count(ctx context.Context, table session.Table, selection session.Selection, moment session.Moment) (session.Count, error) {
	l, _ := s.layoutOf(table.Kind)
	count := session.Count{Kind: table.Kind, Table: table.Name}
	chosen := l.selected(selection, moment)
	created := "null, null"
	if l.has("created_at") {
		created = "extract(epoch from now() - max(t.created_at)), extract(epoch from now() - min(t.created_at))"
	}
	from := " from " + l.path() + " t where " + chosen.sql()
	err := s.db.With(ctx, func(conn *pgconn.PgConn) error {
		rows, err := postgres.QueryRows(ctx, conn, "select count(*), "+created+from, chosen.params...)
		if err != nil {
			return err
		}
		count.Selected, count.Youngest, count.Oldest = postgres.ParseNumber(rows[0][0]), ageOf(rows[0][1]), ageOf(rows[0][2])
		if l.user() == "" || count.Selected == 0 {
			return nil
		}
		// A statement of its own, and a group rather than count(distinct), which sorts, of the column
		// rather than its text: each transaction is short.
		rows, err = postgres.QueryRows(ctx, conn, "select count(u) from (select "+strings.TrimSuffix(l.user(), "::text")+" as u"+from+" group by 1) x", chosen.params...)
		if err == nil {
			count.Users = postgres.ParseNumber(rows[0][0])
		}
		return err
	})
	return count, err
}

// Owners implements session.Database.
func (s *Store) Owners(ctx context.Context, table session.Table, selection session.Selection, moment session.Moment, most int) (owners []string, err error) {
	l, _ := s.layoutOf(table.Kind)
	chosen := l.selected(selection, moment)
	chosen.params = append(chosen.params, strconv.Itoa(most))
	sql := fmt.Sprintf("select coalesce((select e.email from $users e where e.id::text = x.u), x.u) from (select %s as u, count(*) as n from %s t where %s group by 1) x where x.u is not null order by x.n desc, 1 limit $%d::bigint",
		l.user(), l.path(), chosen.sql(), len(chosen.params))
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		owners, err = postgres.QueryColumn(ctx, conn, sql, chosen.params...)
		return err
	})
	return owners, err
}

// Any implements session.Database.
func (s *Store) Any(ctx context.Context, table session.Table, selection session.Selection, moment session.Moment) (bool, error) {
	l, _ := s.layoutOf(table.Kind)
	return s.exists(ctx, l, l.selected(selection, moment))
}

// exists reports whether a table has a row of which a condition is true.
func (s *Store) exists(ctx context.Context, l layout, chosen *predicate) (there bool, err error) {
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		rows, err := postgres.QueryRows(ctx, conn, "select exists (select 1 from "+l.path()+" t where "+chosen.sql()+")", chosen.params...)
		there = err == nil && rows[0][0] == "t"
		return err
	})
	return there, err
}

// ageOf reads seconds, "" for none.
func ageOf(text string) *session.Age {
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil
	}
	age := session.Age(seconds * float64(time.Second))
	return &age
}

// Users implements session.Database.
func (s *Store) Users(ctx context.Context, selection session.Selection, moment session.Moment) (users []string, err error) {
	var sql string
	var chosen *predicate
	if selection.OfSessions() {
		l, err := s.describeLogins(ctx)
		if err != nil {
			return nil, err
		}
		chosen = l.selected(selection, moment)
		sql = "select distinct t.user_id::text from " + l.path() + " t where t.user_id is not null and " + chosen.sql()
	} else {
		chosen = &predicate{}
		people := layout{form: form{users: []string{"id"}}, columns: map[string]string{"id": "uuid"}}
		people.addUsers(chosen, selection)
		sql = "select t.id::text from $users t where " + chosen.sql()
	}
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		users, err = postgres.QueryColumn(ctx, conn, sql, chosen.params...)
		return err
	})
	return users, err
}

// Writers implements session.Database.
func (s *Store) Writers(ctx context.Context, table session.Table) (names []string, err error) {
	l, _ := s.layoutOf(table.Kind)
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		writers, err := s.db.Writers(ctx, conn, []string{l.path()})
		for _, writer := range writers {
			names = append(names, writer.Name)
		}
		return err
	})
	return names, err
}
