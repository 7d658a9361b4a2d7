package pgsession

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/pages"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/session"
)

// worker implements session.Worker.
type worker struct {
	store *Store
	conn  *postgres.Conn
}

// Open implements session.Database.
func (s *Store) Open(ctx context.Context) (session.Worker, error) {
	conn, err := s.db.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	return &worker{s, conn}, nil
}

// Close implements session.Worker.
func (w *worker) Close(ctx context.Context) { w.conn.Close(ctx) }

// End implements session.Worker. Each statement is a transaction of its own, with the settings for
// writing before it in the same round trip, because there may be a pool in between.
func (w *worker) End(ctx context.Context, table session.Table, selection session.Selection, moment session.Moment, within pages.Range, ending session.Ending) (ended int64, err error) {
	l, byPages := w.store.layoutOf(table.Kind)
	for {
		sql, params := l.endSQL(selection, moment, within, ending, byPages, postgres.TriggersOnPathOf(w.conn.PgConn()))
		rows, err := w.execute(ctx, sql, params)
		switch {
		case postgres.IsTransient(err):
			return ended, nil
		case err != nil:
			return ended, postgres.ExplainError(err)
		}
		ended += rows
		if byPages || l.spread || rows < rowsAtOnce {
			return ended, nil
		}
	}
}

// rowsAtOnce is how many rows one statement ends where the server does not read page ranges.
const rowsAtOnce = 2000

// endSQL returns the statement that ends the rows of a page range, with the condition for its triggers.
func (l layout) endSQL(selection session.Selection, moment session.Moment, within pages.Range, ending session.Ending, byPages bool, triggers string) (sql string, params []string) {
	p := l.selected(selection, moment)
	heap := "only " + postgres.Quote(within.Heap.Schema, within.Heap.Name)
	switch {
	case l.spread:
		heap = l.path()
	case byPages:
		p.add(fmt.Sprintf("t.ctid >= '(%d,0)' and t.ctid < '(%d,0)'", within.From, within.To))
	default:
		p.terms = []string{"t.ctid = any(array(select t.ctid from " + heap + " t where " + p.sql() + " limit " + strconv.Itoa(rowsAtOnce) + "))", p.sql()}
	}
	if !l.spread { // a distributed table has no triggers, and Citus plans no such condition
		p.terms = append(p.terms, triggers)
	}
	if ending.Delete && l.kind == session.Logins {
		return "delete from " + heap + " t where " + p.sql(), p.params
	}
	set := l.ends + " = now()"
	where := p.sql()
	if l.has("revoke_reason") {
		p.params = append(p.params, ending.Reason)
		set += ", revoke_reason = $" + strconv.Itoa(len(p.params))
	}
	return "update " + heap + " t set " + set + " where " + where, p.params
}

// execute runs one statement in a transaction, and returns how many rows it wrote.
func (w *worker) execute(ctx context.Context, sql string, params []string) (rows int64, err error) {
	values := make([][]byte, len(params))
	for i, param := range params {
		values[i] = []byte(param)
	}
	batch := &pgconn.Batch{}
	sql, err = postgres.NameTables(ctx, w.conn.PgConn(), sql)
	if err != nil {
		return 0, err
	}
	batch.ExecParams(w.conn.WriteSettings(true), nil, nil, nil, nil)
	batch.ExecParams(sql, values, nil, nil, nil)
	results, err := w.conn.PgConn().ExecBatch(ctx, batch).ReadAll()
	if err != nil {
		return 0, err
	}
	return results[1].CommandTag.RowsAffected(), nil
}
