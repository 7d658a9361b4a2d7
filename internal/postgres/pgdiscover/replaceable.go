package pgdiscover

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/postgres"
)

// addReplaceable marks the tables that another role can put something else in the place of.
func (s *searcher) addReplaceable(ctx context.Context, byOID map[string]*discover.Relation) error {
	oids := make([]string, 0, len(byOID))
	for oid := range byOID {
		oids = append(oids, oid)
	}
	found, err := postgres.FindReplaceable(ctx, s.conn.PgConn(), oids...)
	for _, oid := range found {
		byOID[oid].Replaceable = true
	}
	return err
}

// queryReplaceable is queryBounded for a table that another role can put something else in the place of, between the
// list of tables and the reading: a view, of which the functions would run with the rights of the account, or a table
// with an index of such a function. The server locks a name when it parses a statement, and runs nothing yet. What
// stands behind the lock is looked at once more, and only then the statement is run.
func (s *searcher) queryReplaceable(ctx context.Context, relation discover.Relation, timeout time.Duration, sql string, form []int16, visit func(values [][]byte)) error {
	begin, end := "begin isolation level read committed", "rollback"
	if s.snapshot {
		begin, end = "savepoint looking", "rollback to savepoint looking; release savepoint looking"
	}
	if _, err := s.conn.PgConn().Exec(ctx, begin).ReadAll(); err != nil {
		return err
	}
	err := s.sendParsed(ctx, relation, timeout, sql, form, visit)
	if _, ended := s.conn.PgConn().Exec(context.WithoutCancel(ctx), end).ReadAll(); err == nil {
		err = ended
	}
	return err
}

func (s *searcher) sendParsed(ctx context.Context, relation discover.Relation, timeout time.Duration, sql string, form []int16, visit func(values [][]byte)) error {
	conn := s.conn.PgConn()
	if answer := conn.ExecParams(ctx, s.limitsSQL(timeout), nil, nil, nil, nil).Read(); answer.Err != nil {
		return answer.Err
	}
	if _, err := conn.Prepare(ctx, lockedStatement, sql, nil); err != nil {
		return err
	}
	defer func() { _ = conn.Deallocate(context.WithoutCancel(ctx), lockedStatement) }() // behind a pool the next transaction is on another connection
	if err := s.checkLocked(ctx, relation); err != nil {
		return err
	}
	rows := conn.ExecPrepared(ctx, lockedStatement, nil, nil, form)
	for rows.NextRow() {
		visit(rows.Values())
	}
	_, err := rows.Close()
	return err
}

// lockedStatement is the name of a statement that waits for what is behind its locks to be looked at.
const lockedStatement = "ocmt_locked"

// checkLocked returns a *discover.UnreadError where a name no longer means the table that was listed, or where the
// table can run code of another role by now. A snapshot shows the past, so that it asks on another connection.
func (s *searcher) checkLocked(ctx context.Context, relation discover.Relation) error {
	if s.snapshot {
		return s.db.With(ctx, func(conn *pgconn.PgConn) error {
			return postgres.InReadOnlyTransaction(ctx, conn, func() error { return checkSame(ctx, conn, relation) })
		})
	}
	return checkSame(ctx, s.conn.PgConn(), relation)
}

func checkSame(ctx context.Context, conn *pgconn.PgConn, relation discover.Relation) error {
	same, err := postgres.QueryColumn(ctx, conn, `select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname = $1 and c.relname = $2 and c.oid = $3::oid and c.relkind in ('r', 'm')`, relation.Schema, relation.Name, relation.ID)
	switch {
	case err != nil:
		return fmt.Errorf("asking whether a table is still the same: %w", err)
	case len(same) == 0:
		return gone(relation, nil)
	}
	found, err := postgres.FindForeignCode(ctx, conn, postgres.Reading, relation.ID)
	if code, foreign := found[relation.ID]; err == nil && foreign {
		return &discover.UnreadError{Finding: foreignCode(relation, code)}
	}
	return err
}
