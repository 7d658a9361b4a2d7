package pgmigrate

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
)

// If this fails, a run ends where it should try again, or an operator is not told what
// the server answered.
func TestExplainError(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err            error
		busy, conflict bool
	}{
		"lock timeout":          {&pgconn.PgError{Code: "55P03", Message: "canceling statement due to lock timeout"}, true, false},
		"deadlock":              {&pgconn.PgError{Code: "40P01", Message: "deadlock detected"}, true, true},
		"serialization failure": {&pgconn.PgError{Code: "40001", Message: "could not serialize access"}, true, true},
		"disk full":             {&pgconn.PgError{Code: "53100", Message: "could not extend file"}, false, false},
		"connection lost":       {errors.New("unexpected EOF"), false, false},
	} {
		for form, err := range map[string]error{"driver": c.err, "explained": postgres.ExplainError(c.err)} {
			explained := fmt.Errorf("writing: %w", explainError(err))
			if errors.Is(explained, migrate.ErrBusy) != c.busy || errors.Is(explained, migrate.ErrConflict) != c.conflict {
				t.Errorf("%s, %s: busy %v, conflict %v", name, form, errors.Is(explained, migrate.ErrBusy), errors.Is(explained, migrate.ErrConflict))
			}
			var failure *postgres.FailureError
			if !errors.As(explained, &failure) {
				t.Errorf("%s, %s: no FailureError: %v", name, form, explained)
			}
			if want := "writing: " + postgres.ExplainError(c.err).Error(); explained.Error() != want {
				t.Errorf("%s, %s: it says %q, want %q", name, form, explained, want)
			}
		}
	}
	if err := explainError(migrate.ErrChangedOnWrite); err != migrate.ErrChangedOnWrite { //nolint:errorlint // the error itself
		t.Errorf("a change by a trigger became %v", err)
	}
}
