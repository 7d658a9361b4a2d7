package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/netconn"
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
	RowsHidden                       // row security would hide rows of a table from the account
)

// FailureError says why a statement failed, in words for an operator. The cause that it
// wraps is for programs only, because what a server says of a row can contain the row's
// values.
type FailureError struct {
	Kind  FailureKind
	said  string // what the server said, without words that could be values
	cause error
}

// ExplainError turns an error of the driver into a *FailureError. It returns other
// errors as they are: those that are explained already, and a cancellation.
func ExplainError(err error) error {
	var known *FailureError
	var connect *ConnectError
	if err == nil || errors.Is(err, context.Canceled) || errors.As(err, &known) || errors.As(err, &connect) {
		return err
	}
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		return &FailureError{Kind: Lost, cause: err}
	}
	return &FailureError{Kind: kindOf(answer), said: quoteAnswer(answer), cause: err}
}

// FailureKindOf returns the kind of a failure of the driver.
func FailureKindOf(err error) FailureKind {
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		return Lost
	}
	return kindOf(answer)
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
		if answer.Routine == "check_enable_rls" {
			return RowsHidden
		}
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

// IsRefusal reports whether the server refuses the statement for what it is, and would refuse
// it again.
func (k FailureKind) IsRefusal() bool {
	return k == Refused || k == ObjectRefused || k == NotAllowed || k == RowsHidden
}

// kindTexts are the kinds in words.
var kindTexts = map[FailureKind]string{
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
	RowsHidden:    "row-level security would hide rows of a table from this account",
}

// Error says what happened, and what the server said where that adds to it.
func (e *FailureError) Error() string {
	text := kindTexts[e.Kind]
	if e.said != "" {
		text += " (it says: " + e.said + ")"
	}
	return text
}

// Sentence says what happened, without what the server said.
func (e *FailureError) Sentence() string { return kindTexts[e.Kind] }

// Reason returns what the server said, with the code of its answer; where it said nothing, why the
// connection broke, "" where that is not known.
func (e *FailureError) Reason() string {
	var answer *pgconn.PgError
	if errors.As(e.cause, &answer) {
		return "the server says: " + e.said + " (" + answer.Code + ")"
	}
	return netconn.FailureOf(e.cause).String()
}

// IsConflict reports whether a deadlock or a serialization failure is the reason, so that
// another try may succeed at once.
func (e *FailureError) IsConflict() bool { return IsConflict(e.cause) }

// Unwrap returns the driver's error.
func (e *FailureError) Unwrap() error { return e.cause }

// quoteAnswer returns what the server said, and the function that said it. A trigger can
// put the new value of a row into its message, so words that could be values are left
// out.
func quoteAnswer(answer *pgconn.PgError) string {
	said := redactWords(answer.Message)
	if answer.ConstraintName != "" {
		said += "; constraint " + answer.ConstraintName
	}
	if where, _, _ := strings.Cut(answer.Where, "\n"); strings.Contains(where, " function ") {
		said += "; " + redactWords(where)
	}
	return said
}

// redactWords returns a text of the server without the words that may be secrets.
func redactWords(text string) string { return secret.Redact(strings.Join(strings.Fields(text), " ")) }

// IsTransient reports whether nothing was written for a reason that passes: a lock that
// was not to be had, a deadlock, or a serialization failure.
func IsTransient(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && kindOf(answer) == InTheWay
}

// IsConflict reports whether nothing was written because of a deadlock or a serialization
// failure.
func IsConflict(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && (answer.Code == "40P01" || answer.Code == "40001")
}
