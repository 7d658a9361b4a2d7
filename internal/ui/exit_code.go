package ui

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
)

// ExitCode is the status that a command ends with. Scripts branch on it, so a code never
// changes its meaning.
type ExitCode int

// The exit codes of ocmt.
const (
	ExitDone        ExitCode = 0   // done, or nothing to do
	ExitFailed      ExitCode = 1   // failed
	ExitUsage       ExitCode = 2   // wrong usage or settings
	ExitFound       ExitCode = 3   // checked, and found something
	ExitPartial     ExitCode = 4   // done in part: some values set aside
	ExitRefused     ExitCode = 5   // refused for safety; nothing was changed
	ExitInterrupted ExitCode = 130 // stopped by Ctrl-C or SIGTERM
)

// Meaning returns the code in words, as every help page prints it.
func (c ExitCode) Meaning() string {
	switch c {
	case ExitDone:
		return "done, or nothing to do"
	case ExitFailed:
		return "failed"
	case ExitUsage:
		return "wrong usage or settings"
	case ExitFound:
		return "checked, and found something"
	case ExitPartial:
		return "done in part: some values were set aside"
	case ExitRefused:
		return "refused for safety; nothing was changed"
	case ExitInterrupted:
		return "interrupted; safe to run again"
	default:
		return "unknown"
	}
}

// kind returns the code as error documents spell it.
func (c ExitCode) kind() string {
	switch c {
	case ExitDone:
		return "done"
	case ExitUsage:
		return "usage"
	case ExitFound:
		return "found"
	case ExitPartial:
		return "partial"
	case ExitRefused:
		return "refused"
	case ExitInterrupted:
		return "interrupted"
	default:
		return "failed"
	}
}

// ErrInterrupted is the cause of a context that ended because the operator asked the
// program to stop.
var ErrInterrupted = errors.New("interrupted")

// Error is an error as the operator reads it.
type Error struct {
	Message string // what went wrong and where, lower case, no full stop
	// Why is the cause, where Message does not say it: lower case, no full stop. Where it is "", Cause is
	// shown.
	Why     string
	Reasons []string // further causes, a line each
	Hints   []string // what to do next, a deed each
	// Missing are rights whose absence is the matter, or a part of it. The statements that give them come before Hints.
	Missing []finding.Right
	Code    ExitCode // 0 for the code of Cause, or ExitFailed
	Cause   error    // may be nil
	// Findings are what the error is about, for programs; people read Message and
	// Hints.
	Findings []finding.Finding
}

// Error returns message and causes in one line.
func (e *Error) Error() string {
	if why := e.why(); len(why) > 0 {
		return e.Message + ": " + strings.Join(why, "; ")
	}
	return e.Message
}

// why returns the causes, none where the message says all.
func (e *Error) why() []string {
	switch {
	case e.Why != "":
		return append([]string{e.Why}, e.Reasons...)
	case e.Cause != nil:
		return append([]string{e.Cause.Error()}, e.Reasons...)
	}
	return e.Reasons
}

// next returns the deeds, each in one line.
func (e *Error) next() []string {
	if len(e.Missing) == 0 {
		return slices.Clone(e.Hints)
	}
	first := GrantAdvice + " " + finding.GrantText(e.Missing)
	return append([]string{first}, e.Hints...)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// ExitCodeOf returns the status that an error ends the program with: the code of the
// outermost *Error that has one, else ExitInterrupted after an interruption, else
// ExitFailed.
func ExitCodeOf(err error) ExitCode {
	if err == nil {
		return ExitDone
	}
	for rest := err; rest != nil; {
		var reported *Error
		if !errors.As(rest, &reported) {
			break
		}
		if reported.Code != ExitDone {
			return reported.Code
		}
		rest = reported.Cause
	}
	if errors.Is(err, ErrInterrupted) || errors.Is(err, context.Canceled) {
		return ExitInterrupted
	}
	return ExitFailed
}
