package migrate

import (
	"errors"
	"strings"
)

var (
	// ErrLocked: another run holds the lock of this database.
	ErrLocked = errors.New("another run is at work on this database")
	// ErrLockLost: the connection that holds the lock ended during the run.
	ErrLockLost = errors.New("the connection that holds the run's lock was lost")
	// ErrChangedOnWrite: the database made something else of what was written, as
	// a trigger can. It was taken back.
	ErrChangedOnWrite = errors.New("a trigger changes the values while they are written")
	// ErrBusy: another transaction is in the way, for a while.
	ErrBusy = errors.New("another transaction holds the table")
	// ErrConflict: it is so by a deadlock or a serialization failure. It is an
	// ErrBusy too.
	ErrConflict = errors.New("another transaction works on the same rows")
	// ErrSetAside: a value had to be set aside, and the request says to stop.
	ErrSetAside = errors.New("a value cannot be moved")
	// ErrStopped: the run was asked to stop and has finished what was in hand.
	ErrStopped = errors.New("stopped on request")
)

// UnknownNameError says that a table or column is not in the catalogue. The name
// is as it was given, and could be anything.
type UnknownNameError struct{ Kind, Name string } // table or column

// Error says which kind of name it is.
func (e *UnknownNameError) Error() string { return "the catalogue has no such " + e.Kind }

// RefusedError says why nothing was started; nothing has been written.
type RefusedError struct{ Obstacles []Obstacle }

// Error lists the obstacles.
func (e *RefusedError) Error() string {
	texts := make([]string, len(e.Obstacles))
	for i, obstacle := range e.Obstacles {
		texts[i] = obstacle.Where + ": " + obstacle.Message
	}
	return "refusing to start: " + strings.Join(texts, "; ")
}
