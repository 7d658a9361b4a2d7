// Package secretstore says what a place is that a deployment keeps its secrets in: an env file, a folder
// with a file for each. Below it stands one package for each kind of place; the suite in storetest is what
// each of them must pass.
package secretstore

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/ocmt/ocmt/pkg/secret"
)

// Store is a place that keeps secrets by the names of their settings.
type Store interface {
	// Place names the store for people, such as `env file "/etc/ocmt/.env"`. It has no secret in it.
	Place() string
	// Names returns the names that are set, in order.
	Names(ctx context.Context) ([]string, error)
	// Get returns the secret of a name. It is not set where the store has none. An empty text is none.
	Get(ctx context.Context, name string) (secret.Value, error)
	// Apply makes changes, in their order, and reads back what it wrote. Where the place can, it makes all of
	// them in one write. Where a name does not hold what its change expects, nothing is changed, and the
	// error wraps ErrChanged. Other errors: ErrReadOnly, ErrForeign, ErrLocked, ErrMoved, ErrNoPlainFile,
	// ErrName, ErrValue, ErrTwice, nearly all in a *PlaceError; a *PartialError where some were made and the
	// rest failed.
	Apply(ctx context.Context, changes ...Change) error
	// Try does what Apply does, up to the moment before a change counts, and leaves everything as it was: a new
	// file is written beside an old one, with the old text, and removed. What it returns nil for, Apply takes,
	// unless the place changes in between. Errors: those of Apply, but no *PartialError.
	Try(ctx context.Context, changes ...Change) error
}

// Reporter is a store that has something to tell about what Apply did beside the changes.
type Reporter interface {
	// Notes returns, in sentences for people, what else was changed or could not be kept, such as a mode that
	// was open to others. None has a secret in it.
	Notes() []string
	// Backups returns the paths of the copies that were made of what was there before.
	Backups() []string
}

// Change is a new secret for a name. The texts do not print.
type Change struct {
	Name string
	Old  secret.Value // what the store must hold for it; not set: it must have none
	New  secret.Value // not set: the name is taken out
}

// The reasons why a store does not take a change.
var (
	// ErrChanged says that a name holds another secret than was expected: somebody else has changed it.
	ErrChanged = errors.New("it holds another secret than was expected")
	// ErrReadOnly says that the place cannot be written from here, such as a mount of Kubernetes.
	ErrReadOnly = errors.New("it cannot be written from here")
	// ErrForeign says that the place belongs to somebody who could read or replace what is written.
	ErrForeign = errors.New("it belongs to another account")
	// ErrLocked says that another writer is at work, and did not end in time.
	ErrLocked = errors.New("another program is writing it")
	// ErrName says that a name cannot stand in the place.
	ErrName = errors.New("it cannot have this name")
	// ErrValue says that a text cannot stand in the place so that it is read back as it is.
	ErrValue = errors.New("it cannot hold this text")
	// ErrMoved says that the path led to another file or folder at the end than at the beginning.
	ErrMoved = errors.New("its path leads to something else now")
	// ErrNoPlainFile says that there is no file with text that can be read: a device, a pipe, UTF-16.
	ErrNoPlainFile = errors.New("it is no plain text file")
	// ErrTwice says that one name stands twice with different texts, and one of them could not be had back.
	ErrTwice = errors.New("a name stands twice with different texts")
)

// PlaceError says why a place does not do what it was asked for. It has no secret in it.
type PlaceError struct {
	Place  string // as Store.Place has it
	Reason string // "the folder is writable by others"; "" where Err says it
	Fix    string // what to do, in a sentence
	Err    error  // one of the errors above, or that of the operating system
}

// Error names the place and the reason.
func (e *PlaceError) Error() string {
	if e.Reason == "" {
		return e.Place + ": " + e.Err.Error()
	}
	return e.Place + ": " + e.Reason
}

// Unwrap returns the error that a caller decides by.
func (e *PlaceError) Unwrap() error { return e.Err }

// nameForm is what the name of a setting looks like. A name that is one variable of a shell is one
// everywhere.
var nameForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

// CheckName refuses a name that is no name of a setting, with ErrName. It does not repeat the name: what
// stands in its place can be a secret.
func CheckName(place, name string) error {
	if nameForm.MatchString(name) {
		return nil
	}
	return &PlaceError{Place: place, Err: ErrName, Reason: "a name is letters, digits and _, begins with no digit, and has 128 characters at most",
		Fix: "give the name of a setting, such as ADMIN_TOKEN"}
}

// CheckValue refuses a text that no setting can have, with ErrValue: with a NUL byte, or not in UTF-8. A
// server would read another text.
func CheckValue(place, name string, value secret.Value) error {
	text := value.Reveal()
	if !strings.ContainsRune(text, 0) && utf8.ValidString(text) {
		return nil
	}
	return &PlaceError{Place: place, Err: ErrValue, Reason: "the new text of " + name + " has a NUL byte or is not in UTF-8", Fix: "make another one with ocmt keygen"}
}

// Changed says that a name does not hold what was expected of it.
func Changed(place, name string) error {
	return &PlaceError{Place: place, Err: ErrChanged, Reason: name + " holds another secret than was expected, so somebody has changed it; nothing was written",
		Fix: "find out who changed it, then run this again: it reads it anew"}
}

// TrialError says that a place does not take changes which were only tried, before anything was changed anywhere.
type TrialError struct{ Err error }

// Error says what the place said.
func (e *TrialError) Error() string {
	return "trying whether the place takes the change: " + e.Err.Error()
}

// Unwrap returns the error of the place.
func (e *TrialError) Unwrap() error { return e.Err }

// TryFirst tries changes that are to be made later. The error is a *TrialError with that of the place.
func TryFirst(ctx context.Context, place interface {
	Try(ctx context.Context, changes ...Change) error
}, changes ...Change,
) error {
	if err := place.Try(ctx, changes...); err != nil {
		return &TrialError{Err: err}
	}
	return nil
}

// PartialError says which changes were made before one failed.
type PartialError struct {
	Done []string // names
	Err  error
}

// Error names what was changed, and why the rest was not.
func (e *PartialError) Error() string {
	return "changed " + strings.Join(e.Done, ", ") + ", and then no more: " + e.Err.Error()
}

// Unwrap returns why the rest was not changed.
func (e *PartialError) Unwrap() error { return e.Err }
