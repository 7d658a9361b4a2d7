package cli

import (
	"errors"

	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/ui"
)

// explainFinish explains why nothing can be said of the servers, and why an old key is not taken away.
func explainFinish(err error) *ui.Error {
	var unproven *rotation.NotProvenError
	switch {
	case errors.As(err, &unproven):
		return &ui.Error{Message: "the old key stays: it is not proven that nothing needs it", Hints: adviceOf(unproven.Reasons), Code: ui.ExitRefused, Findings: unproven.Reasons}
	case errors.Is(err, rotation.ErrInStore):
		return &ui.Error{Message: err.Error(), Code: ui.ExitRefused, Hints: []string{"name a file elsewhere with --escrow, or say with --no-escrow that a copy is kept elsewhere"}}
	case errors.Is(err, rotation.ErrNotBegun):
		return &ui.Error{Message: rotation.ErrNotBegun.Error() + ": there is nothing to compare with", Code: ui.ExitFailed,
			Hints: []string{"ocmt rotate status shows where the keys stand"}}
	case errors.Is(err, rotation.ErrReadinessStandby):
		return &ui.Error{Message: rotation.ErrReadinessStandby.Error(), Code: ui.ExitFailed, Hints: []string{"point DATABASE_URL at the primary"}}
	case errors.Is(err, rotation.ErrReadinessRun):
		return &ui.Error{Message: rotation.ErrReadinessRun.Error(), Code: ui.ExitFailed, Hints: []string{"look again when it has ended; ocmt migrate status shows it"}}
	}
	return nil
}
