package pgusertoken

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/usertoken"
	"github.com/ocmt/ocmt/pkg/secret"
)

// Store implements usertoken.Store. Check is called first.
type Store struct {
	db *postgres.DB

	mu     sync.Mutex
	layout layout
}

// New returns the tokens of a database.
func New(db *postgres.DB) *Store { return &Store{db: db} }

// described returns the table as Check has seen it.
func (s *Store) described() layout {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.layout
}

// Flush implements usertoken.Writer.
func (s *Store) Flush(ctx context.Context) error { return s.db.Flush(ctx) }

// Census implements usertoken.Reader. It is one statement, and so one moment.
func (s *Store) Census(ctx context.Context, selection usertoken.Selection, visit func(usertoken.Row) error) (err error) {
	where, params := conditionOf(selection)
	conn, err := s.db.AcquireReader(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if err := conn.BeginRead(ctx); err != nil {
		return postgres.ExplainError(err)
	}
	defer func() {
		if ended := conn.EndRead(ctx); err == nil {
			err = postgres.ExplainError(ended)
		}
	}()
	l := s.described()
	reader := conn.PgConn().ExecParams(ctx, "select t.id, t."+columnToken+" from "+l.path()+" t where "+where+" order by t.id", params, nil, nil, nil)
	for reader.NextRow() && err == nil {
		values := reader.Values()
		err = visit(usertoken.Row{User: string(values[0]), Text: secret.NewValue(string(values[1]))})
	}
	if _, ended := reader.Close(); err == nil {
		err = postgres.ExplainError(ended)
	}
	return err
}

// conditionOf returns the condition on a row t that it is selected, with its parameters. Nothing selected is no row.
func conditionOf(selection usertoken.Selection) (sql string, params [][]byte) {
	if selection.All {
		return "true", nil
	}
	var terms []string
	for _, criterion := range []struct {
		column string
		ids    []string
	}{{"id", selection.Users}, {"tenant_id", selection.Tenants}} {
		if len(criterion.ids) > 0 {
			params = append(params, []byte(postgres.TextArray(criterion.ids)))
			terms = append(terms, fmt.Sprintf("t.%s::text = any($%d::text[])", criterion.column, len(params)))
		}
	}
	if len(terms) == 0 {
		return "false", nil
	}
	return strings.Join(terms, " and "), params
}

// Samples implements usertoken.Reader.
func (s *Store) Samples(ctx context.Context, version, most int) (list []secret.Value, err error) {
	l := s.described()
	like := "t." + columnToken + " like 'v' || $1::int || ':%'"
	if version == 0 { // the legacy form carries no version
		like = "(" + like + " or t." + columnToken + " like '%:%:%' and t." + columnToken + " not like 'v%')"
	}
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		texts, err := postgres.QueryColumn(ctx, conn, "select t."+columnToken+" from "+l.path()+" t where "+like+" limit $2::bigint", strconv.Itoa(version), strconv.Itoa(most))
		for _, text := range texts {
			list = append(list, secret.NewValue(text))
		}
		return err
	})
	return list, err
}

// Read implements usertoken.Reader.
func (s *Store) Read(ctx context.Context, users []string) (list []usertoken.Row, err error) {
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		rows, err := postgres.QueryRows(ctx, conn, "select t.id, t."+columnToken+" from "+s.described().path()+" t where t.id = any($1::uuid[])", postgres.TextArray(users))
		for _, row := range rows {
			list = append(list, usertoken.Row{User: row[0], Text: secret.NewValue(row[1])})
		}
		return err
	})
	return list, err
}

// Owners implements usertoken.Reader.
func (s *Store) Owners(ctx context.Context, users []string) (list []usertoken.Owner, err error) {
	l := s.described()
	container := "null"
	if l.columns[columnContainer] != "" {
		container = "t." + columnContainer
	}
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		rows, err := postgres.QueryRows(ctx, conn, "select t.id, t.email, "+container+" from "+l.path()+" t where t.id = any($1::uuid[]) order by t.id", postgres.TextArray(users))
		for _, row := range rows {
			list = append(list, usertoken.Owner{User: row[0], Email: row[1], Container: row[2]})
		}
		return err
	})
	return list, err
}

// Writers implements usertoken.Reader.
func (s *Store) Writers(ctx context.Context) (names []string, err error) {
	err = s.db.With(ctx, func(conn *pgconn.PgConn) error {
		writers, err := s.db.Writers(ctx, conn, []string{s.described().path()})
		for _, writer := range writers {
			names = append(names, writer.Name)
		}
		return err
	})
	return names, err
}
