package pgsession

import (
	"context"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/session"
)

// shortAgent is the user agent of the sessions that the tool makes itself.
const shortAgent = "ocmt session-invalidate"

// SessionUsers implements session.Database.
func (s *Store) SessionUsers(ctx context.Context, except []string) (users []string, err error) {
	l, err := s.describeLogins(ctx)
	if err != nil {
		return nil, err
	}
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		users, err = postgres.QueryColumn(ctx, conn, "select distinct user_id::text from "+l.path()+" where user_id is not null and user_id::text <> all($1::text[])", postgres.TextArray(except))
		return err
	})
	return users, err
}

// HasSession implements session.Database.
func (s *Store) HasSession(ctx context.Context, selection session.Selection, moment session.Moment, digest string) (bool, error) {
	l, err := s.describeLogins(ctx)
	if err != nil {
		return false, err
	}
	chosen := l.selected(selection, moment)
	chosen.add("t."+l.token()+" = %s", digest)
	return s.exists(ctx, l, chosen)
}

// AddShortSession implements session.Database.
func (s *Store) AddShortSession(ctx context.Context, user, digest string) (made bool, err error) {
	l, err := s.describeLogins(ctx)
	if err != nil {
		return false, err
	}
	columns, values := "user_id, "+l.token()+", expires_at", "u.id, $2, now() + interval '1 minute'"
	params := []string{user, digest}
	if l.has("user_agent") {
		columns, values, params = columns+", user_agent", values+", $3", append(params, shortAgent)
	}
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		rows, err := postgres.QueryColumn(ctx, conn, "insert into "+l.path()+" ("+columns+") select "+values+" from $users u where u.id::text = $1 and "+postgres.TriggersOnPathOf(conn)+" returning 1", params...)
		made = len(rows) > 0
		return err
	})
	return made, err
}

// RemoveShortSession implements session.Database.
func (s *Store) RemoveShortSession(ctx context.Context, digest string) (alive bool, err error) {
	l, err := s.describeLogins(ctx)
	if err != nil {
		return false, err
	}
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		rows, err := postgres.QueryColumn(ctx, conn, "delete from "+l.path()+" t where t."+l.token()+" = $1 and "+postgres.TriggersOnPathOf(conn)+" returning ("+l.alive()+")", digest)
		alive = len(rows) > 0 && rows[0] == "t"
		return err
	})
	return alive, err
}
