package cli

import (
	"errors"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/ui"
)

// explainAudit explains what keeps an audit from being made.
func explainAudit(err error) *ui.Error {
	var unknown *audit.UnknownCheckError
	var baseline *audit.BaselineError
	switch {
	case errors.As(err, &unknown):
		return &ui.Error{Message: unknown.Error(), Hints: []string{"ocmt audit list shows the checks"}, Code: ui.ExitUsage}
	case errors.Is(err, audit.ErrNoCheck):
		return &ui.Error{Message: err.Error(), Hints: []string{"--skip takes away from what --only names: leave one of them out"}, Code: ui.ExitUsage}
	case errors.As(err, &baseline):
		return &ui.Error{Message: err.Error(), Hints: []string{"an entry has id, object, owner, reason and expires; ocmt audit baseline write makes some"}, Code: ui.ExitUsage}
	}
	return nil
}
