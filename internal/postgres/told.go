package postgres

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/pkg/secret"
)

// ServerError is what the server answered to a statement about secrets.
type ServerError struct {
	Code    string // SQLSTATE
	Message string // without what may be a value: a trigger can put one there
	cause   error
}

// Error gives both.
func (e *ServerError) Error() string {
	return fmt.Sprintf("the server answered: %s (SQLSTATE %s)", e.Message, e.Code)
}

// Unwrap returns migrate.ErrBusy where another transaction was in the way.
func (e *ServerError) Unwrap() error { return e.cause }

// told is an error that may be shown.
func told(err error) error {
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		return err
	}
	shown := &ServerError{Code: answer.Code, Message: secret.Redact(answer.Message)}
	if tryLater(err) {
		shown.cause = migrate.ErrBusy
	}
	return shown
}
