package pgsession

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/session"
)

// describeLogins looks for the table of login sessions, where nothing has yet.
func (s *Store) describeLogins(ctx context.Context) (layout, error) {
	if l, _ := s.layoutOf(session.Logins); l.name != "" {
		return l, nil
	}
	if _, err := s.Tables(ctx); err != nil {
		return layout{}, err
	}
	l, _ := s.layoutOf(session.Logins)
	return l, nil
}

// MissingTableError says that the database has no such table where the account looks.
type MissingTableError struct {
	Table string
	// Others are of this name elsewhere, or are no tables.
	Others []string
}

// Error names the table.
func (e *MissingTableError) Error() string {
	text := "the database has no table " + e.Table + " on the search path of this account"
	if len(e.Others) > 0 {
		text += "; there is " + strings.Join(e.Others, ", ")
	}
	return text
}

// optional returns an expression over a column, or NULL where the table lacks it.
func (l layout) optional(column, expression string) string {
	if !l.has(column) {
		return "null"
	}
	return expression
}

// shownDigest is how many characters of a token's digest are shown: enough to tell sessions apart.
const shownDigest = 8

// List implements session.Lister.
func (s *Store) List(ctx context.Context, selection session.Selection, most int) (entries []session.Entry, err error) {
	l, err := s.describeLogins(ctx)
	if err != nil {
		return nil, err
	}
	chosen := l.selected(selection, session.Moment{})
	chosen.params = append(chosen.params, strconv.Itoa(most))
	active := l.optional("last_activity_at", "coalesce(t.last_activity_at, t.created_at)")
	sql := fmt.Sprintf(`select t.id, t.user_id, (select u.email from $users u where u.id = t.user_id), left(t.%s, %d), %s, %s,
		t.created_at, %s, t.expires_at, extract(epoch from now() - t.created_at), extract(epoch from now() - %s)
		from %s t where %s order by t.created_at desc nulls last, t.id limit $%d::bigint`,
		postgres.Quote(l.token()), shownDigest, l.optional("ip_address", "host(t.ip_address)"), l.optional("user_agent", "t.user_agent"),
		l.optional("last_activity_at", "t.last_activity_at"), active, l.path(), chosen.sql(), len(chosen.params))
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		rows, err := postgres.QueryRows(ctx, conn, sql, chosen.params...)
		for _, row := range rows {
			entries = append(entries, session.Entry{ID: row[0], User: row[1], Email: row[2], Digest: row[3], Address: row[4], Agent: row[5],
				Created: row[6], Active: row[7], Expires: row[8], Age: ageOf(row[9]), Idle: ageOf(row[10])})
		}
		return err
	})
	return entries, err
}

// Stats implements session.Lister.
func (s *Store) Stats(ctx context.Context, selection session.Selection, most int) (groups []session.Group, err error) {
	l, err := s.describeLogins(ctx)
	if err != nil {
		return nil, err
	}
	const age = `case when t.created_at is null then null when t.created_at > now() - interval '1 hour' then 'under an hour'
		when t.created_at > now() - interval '1 day' then 'under a day' when t.created_at > now() - interval '7 days' then 'under a week' else 'a week and more' end`
	by := []struct{ name, sql string }{
		{"age", age},
		{"user", "(select coalesce(u.email, u.id::text) from $users u where u.id = t.user_id)"},
		{"tenant", "(select coalesce(n.name, n.id::text) from $users u join $tenants n on n.id = u.tenant_id where u.id = t.user_id)"},
		{"network", l.optional("ip_address", "(select network(set_masklen(a, case when family(a) = 4 then 24 else 48 end))::text from (select "+plainAddress+" as a) x)")},
		{"user_agent", l.optional("user_agent", "left(t.user_agent, 80)")},
	}
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		for _, one := range by {
			chosen := l.selected(selection, session.Moment{})
			chosen.params = append(chosen.params, strconv.Itoa(most))
			rows, err := postgres.QueryRows(ctx, conn, fmt.Sprintf("select %s, count(*), count(distinct t.user_id) from %s t where %s group by 1 order by 2 desc, 1 limit $%d::bigint",
				one.sql, l.path(), chosen.sql(), len(chosen.params)), chosen.params...)
			if err != nil {
				return fmt.Errorf("grouping sessions by %s: %w", one.name, err)
			}
			for _, row := range rows {
				groups = append(groups, session.Group{By: one.name, Name: row[0], Sessions: postgres.ParseNumber(row[1]), Users: postgres.ParseNumber(row[2])})
			}
		}
		return nil
	})
	return groups, err
}

// FindUsers implements session.Finder.
func (s *Store) FindUsers(ctx context.Context, names []string) ([]string, error) {
	return s.find(ctx, "user", `select n, u.id::text from names join $users u on u.id::text = lower(n)
		union select n, u.id::text from names join $users u on lower(u.email) = lower(n)`, names)
}

// FindTenants implements session.Finder.
func (s *Store) FindTenants(ctx context.Context, names []string) ([]string, error) {
	return s.find(ctx, "tenant", `select n, x.id::text from names join $tenants x on x.id::text = lower(n) union select n, x.id::text from names join $tenants x on x.name = n`, names)
}

// FindSessions implements session.Finder.
func (s *Store) FindSessions(ctx context.Context, ids []string) ([]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	l, err := s.describeLogins(ctx)
	if err != nil {
		return nil, err
	}
	return s.find(ctx, "session", "select n, t.id::text from names join "+l.path()+" t on t.id::text = lower(n)", ids)
}

// HasToken implements session.Finder.
func (s *Store) HasToken(ctx context.Context, digest string) (bool, error) {
	l, err := s.describeLogins(ctx)
	if err != nil {
		return false, err
	}
	chosen := &predicate{}
	chosen.add("t."+l.token()+" = %s", digest)
	return s.exists(ctx, l, chosen)
}

// find returns the one id of each name. The query joins the names n of a table names with what they
// stand for.
func (s *Store) find(ctx context.Context, what, sql string, names []string) (ids []string, err error) {
	if len(names) == 0 {
		return nil, nil
	}
	found := map[string][]string{}
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		rows, err := postgres.QueryRows(ctx, conn, "with names as materialized (select distinct n from unnest($1::text[]) n) "+sql, postgres.TextArray(names))
		for _, row := range rows {
			found[row[0]] = append(found[row[0]], row[1])
		}
		return err
	})
	var unknown []string
	known := map[string]bool{}
	for _, name := range names {
		switch matches := found[name]; {
		case len(matches) != 1:
			unknown = append(unknown, name)
		case !known[matches[0]]:
			known[matches[0]], ids = true, append(ids, matches[0])
		}
	}
	if err == nil && len(unknown) > 0 {
		err = &session.UnknownNameError{What: what, Names: unknown}
	}
	return ids, err
}
