package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// If this fails, a trigger's or the server's words carry a secret into a log, or
// an operator is told a wrong cause.
func TestFailureInWords(t *testing.T) {
	t.Parallel()
	const sealed = "v1:AAAAAAAAAAAAAAAAAAAAAA==:AAAAAAAAAAAAAAAAAAAAAA==:c2VjcmV0"
	for name, c := range map[string]struct {
		err  error
		kind FailureKind
		says string
	}{
		"cut":        {fmt.Errorf("reading: %w", io.ErrUnexpectedEOF), Lost, "the connection to the database was lost"},
		"deadline":   {context.DeadlineExceeded, Lost, "the connection to the database was lost"},
		"terminated": {&pgconn.PgError{Code: "57P01", Message: "terminating connection due to administrator command"}, Ended, "administrator command"},
		"limit":      {&pgconn.PgError{Code: "57014", Message: "canceling statement due to statement timeout"}, TookTooLong, "statement timeout"},
		"canceled":   {&pgconn.PgError{Code: "57014", Message: "canceling statement due to user request"}, Canceled, "user request"},
		"disk":       {&pgconn.PgError{Code: "53100", Message: "could not extend file"}, NoRoom, "no room left"},
		"memory":     {&pgconn.PgError{Code: "53200", Message: "out of memory"}, NoResources, "out of memory"},
		"files":      {&pgconn.PgError{Code: "XX001", Message: "invalid page"}, Damaged, "invalid page"},
		"standby":    {&pgconn.PgError{Code: "25006"}, ReadOnly, "takes no writes"},
		"pool":       {&pgconn.PgError{Code: "08P01", Message: "query_wait_timeout"}, Ended, "query_wait_timeout"},
		"lock":       {&pgconn.PgError{Code: "55P03", Message: "canceling statement due to lock timeout"}, InTheWay, "lock timeout"},
		"trigger": {&pgconn.PgError{Code: "P0001", Message: "old " + sealed + " new " + sealed, Where: "PL/pgSQL function frozen() line 2 at RAISE\nSQL " + sealed},
			ObjectRefused, "frozen()"},
		"constraint": {&pgconn.PgError{Code: "23514", Message: "violates check constraint", ConstraintName: "a_long_name_that_is_shown_all_the_same", Detail: sealed},
			ObjectRefused, "a_long_name_that_is_shown_all_the_same"},
		"other": {&pgconn.PgError{Code: "42P01", Message: `relation "x" does not exist`}, Refused, `relation "x"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var failure *FailureError
			if err := ExplainError(c.err); !errors.As(err, &failure) || failure.Kind != c.kind {
				t.Fatalf("%v, want kind %d", err, c.kind)
			}
			said := failure.Error()
			if !strings.Contains(said, c.says) || strings.Contains(said, "SQLSTATE") || strings.Contains(said, "AAAA") {
				t.Errorf("it says %q", said)
			}
			if !errors.Is(failure, c.err) && errors.Unwrap(c.err) == nil {
				t.Error("the cause is lost")
			}
			if again := ExplainError(fmt.Errorf("further up: %w", failure)); !strings.HasPrefix(again.Error(), "further up: ") {
				t.Errorf("it was wrapped again: %v", again)
			}
		})
	}
	if err := ExplainError(context.Canceled); !errors.Is(err, context.Canceled) || err.Error() != "context canceled" {
		t.Errorf("what was asked to end became %v", err)
	}
}
