package postgres

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// Session is one connection of a worker. It serves one goroutine.
type Session struct {
	conn  *pgconn.PgConn
	store *Store
	// direct: there is no pool in between that would hand each transaction to
	// another backend, so what is set and prepared here stays.
	direct   bool
	snapshot bool              // one transaction is open from the start to the end
	tuned    bool              // the settings of Write are made
	prepared map[string]string // names of statements by their text
	updates  map[partKind]string
	arrays   [][]byte // buffers of Write, used again
	wire     []byte   // likewise: the messages of a trip
}

// Close ends the connection.
func (s *Session) Close(ctx context.Context) { _ = s.conn.Close(ctx) }

// isDirect asks the server for its process number and compares it with the one
// that was told when the connection was made: a pool tells one of its own.
func isDirect(ctx context.Context, conn *pgconn.PgConn) (bool, error) {
	rows, err := rowsOf(ctx, conn, "select pg_backend_pid()")
	if err != nil {
		return false, fmt.Errorf("asking the server for its process: %w", err)
	}
	return rows[0][0] == strconv.FormatUint(uint64(conn.PID()), 10), nil
}

// isolation is what the engine works in whatever the account's default is: a
// write proves what it replaces by comparing, and a serializable transaction that
// only reads would be ended for what others write.
const isolation = "isolation level read committed"

// settle makes the isolation the default of a direct connection. Reading a whole
// table takes as long as it takes; what writes sets a limit of its own.
func (s *Session) settle(ctx context.Context) error {
	if !s.direct {
		return nil
	}
	if _, err := s.conn.Exec(ctx, "set session characteristics as transaction "+isolation+"; set statement_timeout = 0").ReadAll(); err != nil {
		return fmt.Errorf("preparing to read: %w", plain(err))
	}
	return nil
}

// beginRead begins a transaction to read in where the default of the connection
// is not ours to set.
func (s *Session) beginRead(ctx context.Context) error {
	if s.direct || s.snapshot {
		return nil
	}
	_, err := s.conn.Exec(ctx, "begin "+isolation+" read only; set local statement_timeout = 0").ReadAll()
	return err
}

// endRead ends it, and one that has failed too: the connection goes on.
func (s *Session) endRead(ctx context.Context) error {
	if s.direct || s.snapshot {
		return nil
	}
	_, err := s.conn.Exec(ctx, "commit").ReadAll()
	return err
}

// prepare prepares a statement once. Only on direct connections.
func (s *Session) prepare(ctx context.Context, sql string) error {
	if s.prepared[sql] != "" {
		return nil
	}
	name := "ocmt_" + strconv.Itoa(len(s.prepared))
	if _, err := s.conn.Prepare(ctx, name, sql, nil); err != nil {
		return err
	}
	if s.prepared == nil {
		s.prepared = map[string]string{}
	}
	s.prepared[sql] = name
	return nil
}

// settings are what writing needs: commits that need not wait for the disk (a
// crash takes back only work that is done again, and Flush stands at the end),
// limits on waiting, and plans that fetch each row from its place or by its key
// and read rows in the order of an index rather than sort them.
func (s *Store) settings(local bool) string {
	sql := "select "
	for i, setting := range [...][2]string{
		{"synchronous_commit", "off"},
		{"lock_timeout", strconv.FormatInt(s.options.LockTimeout.Milliseconds(), 10)},
		{"statement_timeout", strconv.FormatInt(s.options.StatementTimeout.Milliseconds(), 10)},
		{"enable_hashjoin", "off"},
		{"enable_mergejoin", "off"},
		{"enable_seqscan", "off"},
		{"enable_bitmapscan", "off"},
		{"enable_sort", "off"},
		{"max_parallel_workers_per_gather", "0"},
		{"jit", "off"},
		{"plan_cache_mode", "force_generic_plan"},
	} {
		if i > 0 {
			sql += ", "
		}
		sql += fmt.Sprintf("set_config('%s','%s',%t)", setting[0], setting[1], local)
	}
	return sql
}

// tune makes the settings of Write for the whole session.
func (s *Session) tune(ctx context.Context) error {
	if s.tuned {
		return nil
	}
	if _, err := s.conn.Exec(ctx, s.store.settings(false)).ReadAll(); err != nil {
		return fmt.Errorf("preparing to write: %w", plain(err))
	}
	s.tuned = true
	return nil
}
