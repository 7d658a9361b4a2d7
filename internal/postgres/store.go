package postgres

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrAddress: DATABASE_URL cannot be read. Nothing of it is repeated.
var ErrAddress = errors.New("DATABASE_URL is not an address that PostgreSQL understands")

// Options tune the statements that write.
type Options struct {
	ApplicationName  string
	LockTimeout      time.Duration // longest wait for a row lock
	StatementTimeout time.Duration // longest run of one statement
	Operator         string        // who runs this, for the ledger
}

// Store is an OCMT database. Close it when it is no longer needed.
type Store struct {
	config  *pgconn.Config
	options Options
	// short serves the short questions that come one after the other, so that
	// most of them need not make a connection, which takes longer than they do.
	short *pgxpool.Pool
	// long serves sessions, so that one goes on where another has ended: with its
	// statements prepared, and a server process that knows the tables.
	long *pgxpool.Pool
}

// What bounds the connections that are kept. Besides the work itself, only who
// steers a run and who looks around ask short questions; how many sessions there
// are is for those to say who open them. A connection outlives its last use by
// two seconds; whether it still lives is asked before it is used, in less time
// than it takes to make another, and it may not keep silent for long.
const (
	mostShort   = 2
	mostLong    = 1 << 10
	keptIdle    = 2 * time.Second
	trusted     = 10 * time.Millisecond
	pingTimeout = 5 * time.Second
	// closeTime is how long the end of the program waits for a server to take
	// its leave: one that is gone never does.
	closeTime = time.Second
)

// readBuffer takes at once what the server has sent meanwhile. The driver asks the
// system for 8 KiB at a time, which cost a verification an eighth of its time.
const readBuffer = 64 << 10

// NewStore returns the database at an address. It dials nothing.
func NewStore(address string, options Options) (*Store, error) {
	pool, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, ErrAddress
	}
	if misread(address) {
		return nil, ErrAddress
	}
	config := &pool.ConnConfig.Config
	config.RuntimeParams["application_name"] = options.ApplicationName
	config.RuntimeParams["client_encoding"] = "UTF8"
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		return pgproto3.NewFrontend(bufio.NewReaderSize(r, readBuffer), w)
	}
	// All of it is set here, so that pool_ settings in the address change nothing.
	pool.MinConns, pool.MinIdleConns = 0, 0
	pool.MaxConnIdleTime, pool.HealthCheckPeriod = keptIdle, keptIdle/2
	pool.MaxConnLifetime, pool.MaxConnLifetimeJitter = time.Hour, 0
	pool.PingTimeout = pingTimeout
	// One that was made or used a moment ago is not asked.
	pool.ShouldPing = func(_ context.Context, used pgxpool.ShouldPingParams) bool { return used.IdleDuration > trusted }
	store := &Store{config: config, options: options}
	for _, kept := range []struct {
		pool **pgxpool.Pool
		most int32
	}{{&store.short, mostShort}, {&store.long, mostLong}} {
		pool.MaxConns = kept.most
		if *kept.pool, err = pgxpool.NewWithConfig(context.Background(), pool.Copy()); err != nil {
			return nil, fmt.Errorf("preparing to connect: %w", err)
		}
	}
	return store, nil
}

// Close ends the connections that no session holds.
func (s *Store) Close() {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		s.short.Close()
		s.long.Close()
	}()
	select {
	case <-closed:
	case <-time.After(closeTime):
	}
}

// misread reports whether a password that was not escaped made the address fall
// into the wrong parts: there is an @, and no account before it.
func misread(address string) bool {
	parsed, err := url.Parse(address)
	return err == nil && parsed.Scheme != "" && parsed.User == nil && strings.Contains(address, "@")
}

func (s *Store) connectError(cause error) error {
	return &ConnectError{Host: s.config.Host, Port: s.config.Port, Database: s.config.Database, Cause: cause}
}

// ConnectError says which server could not be reached.
type ConnectError struct {
	Host     string
	Port     uint16
	Database string
	Cause    error
}

// Error names the server and the cause.
func (e *ConnectError) Error() string {
	cause := e.Cause.Error()
	var answer *pgconn.PgError
	if errors.As(e.Cause, &answer) {
		cause = answer.Message
	} else if inner := innermost(e.Cause); inner != nil {
		cause = inner.Error()
		if errors.Is(inner, io.EOF) || errors.Is(inner, io.ErrUnexpectedEOF) {
			cause = "it closed the connection at once"
		}
	}
	return fmt.Sprintf("connecting to database %q at %s port %d: %s", e.Database, e.Host, e.Port, cause)
}

// ConnectKind says why a connection was not made.
type ConnectKind int

// The kinds that call for different things to do.
const (
	Unreachable      ConnectKind = iota // nobody answered, or not as PostgreSQL does
	NoLogin                             // the server does not let the account in
	NoDatabase                          // it has no such database
	NoConnectionFree                    // it has no connection to spare
)

// Kind tells them apart by the server's answer.
func (e *ConnectError) Kind() ConnectKind {
	var answer *pgconn.PgError
	if !errors.As(e.Cause, &answer) {
		return Unreachable
	}
	switch answer.Code {
	case "28000", "28P01":
		return NoLogin
	case "3D000":
		return NoDatabase
	case "53300":
		return NoConnectionFree
	}
	return Unreachable
}

// Unwrap returns the cause.
func (e *ConnectError) Unwrap() error { return e.Cause }

func innermost(err error) error {
	for {
		if many, ok := err.(interface{ Unwrap() []error }); ok && len(many.Unwrap()) > 0 {
			err = many.Unwrap()[0]
			continue
		}
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// quoted returns a name as SQL writes it.
func quoted(parts ...string) string { return pgx.Identifier(parts).Sanitize() }

// with runs work on a connection that nothing else uses meanwhile. What it sets
// there must not outlast its own transactions.
func (s *Store) with(ctx context.Context, work func(*pgconn.PgConn) error) error {
	conn, err := s.short.Acquire(ctx)
	if err != nil {
		return s.connectError(err)
	}
	defer conn.Release()
	return work(conn.Conn().PgConn())
}

// rowsOf runs a statement and returns its rows as texts, "" for NULL.
func rowsOf(ctx context.Context, conn *pgconn.PgConn, sql string, args ...string) ([][]string, error) {
	params := make([][]byte, len(args))
	for i, arg := range args {
		params[i] = []byte(arg)
	}
	result := conn.ExecParams(ctx, sql, params, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, plain(result.Err)
	}
	rows := make([][]string, len(result.Rows))
	for i, row := range result.Rows {
		rows[i] = make([]string, len(row))
		for j, text := range row {
			rows[i][j] = string(text)
		}
	}
	return rows, nil
}

func number(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64) // the server wrote it
	return n
}
