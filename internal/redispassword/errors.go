package redispassword

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// MissingError says that the store has no address of Redis.
type MissingError struct{ Place string }

// Error names the store.
func (e *MissingError) Error() string { return NameAddress + " is not set in " + e.Place }

// FindError says that the servers of Redis could not be found.
type FindError struct{ Cause error }

// Error says why.
func (e *FindError) Error() string { return "finding the servers of Redis: " + e.Cause.Error() }

// Unwrap returns the cause.
func (e *FindError) Unwrap() error { return e.Cause }

// Obstacle is what keeps a change from going on.
type Obstacle struct {
	Where   string `json:"where"` // the address of a server
	Message string `json:"message"`
	Fix     string `json:"fix"`
}

// String returns the obstacle and what to do, in one line.
func (o Obstacle) String() string {
	text := o.Where + ": " + o.Message
	if o.Fix != "" {
		text += ": " + o.Fix
	}
	return text
}

// RefusedError says why nothing was changed.
type RefusedError struct{ Obstacles []Obstacle }

// Error returns the obstacles.
func (e *RefusedError) Error() string {
	texts := make([]string, len(e.Obstacles))
	for i, obstacle := range e.Obstacles {
		texts[i] = obstacle.String()
	}
	return strings.Join(texts, "; ")
}

// StepError says which step failed at a server. What was done before stays done.
type StepError struct {
	Where, Doing string
	Cause        error
}

// Error names server and step.
func (e *StepError) Error() string { return e.Where + ": " + e.Doing + ": " + e.Cause.Error() }

// Unwrap returns the cause.
func (e *StepError) Unwrap() error { return e.Cause }

// HalfwayError says that a change is under way that was not brought further. The same change goes on from there.
type HalfwayError struct{ Cause error }

// Error returns the cause.
func (e *HalfwayError) Error() string { return e.Cause.Error() }

// Unwrap returns the cause.
func (e *HalfwayError) Unwrap() error { return e.Cause }

// ErrOvertaken says that the store has another change than the one that the operator was asked about, or the
// same one at another stage.
var ErrOvertaken = errors.New("the store is not as it was when the question was asked: another run of ocmt has changed the password meanwhile, or somebody by hand")

// The reasons why a step failed though the server answered.
var (
	// ErrNotAccepted says that a server refuses a password that it should accept.
	ErrNotAccepted = errors.New("the server refuses it")
	// ErrStillAccepted says that a server accepts a password that was taken away.
	ErrStillAccepted = errors.New("the server still accepts it")
	// ErrUnwritable says that a server cannot write its own file.
	ErrUnwritable = errors.New("the server cannot write its file")
)

// OldClient is an address with connections from before the change.
type OldClient struct {
	Node    string `json:"node"`
	From    string `json:"from"` // address without the port
	Name    string `json:"name"` // as the client calls itself; may be empty
	Count   int    `json:"connections"`
	Seconds int64  `json:"oldest_seconds"` // the age of the oldest
}

// LeftError says that connections are left from before the change, so that the old password was not taken away.
type LeftError struct {
	Since   time.Time
	Clients []OldClient
}

// Error counts them.
func (e *LeftError) Error() string {
	count := 0
	for _, client := range e.Clients {
		count += client.Count
	}
	if count == 1 {
		return "1 connection is from before the change"
	}
	return fmt.Sprintf("%d connections are from before the change", count)
}

// The reasons why there is nothing to go on with, or to take back.
var (
	// ErrIdle says that no change is under way.
	ErrIdle = errors.New("no change of the password is under way")
	// ErrBack says that the change is taken back already.
	ErrBack = errors.New("the change is being taken back already")
)
