package postgres

import (
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5/pgconn"
)

// ConnectError says which server could not be reached.
type ConnectError struct {
	Host     string
	Port     uint16
	Database string
	Cause    error
}

func (db *DB) connectError(cause error) error {
	return &ConnectError{Host: db.config.Host, Port: db.config.Port, Database: db.config.Database, Cause: cause}
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

// Unwrap returns the cause.
func (e *ConnectError) Unwrap() error { return e.Cause }

// ConnectKind says why a connection was not made.
type ConnectKind int

// The kinds that call for different things to do.
const (
	Unreachable      ConnectKind = iota // nothing answered, or not as PostgreSQL does
	NoLogin                             // the server does not let the account in
	NoDatabase                          // the server has no such database
	NoConnectionFree                    // the server has no connection to spare
)

// Kind returns the kind by the server's answer.
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

// IsWrongPassword reports whether the server, asked for a log-in, takes the password or the account for wrong.
// Without this answer the reason may be another: a rule about addresses, or no database.
func (e *ConnectError) IsWrongPassword() bool {
	var answer *pgconn.PgError
	return errors.As(e.Cause, &answer) && answer.Code == "28P01"
}

// innermost returns the first cause of an error that wraps others.
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
