package postgres

import (
	"context"
	"fmt"
	"strconv"

	"github.com/ocmt/ocmt/internal/crash"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ocmt/ocmt/internal/netconn"
)

// Conn is a connection that does longer work. It serves one goroutine.
type Conn struct {
	*connState
	db       *DB
	held     *pgxpool.Conn
	snapshot bool // one transaction is open from the start to the end
	unfit    bool // the connection is closed at the end, and not used again
}

// connState is what is known of a connection to the server for as long as it lives.
type connState struct {
	pg *pgconn.PgConn
	// direct says that there is no pool in between which would hand each transaction to
	// another backend, so that settings and prepared statements stay.
	direct   bool
	tuned    bool              // Tune has been called
	prepared map[string]string // names of prepared statements by their text
}

// stateKey is where a connection keeps its connState.
const stateKey = "ocmt"

// Acquire takes a connection that an earlier Conn has left, or makes one. It has the
// settings of prepareSession. A connection that has died since it was left is passed over.
func (db *DB) Acquire(ctx context.Context) (*Conn, error) {
	for {
		held, err := db.acquire(ctx, db.long)
		if err != nil {
			return nil, db.connectError(ctx, err)
		}
		conn := &Conn{db: db, held: held}
		known, used := held.Conn().PgConn().CustomData()[stateKey].(*connState)
		if used {
			conn.connState = known
			err = conn.resetSettings(ctx)
		} else {
			conn.connState = &connState{pg: held.Conn().PgConn()}
			conn.pg.CustomData()[stateKey] = conn.connState
			conn.direct, err = db.prepareSession(ctx, conn.pg)
		}
		if err == nil {
			return conn, nil
		}
		conn.unfit = true
		conn.Close(ctx)
		if !used || ctx.Err() != nil {
			return nil, err
		}
	}
}

// OpenAhead begins to open a connection, which waits for whoever acquires one next. An error is left
// to that one. Where connections are few it does nothing.
func (db *DB) OpenAhead(ctx context.Context) {
	if db.limit.isSet() {
		return
	}
	crash.Go(func() {
		if conn, err := db.Acquire(ctx); err == nil {
			conn.Close(ctx)
		}
	})
}

// AcquireReader takes a connection for reading: at Isolation, and without a limit on
// how long a statement takes, because reading a whole table takes as long as it takes.
// What writes sets a limit of its own. A lock is waited for as long as the options say.
func (db *DB) AcquireReader(ctx context.Context) (*Conn, error) {
	conn, err := db.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	if !conn.direct {
		return conn, nil
	}
	if _, err := conn.pg.Exec(ctx, "set session characteristics as transaction "+Isolation+"; set statement_timeout = 0").ReadAll(); err != nil {
		conn.Close(ctx)
		return nil, fmt.Errorf("preparing to read: %w", ExplainError(err))
	}
	return conn, nil
}

// beginSnapshot returns the statements that begin the transaction of a snapshot.
func beginSnapshot(conn *pgconn.PgConn) string {
	return beginSQL(conn, "isolation level repeatable read read only") + "; set local statement_timeout = 0"
}

// AcquireSnapshot takes a connection with an open transaction that sees the database as
// it is at its first read.
func (db *DB) AcquireSnapshot(ctx context.Context) (*Conn, error) {
	conn, err := db.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	conn.snapshot = true
	if _, err := conn.pg.Exec(ctx, beginSnapshot(conn.pg)).ReadAll(); err != nil {
		conn.Close(ctx)
		return nil, fmt.Errorf("taking a snapshot to read: %w", ExplainError(err))
	}
	return conn, nil
}

// Close leaves the connection to the next Conn, if it is fit for one; the transaction of
// a snapshot ends with it. Behind a pool there is nothing to leave, and the pool may have
// given a backend for as long as the connection lasts.
func (c *Conn) Close(ctx context.Context) {
	if c.unfit || !c.direct {
		_ = c.pg.Close(ctx)
	}
	c.held.Release()
}

// PgConn returns the driver's connection.
func (c *Conn) PgConn() *pgconn.PgConn { return c.pg }

// Protection returns what keeps others from reading the connection.
func (c *Conn) Protection() netconn.Protection {
	return netconn.ProtectionOf(c.pg.Conn(), c.db.Target().TLS)
}

// IsDirect reports whether settings and prepared statements stay on the connection.
func (c *Conn) IsDirect() bool { return c.direct }

// SetUnfit says that the connection must not be used again after Close.
func (c *Conn) SetUnfit() { c.unfit = true }

// BeginRead begins a transaction to read in, where the connection has no default of ours
// and no transaction.
func (c *Conn) BeginRead(ctx context.Context) error {
	if c.direct || c.snapshot {
		return nil
	}
	_, err := c.pg.Exec(ctx, beginSQL(c.pg, Isolation+" read only")+"; set local statement_timeout = 0").ReadAll()
	return err
}

// EndRead ends the transaction of BeginRead, also after a failure, so that the
// connection can be used further.
func (c *Conn) EndRead(ctx context.Context) error {
	if c.direct || c.snapshot {
		return nil
	}
	_, err := c.pg.Exec(ctx, "commit").ReadAll()
	return err
}

// Prepare prepares a statement once. It is for direct connections only.
func (c *Conn) Prepare(ctx context.Context, sql string) error {
	if c.prepared[sql] != "" {
		return nil
	}
	name := "ocmt_" + strconv.Itoa(len(c.prepared))
	if _, err := c.pg.Prepare(ctx, name, sql, nil); err != nil {
		return err
	}
	if c.prepared == nil {
		c.prepared = map[string]string{}
	}
	c.prepared[sql] = name
	return nil
}

// Prepared returns the name of a prepared statement by its text.
func (c *Conn) Prepared(sql string) string { return c.prepared[sql] }

// WriteSettings returns a statement that makes the settings for writing, for the present
// transaction or for the connection. Commits need not wait for the disk, because a crash
// takes back only work that is done again, and Flush follows at the end. Waits are
// limited. Plans fetch each row by its TID or its key, and read rows in the order of an
// index rather than sort them.
func (c *Conn) WriteSettings(transactionOnly bool) string {
	sql := "select "
	for i, setting := range [...][2]string{
		{"search_path", OwnPath},
		{"row_security", "off"},
		{"synchronous_commit", "off"},
		{"lock_timeout", strconv.FormatInt(c.db.options.LockTimeout.Milliseconds(), 10)},
		{"statement_timeout", strconv.FormatInt(c.db.options.StatementTimeout.Milliseconds(), 10)},
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
		sql += fmt.Sprintf("pg_catalog.set_config('%s','%s',%t)", setting[0], setting[1], transactionOnly)
	}
	return sql
}

// LocalTimeouts returns the statements that limit the present transaction as WriteSettings does. As
// statements of their own, a Citus coordinator can pass them on to the nodes.
func (c *Conn) LocalTimeouts() string {
	return fmt.Sprintf("set local lock_timeout = %d; set local statement_timeout = %d", c.db.options.LockTimeout.Milliseconds(), c.db.options.StatementTimeout.Milliseconds())
}

// Tune makes the settings for writing on the connection, once.
func (c *Conn) Tune(ctx context.Context) error {
	if c.tuned {
		return nil
	}
	if _, err := c.pg.Exec(ctx, c.WriteSettings(false)).ReadAll(); err != nil {
		return fmt.Errorf("preparing to write: %w", ExplainError(err))
	}
	c.tuned = true
	return nil
}

// resetSettings takes back what earlier users of the connection have set.
func (c *Conn) resetSettings(ctx context.Context) error {
	if !c.direct {
		return nil
	}
	if _, err := c.pg.Exec(ctx, "reset all; set search_path = "+OwnPath+"; set row_security = off").ReadAll(); err != nil {
		return fmt.Errorf("taking back the settings of a connection: %w", ExplainError(err))
	}
	c.tuned = false
	return c.db.setSession(ctx, c.pg)
}
