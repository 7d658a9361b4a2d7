package cli

import (
	"errors"
	"slices"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/ui"
)

// explainStory explains why a step in the story of a key was not made.
func explainStory(err error) *ui.Error {
	var failed *rotation.BeginError
	switch {
	case errors.As(err, &failed):
		return explainBegin(failed)
	case errors.Is(err, rotation.ErrEscrowUndecided):
		return &ui.Error{Message: "the offline copy of the new key was not thought of: --escrow or --no-escrow is needed", Code: ui.ExitUsage,
			Hints: []string{"--escrow FILE writes it before the key is used: what is sealed with a key that is lost can never be read again", "--no-escrow says that none is wanted"}}
	case errors.Is(err, rotation.ErrNothingPending):
		return &ui.Error{Message: err.Error() + ", so there is nothing to give up", Code: ui.ExitUsage, Hints: []string{"ocmt rotate status"}}
	case errors.Is(err, rotation.ErrNotExpected):
		return &ui.Error{Message: err.Error(), Code: ui.ExitRefused, Hints: []string{"ocmt rotate status"},
			Findings: []finding.Finding{{Code: finding.PendingKey, Severity: finding.Error, Where: "encryption_keys", Message: err.Error(), Fix: "ocmt rotate status"}}}
	}
	return nil
}

// explainBegin says at which step a beginning failed, and how it goes on.
func explainBegin(failed *rotation.BeginError) *ui.Error {
	explained := &ui.Error{Message: failed.Err.Error(), Code: ui.ExitFailed}
	var inner *ui.Error
	if errors.As(explain(failed.Err), &inner) {
		*explained = *inner
		explained.Hints = slices.Clone(inner.Hints)
	}
	var hint string
	switch failed.Step { // what the failure leaves is said with the deed that goes on from there
	case rotation.StepEscrow:
		hint = "nothing was recorded, and no place was changed"
	case rotation.StepRecord:
		hint = "the key is in use nowhere; where an offline copy was written, --from-escrow begins with it"
	case rotation.StepPlace:
		hint = "the version is recorded as pending: ocmt rotate status says how to go on"
	default:
		hint = "the key is in place, and not yet recorded as active: ocmt rotate begin goes on"
	}
	explained.Hints = append(explained.Hints, hint)
	return explained
}
