package cli

import (
	"context"
	"errors"

	"github.com/ocmt/ocmt/internal/secretstore/openclaw"
	"github.com/ocmt/ocmt/internal/token"
	"github.com/ocmt/ocmt/internal/ui"
)

// explainToken explains why a token was not changed, or not proven.
func explainToken(err error) *ui.Error {
	var unset *token.UnsetError
	var differ *token.DifferError
	var unfinished *token.UnfinishedError
	var failed *token.WriteError
	var unproven *unprovenError
	switch {
	case errors.As(err, &failed):
		return explainTokenWrite(failed)
	case errors.As(err, &unproven):
		return explainTokenProof(unproven)
	case errors.As(err, &unset):
		return &ui.Error{Message: unset.Error() + ": there is no token to change; nothing was written", Code: ui.ExitRefused,
			Hints: []string{"check that the place is the right one; a first token is made with ocmt keygen"}}
	case errors.As(err, &differ):
		return &ui.Error{Message: differ.Error() + "; nothing was written", Code: ui.ExitRefused, Hints: []string{
			"find out which one the servers run with, put it into every place, then run this again",
			"where an earlier change was interrupted, name the record that it had: the database, or --record FILE"}}
	case errors.As(err, &unfinished):
		return &ui.Error{Message: unfinished.Error() + "; nothing was written", Code: ui.ExitRefused, Hints: []string{"run the same command with --resume: it finishes that change with the same token"}}
	case errors.Is(err, token.ErrNothingBegun):
		return &ui.Error{Message: err.Error() + "; nothing was written", Code: ui.ExitRefused, Hints: []string{"run the same command without --resume"}}
	case errors.Is(err, token.ErrSame):
		return &ui.Error{Message: err.Error() + ", so nothing can be told from a server's answer", Code: ui.ExitRefused, Hints: []string{"give the token that stood there before, or leave --old-file out"}}
	case errors.Is(err, token.ErrTwice):
		return &ui.Error{Message: err.Error(), Code: ui.ExitUsage, Hints: []string{"name each place once"}}
	case errors.Is(err, openclaw.ErrElsewhere):
		explained := explainStore(err)
		explained.Code = ui.ExitRefused
		return explained
	}
	return nil
}

// explainTokenWrite says what the places hold after one could not be written.
func explainTokenWrite(failed *token.WriteError) *ui.Error {
	explained := &ui.Error{Message: failed.Error(), Code: ui.ExitFailed}
	var cause *ui.Error
	if errors.As(explain(failed.Err), &cause) {
		explained.Code, explained.Hints = cause.Code, cause.Hints
	}
	if errors.Is(failed.Err, context.Canceled) {
		explained.Code = ui.ExitInterrupted
	}
	if !failed.Undone {
		explained.Code = ui.ExitPartial
		explained.Hints = append(explained.Hints, "restart nothing before every place has the same token; once they can be written, the same command with --resume finishes this change")
	} else if explained.Code == ui.ExitPartial {
		explained.Code = ui.ExitFailed
	}
	return explained
}

// explainTokenProof says what is known of the servers, and how to ask them again.
func explainTokenProof(unproven *unprovenError) *ui.Error {
	r := unproven.rotation
	explained := &ui.Error{Message: unproven.Error(), Code: ui.ExitPartial, Hints: []string{
		"restart the servers that have not got the new token, then " + r.proveCommand() + " --old-file FILE"}}
	switch {
	case errors.Is(unproven.err, ui.ErrInterrupted):
		explained.Code = ui.ExitInterrupted
	case unproven.err == nil:
		explained.Hints = []string{r.proveCommand() + " --old-file FILE, with the old token in FILE, tries it too"}
	case !r.document.Written && unproven.isAnswered():
		explained.Code = ui.ExitFound
	case !r.document.Written:
		explained.Code = ui.ExitFailed
	}
	return explained
}
