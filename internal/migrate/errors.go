package migrate

import (
	"context"
	"errors"

	"github.com/ocmt/ocmt/internal/finding"
)

var (
	// ErrLocked says that another run holds the lock of this database.
	ErrLocked = errors.New("another run is at work on this database")
	// ErrLockLost says that the connection which holds the lock ended during the
	// run.
	ErrLockLost = errors.New("the connection that holds the run's lock was lost")
	// ErrChangedOnWrite says that the database changed what was written, as a
	// trigger can. The transaction was rolled back.
	ErrChangedOnWrite = errors.New("a trigger changes the values while they are written")
	// ErrBusy says that another transaction is in the way for a while.
	ErrBusy = errors.New("another transaction holds the table")
	// ErrConflict says that a deadlock or a serialization failure is the reason. Such
	// an error is an ErrBusy too.
	ErrConflict = errors.New("another transaction works on the same rows")
	// ErrSetAside says that a value had to be set aside, and that the request asks to
	// stop there.
	ErrSetAside = errors.New("a value cannot be moved")
	// ErrStopped says that the run was asked to stop and has finished its batches.
	ErrStopped = errors.New("stopped on request")
	// ErrAborted says that a steering order asked the run to end. The error that comes back is an AbortedError.
	ErrAborted = errors.New("aborted on request from outside")
)

// AbortedError is an ErrAborted that says who gave the order.
type AbortedError struct{ By string } // "" where that is not known

// Error names the operator.
func (e AbortedError) Error() string {
	if e.By == "" {
		return ErrAborted.Error()
	}
	return ErrAborted.Error() + ", by " + e.By
}

// Is reports whether the target is ErrAborted.
func (e AbortedError) Is(target error) bool { return target == ErrAborted }

// errPaused says that the run waits.
var errPaused = errors.New("the run waits")

// isStop reports whether a run ended because it was asked to.
func isStop(err error) bool {
	return errors.Is(err, ErrStopped) || errors.Is(err, ErrAborted) || errors.Is(err, context.Canceled)
}

// ignoreStop returns nil for a worker that was asked to stop: an error would make
// the group cancel the other workers in the middle of their batches.
func ignoreStop(err error) error {
	if errors.Is(err, ErrStopped) || errors.Is(err, ErrAborted) {
		return nil
	}
	return err
}

// UnknownNameError says that a table or column is not in the catalogue. Name is as
// the operator wrote it and could be anything.
type UnknownNameError struct{ Kind, Name string } // Kind is table or column

// Error says which kind of name it is.
func (e *UnknownNameError) Error() string { return "the catalogue has no such " + e.Kind }

// RefusedError says why nothing was started. Nothing has been written.
type RefusedError struct{ Findings []finding.Finding }

// Error lists the findings.
func (e *RefusedError) Error() string { return "refusing to start: " + finding.Texts(e.Findings) }

// ClosedError says that the account may not enter the schema of a table that the deployment names.
type ClosedError struct{ Reason finding.Reason }

// Error says which.
func (e *ClosedError) Error() string { return e.Reason.Text }
