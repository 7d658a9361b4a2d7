package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/pkg/secret"
)

// FailureKind says what kept a statement from being carried out.
type FailureKind int

// The kinds of failure that call for different things to do.
const (
	Refused       FailureKind = iota // the server does not carry the statement out
	Lost                             // the connection broke: what was under way is written or is not
	Ended                            // the server ended the connection: likewise
	TookTooLong                      // the limit of --statement-timeout
	Canceled                         // somebody canceled the statement on the server
	InTheWay                         // another transaction: a lock, a deadlock, a conflict
	NoRoom                           // the server's disk is full
	NoResources                      // no memory, no connection
	Damaged                          // the server cannot read or write its own files
	ReadOnly                         // it takes no writes: a standby, or one that has become it
	ObjectRefused                    // a trigger or a constraint of the table
	NotAllowed                       // the account lacks a right
)

// FailureError is why a statement failed, in words for an operator. The cause
// beneath it is for programs only: what a server says of a row can hold the
// row's values.
type FailureError struct {
	Kind  FailureKind
	said  string // by the server, without what could be a value
	cause error
}

// plain turns an error of the driver into a *FailureError. What ended because it
// was asked to end stays as it is, and so does what is no failure of the server.
func plain(err error) error {
	var known *FailureError
	var connect *ConnectError
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, migrate.ErrChangedOnWrite) || errors.As(err, &known) || errors.As(err, &connect) {
		return err
	}
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		return &FailureError{Kind: Lost, cause: err}
	}
	return &FailureError{Kind: kindOf(answer), said: saidBy(answer), cause: err}
}

func kindOf(answer *pgconn.PgError) FailureKind {
	switch answer.Code {
	case "57P01", "57P02", "57P03", "57P04", "57P05", "25P03":
		return Ended
	case "57014":
		if strings.Contains(answer.Message, "statement timeout") {
			return TookTooLong
		}
		return Canceled
	case "55P03", "40P01", "40001":
		return InTheWay
	case "53100":
		return NoRoom
	case "25006":
		return ReadOnly
	case "P0001":
		return ObjectRefused
	case "42501":
		return NotAllowed
	}
	switch answer.Code[:min(2, len(answer.Code))] {
	case "08":
		return Ended
	case "53":
		return NoResources
	case "58", "XX":
		return Damaged
	case "23", "44", "09", "27":
		return ObjectRefused
	}
	return Refused
}

// whats are the kinds in words.
var whats = map[FailureKind]string{
	Refused:       "the server refuses the statement",
	Lost:          "the connection to the database was lost",
	Ended:         "the server ended the connection",
	TookTooLong:   "a statement took longer than the statement timeout",
	Canceled:      "somebody canceled the statement on the server",
	InTheWay:      "another transaction was in the way",
	NoRoom:        "the server has no room left on its disk",
	NoResources:   "the server is short of memory or connections",
	Damaged:       "the server cannot read or write its files",
	ReadOnly:      "the server takes no writes: it is a standby, or set read-only",
	ObjectRefused: "a trigger or a constraint of the table refuses the new value",
	NotAllowed:    "the account may not do this",
}

// Error says what happened, and what the server said where that adds to it.
func (e *FailureError) Error() string {
	text := whats[e.Kind]
	if e.said != "" {
		text += " (it says: " + e.said + ")"
	}
	return text
}

// Is reports whether it is migrate.ErrBusy: another transaction was in the way; or
// migrate.ErrConflict.
func (e *FailureError) Is(target error) bool {
	return target == migrate.ErrBusy && e.Kind == InTheWay || target == migrate.ErrConflict && conflicts(e.cause)
}

// Unwrap returns the driver's error.
func (e *FailureError) Unwrap() error { return e.cause }

// saidBy is what the server said, with the function that said it. A trigger can
// put the new value of a row into its words.
func saidBy(answer *pgconn.PgError) string {
	said := shortWords(answer.Message)
	if answer.ConstraintName != "" {
		said += "; constraint " + answer.ConstraintName
	}
	if where, _, _ := strings.Cut(answer.Where, "\n"); strings.Contains(where, " function ") {
		said += "; " + shortWords(where)
	}
	return said
}

// shortWords is a text of the server without the words that may be secrets.
func shortWords(text string) string { return secret.Redact(strings.Join(strings.Fields(text), " ")) }
