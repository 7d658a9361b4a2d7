package cli

import (
	"errors"

	"github.com/ocmt/ocmt/internal/runbook"
	"github.com/ocmt/ocmt/internal/ui"
)

// explainRotateAll explains why several secrets were not changed together.
func explainRotateAll(err error) *ui.Error {
	switch {
	case errors.Is(err, runbook.ErrNoRecord):
		return &ui.Error{Message: runbook.ErrNoRecord.Error() + ", so nothing was changed", Code: ui.ExitFailed,
			Hints: []string{"ocmt audit verify-chain says what is wrong with the record; --record FILE keeps it in a file"}}
	case errors.Is(err, runbook.ErrSecondRun):
		return &ui.Error{Message: runbook.ErrSecondRun.Error() + ", so nothing was changed by this one", Code: ui.ExitRefused,
			Hints: []string{"once that one has ended, run this again: it goes on with what is left"}}
	}
	return nil
}
