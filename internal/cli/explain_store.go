package cli

import (
	"errors"

	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/internal/ui"
)

// storeCodes are the exit codes of what a store refuses or cannot do.
var storeCodes = []struct {
	err  error
	code ui.ExitCode
	fix  string // where the error has none of its own
}{
	{secretstore.ErrChanged, ui.ExitRefused, "find out who changed it, then run this again: it reads it anew"},
	{secretstore.ErrMoved, ui.ExitRefused, "see who changes the links and folders of the path, then run this again"},
	{secretstore.ErrForeign, ui.ExitRefused, "run this as the account that it belongs to"},
	{secretstore.ErrTwice, ui.ExitRefused, "take the line out that nothing reads, and keep a copy of it"},
	{secretstore.ErrReadOnly, ui.ExitFailed, "change the secret where the place gets it from"},
	{secretstore.ErrLocked, ui.ExitFailed, "see whether another ocmt runs, and run this again when it has ended"},
	{secretstore.ErrNoPlainFile, ui.ExitFailed, "name the file itself"},
	{secretstore.ErrValue, ui.ExitFailed, "make another secret with ocmt keygen"},
	{secretstore.ErrName, ui.ExitUsage, "give the name of a setting, such as ADMIN_TOKEN"},
}

// explainStore explains why a store of secrets did not take a change, or could not be read.
func explainStore(err error) *ui.Error {
	var partial *secretstore.PartialError
	var problem *secretstore.PlaceError
	isProblem := errors.As(err, &problem)
	explained := &ui.Error{Message: err.Error(), Code: ui.ExitFailed}
	if isProblem && problem.Fix != "" {
		explained.Hints = []string{problem.Fix}
	}
	known := false
	for _, one := range storeCodes {
		if !known && errors.Is(err, one.err) {
			known, explained.Code = true, one.code
			if len(explained.Hints) == 0 {
				explained.Hints = []string{one.fix}
			}
		}
	}
	var trial *secretstore.TrialError
	if errors.As(err, &trial) && errors.Is(err, secretstore.ErrReadOnly) {
		explained.Code = ui.ExitRefused // it was found before anything was changed
	}
	switch {
	case errors.Is(err, ui.ErrInterrupted) && !errors.As(err, &partial):
		return nil
	case errors.As(err, &partial):
		explained.Code = ui.ExitPartial
		explained.Hints = append(explained.Hints, "look at what the place holds now before anything restarts")
		return explained
	case isProblem || known:
		return explained
	}
	return nil
}
