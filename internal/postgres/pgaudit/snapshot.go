package pgaudit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/netconn"
	"github.com/ocmt/ocmt/internal/postgres"
)

// Snapshot is the database as it was when the audit began. Its questions are asked one after the other.
type Snapshot struct {
	db      *postgres.DB
	conn    *postgres.Conn
	account string
	schemas []string // those that the account's search path names and finds, in its order
	limit   time.Duration
	mu      sync.Mutex // held while a question is asked
}

// lockLimit is how long a question waits for a lock. A lock that is held longer is a gap, so that the audit
// neither waits for a migration nor stands in line before the servers.
const lockLimit = 2 * time.Second

// Open takes a snapshot. A question of it may take as long as limit. Errors: those of the connection.
func Open(ctx context.Context, db *postgres.DB, limit time.Duration) (*Snapshot, error) {
	conn, err := db.AcquireSnapshot(ctx)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{db: db, conn: conn, limit: limit}
	if err := s.begin(ctx); err != nil {
		conn.Close(ctx)
		return nil, fmt.Errorf("taking a snapshot to audit: %w", postgres.ExplainError(err))
	}
	return s, nil
}

// begin asks for the account and for what its search path finds. The first question is the time of the snapshot.
func (s *Snapshot) begin(ctx context.Context) error {
	conn := s.conn.PgConn()
	if _, err := conn.Exec(ctx, "set local row_security = off").ReadAll(); err != nil {
		return err
	}
	rows, err := postgres.QueryRows(ctx, conn, "select current_user, now()")
	if err != nil {
		return err
	}
	s.account, s.schemas = rows[0][0], postgres.PathOf(conn).Schemas
	return nil
}

// Close ends the snapshot.
func (s *Snapshot) Close(ctx context.Context) { s.conn.Close(ctx) }

// Account returns the account of the connection.
func (s *Snapshot) Account() string { return s.account }

// Rights names the account with what gives it rights: "alice, a member of ocmt_auditor, pg_monitor". Where
// they cannot be asked it is the account alone.
func (s *Snapshot) Rights(ctx context.Context) string {
	rows, err := s.ask(ctx, question{what: "the rights of the account", sql: `select r.rolsuper, r.rolbypassrls, coalesce(array_to_json(array(select g.rolname from pg_roles g
		where g.oid <> r.oid and pg_has_role(r.oid, g.oid, 'MEMBER') order by 1)), '[]') from pg_roles r where r.rolname = current_user`})
	if err != nil || len(rows) == 0 {
		return s.account
	}
	if rows[0][0] == "t" {
		return s.account + ", a superuser"
	}
	text := s.account
	var of []string
	if err := json.Unmarshal([]byte(rows[0][2]), &of); err == nil && len(of) > 0 {
		text += ", a member of " + strings.Join(of, ", ")
	}
	if rows[0][1] == "t" {
		text += ", with BYPASSRLS"
	}
	return text
}

// Protection returns what keeps others from reading the connection of the snapshot.
func (s *Snapshot) Protection() netconn.Protection { return s.conn.Protection() }

// question is what is asked in one statement.
type question struct {
	what   string          // what is looked at, for people: "public.user_mfa"
	right  string          // the right by name: "SELECT on public.user_mfa"; "" where any login may ask
	rights []finding.Right // the same for a statement that gives them; none where GRANT does not
	sql    string
	args   []string
}

// ask asks a question and returns its rows as texts, "" for NULL. Where a right is missing, or the time
// is up, the error is an *audit.GapError.
func (s *Snapshot) ask(ctx context.Context, q question) (rows [][]string, err error) {
	err = s.within(ctx, q, func(conn *pgconn.PgConn) error {
		rows, err = postgres.QueryRows(ctx, conn, q.sql, q.args...)
		return err
	})
	return rows, err
}

// within does work on the connection behind a savepoint, within the time of a question. Going back to the
// savepoint lets go of the locks that the work took, so that no migration of the deployment waits for the
// rest of the audit; the snapshot stays.
func (s *Snapshot) within(ctx context.Context, q question, work func(*pgconn.PgConn) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	conn := s.conn.PgConn()
	begin := "savepoint question; set local statement_timeout = " + milliseconds(s.limit) + "; set local lock_timeout = " + milliseconds(lockLimit)
	if _, err := conn.Exec(ctx, begin).ReadAll(); err != nil {
		return fmt.Errorf("looking at %s: %w", q.what, postgres.ExplainError(err))
	}
	err := work(conn)
	end := "rollback to savepoint question; release savepoint question"
	if _, ended := conn.Exec(context.WithoutCancel(ctx), end).ReadAll(); err == nil {
		err = ended
	}
	return s.explain(q, err)
}

// milliseconds returns a time as a setting of the server has it.
func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// explain makes a gap of a failure that a right or more time would cure.
func (s *Snapshot) explain(q question, err error) error {
	if err == nil {
		return nil
	}
	err = postgres.ExplainError(err)
	var failure *postgres.FailureError
	if !errors.As(err, &failure) {
		return fmt.Errorf("looking at %s: %w", q.what, err)
	}
	gap := audit.Gap{What: q.what, Reason: failure.Error()}
	switch {
	case isHidden(err):
		gap.Reason, gap.Missing = "row security hides rows of it from the account", "BYPASSRLS"
		gap.Grant = "alter role " + postgres.Ident(s.account) + " bypassrls;"
	case failure.Kind == postgres.NotAllowed:
		gap.Reason, gap.Missing = "the account may not read it", q.right
		gap.Grant, gap.Rights = postgres.Grant(q.rights...), q.rights
	case failure.Kind == postgres.InTheWay:
		gap.Reason = "another process holds a lock on it"
	case failure.Kind == postgres.TookTooLong:
		gap.Reason = "it took longer than " + s.limit.String()
	}
	return &audit.GapError{Gap: gap}
}

// isHidden reports whether a statement was refused because row security would hide rows. The function of
// the server that says so is the same in every language.
func isHidden(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && answer.Routine == "check_enable_rls"
}

// selecting returns a question whose right is SELECT on a table.
func (s *Snapshot) selecting(schema, table, sql string, args ...string) question {
	return question{what: schema + "." + table, right: "SELECT on " + schema + "." + table, rights: []finding.Right{postgres.TableRight("select", schema, table, s.account)}, sql: sql, args: args}
}
