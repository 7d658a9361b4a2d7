package cli

import (
	"errors"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/ui"
)

// explainFinish explains why nothing can be said of the servers, and why an old key is not taken away.
func explainFinish(err error) *ui.Error {
	var unproven *rotation.NotProvenError
	var back *rotation.PutBackError
	switch {
	case errors.As(err, &back):
		return explainFinishPutBack(back)
	case errors.As(err, &unproven):
		return withFindings(&ui.Error{Message: "the old key stays: it is not proven that nothing needs it", Code: ui.ExitRefused, Findings: unproven.Reasons}, unproven.Reasons)
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

// explainFinishPutBack says that a key was taken away and is back, and why.
func explainFinishPutBack(back *rotation.PutBackError) *ui.Error {
	explained := &ui.Error{Message: back.Error(), Code: ui.ExitFailed, Hints: []string{"run the same command again: it proves everything anew"}}
	var refused *rotation.RefusedError
	var unproven *rotation.NotProvenError
	switch {
	case errors.As(back.Cause, &refused):
		explained.Code, explained.Findings = ui.ExitRefused, []finding.Finding{refused.Finding}
		explained.Hints = []string{"restart the server that still writes the older version, and run ocmt rotate readiness until it says that the servers are ready", refused.Finding.Fix}
	case errors.As(back.Cause, &unproven):
		explained.Code, explained.Findings, explained.Hints = ui.ExitRefused, unproven.Reasons, nil
		explained = withFindings(explained, unproven.Reasons)
	}
	return explained
}

// explainFinishLock says how ocmt rotate finish ended where the server gave its lock away. Another error stays as it is.
func explainFinishLock(err error) error {
	if !errors.Is(err, migrate.ErrLockLost) {
		return err
	}
	return &ui.Error{Message: migrate.ErrLockLost.Error() + ", so the command ended itself; the key is where ocmt rotate status shows it", Code: ui.ExitFailed,
		Hints: []string{"look why the server or a pool closed the connection, then run the same command again: it proves everything anew, and goes on where the key is gone already"}}
}
