package postgres

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ocmt/ocmt/internal/migrate"
)

// Session is one connection of a worker. It serves one goroutine.
type Session struct {
	*connection
	store    *Store
	held     *pgxpool.Conn
	snapshot bool // one transaction is open from the start to the end
	spent    bool // its connection is for no other session
	updates  map[partKind]string
}

// connection is what is known of a connection, for as long as it lives.
type connection struct {
	conn *pgconn.PgConn
	// direct: there is no pool in between that would hand each transaction to
	// another backend, so what is set and prepared here stays.
	direct   bool
	tuned    bool              // the settings of Write are made
	prepared map[string]string // names of statements by their text
	arrays   [][]byte          // buffers of Write, used again
	wire     []byte            // likewise: the messages of a trip
}

// Open implements migrate.Store.
func (s *Store) Open(ctx context.Context) (migrate.Session, error) {
	session, err := s.ready(ctx)
	if err != nil {
		return nil, err // and no Session that is nil
	}
	return session, nil
}

func (s *Store) ready(ctx context.Context) (*Session, error) {
	session, err := s.session(ctx)
	if err != nil {
		return nil, err
	}
	if err := session.settle(ctx); err != nil {
		session.Close(ctx)
		return nil, err
	}
	return session, nil
}

// OpenSnapshot implements migrate.Store.
func (s *Store) OpenSnapshot(ctx context.Context) (migrate.Session, error) {
	session, err := s.session(ctx)
	if err != nil {
		return nil, err
	}
	session.snapshot = true
	if _, err := session.conn.Exec(ctx, "begin isolation level repeatable read read only; set local idle_in_transaction_session_timeout = 0; set local statement_timeout = 0").ReadAll(); err != nil {
		session.Close(ctx)
		return nil, fmt.Errorf("taking a snapshot to read: %w", plain(err))
	}
	return session, nil
}

// session takes a connection that an earlier session has left, or makes one. It has
// the server's own settings. One that was left and has died since is passed over.
func (s *Store) session(ctx context.Context) (*Session, error) {
	for {
		held, err := s.long.Acquire(ctx)
		if err != nil {
			return nil, s.connectError(err)
		}
		session := &Session{store: s, held: held}
		known, used := held.Conn().PgConn().CustomData()[ofConnection].(*connection)
		if used {
			session.connection = known
			err = session.untune(ctx)
		} else {
			session.connection = &connection{conn: held.Conn().PgConn()}
			session.conn.CustomData()[ofConnection] = session.connection
			session.direct, err = isDirect(ctx, session.conn)
		}
		if err == nil {
			return session, nil
		}
		session.spent = true
		session.Close(ctx)
		if !used || ctx.Err() != nil {
			return nil, err
		}
	}
}

// ofConnection is where a connection carries what is known of it.
const ofConnection = "ocmt"

// Close leaves the connection to the next session, if it is fit for one: the
// transaction of a snapshot ends with it. Behind a pool there is nothing to leave,
// and the pool may have given a backend for as long as the connection lasts.
func (s *Session) Close(ctx context.Context) {
	if s.spent || !s.direct {
		_ = s.conn.Close(ctx)
	}
	s.held.Release()
}

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

// untune takes back what sessions have set.
func (s *Session) untune(ctx context.Context) error {
	if !s.direct {
		return nil
	}
	if _, err := s.conn.Exec(ctx, "reset all").ReadAll(); err != nil {
		return fmt.Errorf("taking back the settings of a session: %w", plain(err))
	}
	s.tuned = false
	return nil
}
