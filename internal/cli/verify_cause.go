package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/rotation"
)

// causedError is what a verification found wrong, with what is to be done before anything else.
type causedError struct {
	err     error
	first   []string
	instead bool // first takes the place of what would move the values
}

// Error says what was found.
func (e *causedError) Error() string { return e.err.Error() }

// Unwrap returns what was found.
func (e *causedError) Unwrap() error { return e.err }

// addCause returns hints with those of a cause before them, where the error has one. The former hints are those by the
// values alone.
func addCause(err error, former, hints []string) []string {
	var caused *causedError
	switch {
	case !errors.As(err, &caused):
		return hints
	case caused.instead:
		hints = otherHints(former)
	}
	return slices.Concat(caused.first, hints)
}

// nameCause adds to what a verification found wrong why it may be so: the key itself is wrong, a run is at work on these
// values, or another key was asked for than the one that the servers write with. What cannot be found out is left out.
func (e *engine) nameCause(ctx context.Context, found *migrate.Verification, err error) error {
	var unproven *rotation.UnprovenError
	if !errors.As(err, &unproven) {
		return err
	}
	if len(found.Refused) > 0 {
		recorded, failed := e.db.record.KeyStates(ctx)
		if failed != nil {
			recorded = nil
		}
		if wrong := rotation.FindWrongKey(e.request, found, placementOf(e.settings), recorded); wrong != nil {
			return wrong
		}
	}
	if len(found.Versions) == 0 {
		return err
	}
	if e.request.To < e.request.Configured && found.Versions[e.request.Configured] > 0 {
		return &causedError{err: err, first: []string{fmt.Sprintf("ocmt migrate verify without --to-version looks with the key of version %d, which this process writes with", e.request.Configured)}, instead: true}
	}
	return e.nameRun(ctx, err)
}

// nameRun adds that a run is at work, which moves the values, or that something else holds its lock.
func (e *engine) nameRun(ctx context.Context, err error) error {
	work, failed := e.db.record.Work(ctx)
	if failed != nil || work.Lock == nil {
		return err
	}
	if holder := holderOf(work); holder != nil {
		return &causedError{err: err, first: append([]string{holder.Summary}, holder.Ends...)}
	}
	first := []string{"a run is at work: ocmt migrate status --watch shows how far it is; once it has ended, run this again, and keep every old key until this finds nothing"}
	if paused := pauseOf(work.Run); paused != "" {
		first = append([]string{"the run at work is " + paused + ": ocmt migrate resume lets it go on"}, first...)
	}
	return &causedError{err: err, first: first, instead: true}
}
