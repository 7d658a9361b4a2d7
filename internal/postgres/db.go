package postgres

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/ocmt/ocmt/internal/crash"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ocmt/ocmt/internal/netconn"
	"github.com/ocmt/ocmt/internal/trace"
)

// Options set the limits of the statements that write.
type Options struct {
	ApplicationName  string
	LockTimeout      time.Duration // longest wait for a row lock
	StatementTimeout time.Duration // longest run of one statement
	Trace            trace.Begin   // is told of connections and statements; nil for nobody
}

// DB is an OCMT database. Close it when it is no longer needed.
type DB struct {
	pool       *pgxpool.Config // as the address says
	config     *pgconn.Config
	options    Options
	passedOver []string
	limit      connLimit
	citus      atomic.Int32 // see IsCitus
	// transactions says that a pool before the server was seen to keep a backend for a whole transaction.
	transactions atomic.Bool
	// short serves questions that follow one another, so that most of them need not
	// make a connection, which takes longer than the question does.
	short *pgxpool.Pool
	// long serves connections that do longer work, so that one goes on where another
	// has ended: with its statements prepared, and a server process that knows the
	// tables.
	long *pgxpool.Pool
}

// The bounds of the connections that are kept. Beside the work itself, only steering
// and watching a run ask short questions; how many long connections there are is up to
// the callers. An unused connection is kept for idleTimeout. Whether it still lives is
// asked before it is used again, unless that was less than freshTime ago; asking takes
// less time than making a connection, and the answer may take pingTimeout at most.
const (
	maxShort    = 2
	maxLong     = 1 << 10
	idleTimeout = 2 * time.Second
	freshTime   = 10 * time.Millisecond
	pingTimeout = 5 * time.Second
	// closeTimeout is how long Close waits for a server to end its connections, which a
	// server that is gone never does.
	closeTimeout = time.Second
)

// readBuffer is how many bytes are read from the server at once. The driver reads
// 8 KiB at a time, which cost a verification an eighth of its time.
const readBuffer = 64 << 10

// New returns the database at an address, as node-postgres and libpq write it. It dials nothing.
// The error is ErrAddress where the address cannot be read, or an *AddressError that says why.
func New(address string, options Options) (*DB, error) {
	normal, passedOver, err := normaliseAddress(address)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.ParseConfig(normal)
	if err != nil {
		return nil, ErrAddress
	}
	return newDB(pool, options, passedOver)
}

// newDB returns the database of a configuration.
func newDB(pool *pgxpool.Config, options Options, passedOver []string) (*DB, error) {
	own, err := pool.Copy(), error(nil)
	config := &pool.ConnConfig.Config
	config.DialFunc = traceDial(pgconn.DialFunc(netconn.Quiet(netconn.Dial(config.DialFunc))), options.Trace)
	config.RequireAuth = methodsAllowed(config.RequireAuth)
	config.RuntimeParams["application_name"] = options.ApplicationName
	config.RuntimeParams["client_encoding"] = "UTF8"
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		r, w = traceStatements(r, w, options.Trace)
		return pgproto3.NewFrontend(bufio.NewReaderSize(r, readBuffer), w)
	}
	// All limits are set here, so that pool_ settings in the address change nothing.
	pool.MinConns, pool.MinIdleConns = 0, 0
	pool.MaxConnIdleTime, pool.HealthCheckPeriod = idleTimeout, idleTimeout/2
	pool.MaxConnLifetime, pool.MaxConnLifetimeJitter = time.Hour, 0
	pool.PingTimeout = pingTimeout
	pool.ShouldPing = func(_ context.Context, used pgxpool.ShouldPingParams) bool { return used.IdleDuration > freshTime }
	db := &DB{pool: own, config: config, options: options, passedOver: passedOver}
	for _, kept := range []struct {
		pool    **pgxpool.Pool
		most    int32
		prepare func(context.Context, *pgconn.PgConn) error
	}{{&db.short, maxShort, db.prepareShort}, {&db.long, maxLong, func(context.Context, *pgconn.PgConn) error { return nil }}} {
		pool.MaxConns = kept.most
		db.limit.limitConnects(pool, kept.prepare)
		if *kept.pool, err = pgxpool.NewWithConfig(context.Background(), pool.Copy()); err != nil {
			return nil, fmt.Errorf("preparing to connect: %w", err)
		}
	}
	db.limit.makeWay = func() {
		db.short.Reset()
		db.long.Reset()
	}
	return db, nil
}

// Close closes the connections that no Conn holds. It waits for the server for at most
// closeTimeout.
func (db *DB) Close() {
	closed := make(chan struct{})
	crash.Go(func() {
		defer close(closed)
		db.short.Close()
		db.long.Close()
	})
	select {
	case <-closed:
	case <-time.After(closeTimeout):
	}
}

// PassedOver returns the names of the parameters of the address that mean nothing here.
func (db *DB) PassedOver() []string { return db.passedOver }

// LockTimeout returns the longest wait for a lock.
func (db *DB) LockTimeout() time.Duration { return db.options.LockTimeout }

// With does work on a connection that nothing else uses until the work returns. What the work sets
// there must not outlast its own transactions. The error is a *ConnectError where
// there is no connection.
func (db *DB) With(ctx context.Context, work func(*pgconn.PgConn) error) error {
	conn, err := db.acquire(ctx, db.short)
	if err != nil {
		return db.connectError(ctx, err)
	}
	defer conn.Release()
	return work(conn.Conn().PgConn())
}

// Flush returns when everything that was written before is safe on disk: a transaction
// that writes to the log and commits synchronously returns after that.
func (db *DB) Flush(ctx context.Context) error {
	err := db.With(ctx, func(conn *pgconn.PgConn) error {
		_, err := conn.Exec(ctx, Begin("")+"; set local synchronous_commit = on; select pg_logical_emit_message(true, 'ocmt', ''); commit").ReadAll()
		return err
	})
	if err != nil {
		return fmt.Errorf("making sure that the run is on disk: %w", ExplainError(err))
	}
	return nil
}
