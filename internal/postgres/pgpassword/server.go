package pgpassword

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/databasepassword"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/pkg/secret"
)

// closeTimeout is how long the end of a connection may take.
const closeTimeout = time.Second

// Server is PostgreSQL, as it is reached by addresses. It is a databasepassword.Server.
type Server struct {
	options postgres.Options
	timeout time.Duration
}

// AnswerTimeout is how long the first answer after a log-in may take. PgBouncer lets a client in whose account it
// cannot log in with itself, tries that again every 15 seconds (server_login_retry), and leaves the client waiting.
const AnswerTimeout = 20 * time.Second

// New returns the server, whose first answer after a log-in may take so long. It dials nothing.
func New(options postgres.Options, timeout time.Duration) *Server {
	return &Server{options: options, timeout: timeout}
}

// dial makes a connection at an address. The error wraps databasepassword.ErrRefused where the account is not let in.
func (s *Server) dial(ctx context.Context, address secret.Value) (*pgconn.PgConn, error) {
	db, err := postgres.New(address.Reveal(), s.options)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	conn, err := db.Dial(ctx)
	if err != nil {
		return nil, asRefusal(err)
	}
	return conn, nil
}

// refusalError is an error of the driver that says that an account is not let in.
type refusalError struct{ cause error }

func (e *refusalError) Error() string { return e.cause.Error() }

func (e *refusalError) Unwrap() []error {
	list := []error{databasepassword.ErrRefused, e.cause}
	var answer *pgconn.PgError
	// The server looks at NOLOGIN after the password, in the function that also finds out that there is no such role.
	if errors.As(e.cause, &answer) && answer.Code == "28000" && answer.Routine == "InitializeSessionUserId" && !strings.Contains(answer.Message, "does not exist") {
		list = append(list, databasepassword.ErrNoLogin)
	}
	return list
}

// asRefusal marks an error as a refusal. PostgreSQL says so by its code (28000, 28P01). A PgBouncer that was itself
// refused by its server tells its client so with a code for broken protocols (08P01), before 1.20 in words alone. Where it
// rests from that, it has let the client in, and the error is databasepassword.ErrNoAnswer.
func asRefusal(err error) error {
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		return err
	}
	said := strings.ToLower(answer.Message)
	if strings.Contains(said, "login has been failing") {
		return databasepassword.ErrNoAnswer
	}
	isOfPool := answer.Code == "08P01" && (strings.Contains(said, "authentication failed") || strings.Contains(said, "login failed") ||
		strings.Contains(said, "no such user"))
	if answer.Code == "28000" || answer.Code == "28P01" || isOfPool {
		return &refusalError{err}
	}
	return err
}

// LogIn implements databasepassword.Server. It asks a question, because a pool may let a client in whose account it
// cannot log in with itself.
func (s *Server) LogIn(ctx context.Context, address secret.Value) error {
	conn, err := s.dial(ctx, address)
	if err != nil {
		return err
	}
	defer closeConn(ctx, conn)
	return s.ask(ctx, func(ctx context.Context) error {
		_, err := conn.Exec(ctx, "select 1").ReadAll()
		return postgres.ExplainError(err)
	})
}

// ask asks the first question after a log-in. The error wraps databasepassword.ErrNoAnswer where none comes.
func (s *Server) ask(ctx context.Context, question func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	err := question(limited)
	var answer *pgconn.PgError
	isOfPool := errors.As(err, &answer) && answer.Message == "query_wait_timeout"
	if err != nil && ctx.Err() == nil && (limited.Err() != nil || isOfPool) {
		return databasepassword.ErrNoAnswer
	}
	return asRefusal(err)
}

// Open implements databasepassword.Server.
func (s *Server) Open(ctx context.Context, address secret.Value) (databasepassword.Session, error) {
	conn, err := s.dial(ctx, address)
	if err != nil {
		return nil, err
	}
	var pooled bool
	err = s.ask(ctx, func(ctx context.Context) (err error) {
		pooled, err = postgres.IsPooled(ctx, conn)
		return err
	})
	if err != nil {
		closeConn(ctx, conn)
		return nil, err
	}
	return &Session{server: s, conn: conn, pooled: pooled}, nil
}

// Session is a connection that changes roles. It is a databasepassword.Session.
type Session struct {
	server *Server
	conn   *pgconn.PgConn
	pooled bool
}

// ask asks a question. A pool may have to log in at the server anew for it, and keeps its client waiting where it cannot:
// the error wraps databasepassword.ErrNoAnswer then, and the connection has ended.
func (s *Session) ask(ctx context.Context, question func(context.Context) error) error {
	if !s.pooled {
		return question(ctx)
	}
	return s.server.ask(ctx, question)
}

// Close implements databasepassword.Session.
func (s *Session) Close(ctx context.Context) { closeConn(ctx, s.conn) }

func closeConn(ctx context.Context, conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_ = conn.Close(ctx)
}

// queryRows runs a statement and returns its rows.
func (s *Session) queryRows(ctx context.Context, sql string, args ...string) (rows [][]string, err error) {
	err = s.ask(ctx, func(ctx context.Context) error {
		rows, err = postgres.QueryRows(ctx, s.conn, sql, args...)
		return err
	})
	return rows, err
}

// queryColumn runs a statement and returns its first column.
func (s *Session) queryColumn(ctx context.Context, sql string, args ...string) (list []string, err error) {
	err = s.ask(ctx, func(ctx context.Context) error {
		list, err = postgres.QueryColumn(ctx, s.conn, sql, args...)
		return err
	})
	return list, err
}

// alter changes a role in a transaction of its own that is on disk when it ends. It is made as the account that has
// logged in: where the account acts as another role (ALTER ROLE … SET role), that one may not change its password.
func (s *Session) alter(ctx context.Context, role, what string) error {
	return s.ask(ctx, func(ctx context.Context) error {
		return postgres.InTransaction(ctx, s.conn, func() error {
			_, err := s.conn.Exec(ctx, "set local role none; set local synchronous_commit = on; alter role "+postgres.Quote(role)+" "+what).ReadAll()
			return postgres.ExplainError(err)
		})
	})
}

// SetPassword implements databasepassword.Session.
func (s *Session) SetPassword(ctx context.Context, role string, verifier secret.Value) error {
	return s.alter(ctx, role, "password "+quoteText(verifier.Reveal()))
}

// SetLogin implements databasepassword.Session.
func (s *Session) SetLogin(ctx context.Context, role string, allowed bool) error {
	if allowed {
		return s.alter(ctx, role, "login")
	}
	return s.alter(ctx, role, "nologin")
}

// quoteText writes a text as an SQL literal that reads the same with standard_conforming_strings on or off.
func quoteText(text string) string {
	return " E'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}

// verifierSQL reads what the server keeps of a password. Superusers may, and whom they have granted it.
const verifierSQL = `select case when pg_catalog.has_column_privilege('pg_catalog.pg_authid', 'rolpassword', 'select') then 't' else 'f' end`

// Verifier implements databasepassword.Session.
func (s *Session) Verifier(ctx context.Context, role string) (secret.Value, error) {
	may, err := s.queryColumn(ctx, verifierSQL)
	if err != nil {
		return secret.Value{}, fmt.Errorf("asking whether verifiers may be read: %w", err)
	}
	if may[0] != "t" {
		return secret.Value{}, nil
	}
	list, err := s.queryColumn(ctx, "select rolpassword from pg_catalog.pg_authid where rolname = $1::text::name", role)
	if err != nil {
		return secret.Value{}, fmt.Errorf("reading the verifier of the role %q: %w", role, err)
	}
	if len(list) == 0 {
		return secret.Value{}, nil
	}
	return secret.NewValue(list[0]), nil
}

// connectionsSQL counts connections of clients by their address. An account sees the addresses and the times of
// accounts that it is a member of, and of all with pg_read_all_stats; of others it sees that they are there.
const connectionsSQL = `select coalesce(pg_catalog.host(client_addr), ''), pg_catalog.count(*) from pg_catalog.pg_stat_activity
	where usename = $1::text::name and pid <> pg_catalog.pg_backend_pid() and coalesce(backend_type, 'client backend') = 'client backend'
	and coalesce(application_name, '') <> $2 and ($3 = '' or coalesce(backend_start < $3::timestamptz, true))
	group by 1 order by 1`

// Connections implements databasepassword.Session.
func (s *Session) Connections(ctx context.Context, role, before string) ([]databasepassword.Peer, error) {
	rows, err := s.queryRows(ctx, connectionsSQL, role, s.server.options.ApplicationName, before)
	if err != nil {
		return nil, err
	}
	peers := make([]databasepassword.Peer, len(rows))
	for i, row := range rows {
		peers[i] = databasepassword.Peer{Address: row[0], Count: int(postgres.ParseNumber(row[1]))}
	}
	return peers, nil
}
