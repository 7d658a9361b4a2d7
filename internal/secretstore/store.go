// Package secretstore says what a place is that a deployment keeps its secrets in: an env file, a folder
// with a file for each. Below it stands one package for each kind of place; the suite in storetest is what
// each of them must pass.
package secretstore

import (
	"context"
	"errors"
	"strings"

	"github.com/ocmt/ocmt/pkg/secret"
)

// Store is a place that keeps secrets by the names of their settings.
type Store interface {
	// Place names the store for people, such as `env file "/etc/ocmt/.env"`. It has no secret in it.
	Place() string
	// Names returns the names that are set, in order.
	Names(ctx context.Context) ([]string, error)
	// Get returns the secret of a name. It is not set where the store has none.
	Get(ctx context.Context, name string) (secret.Value, error)
	// Apply makes changes, in their order, and reads back what it wrote. Where the place can, it makes all of
	// them in one write. Where a name does not hold what its change expects, nothing is changed, and the
	// error wraps ErrChanged. Other errors: ErrReadOnly, ErrForeign, ErrLocked; a *PartialError where some
	// were made and the rest failed.
	Apply(ctx context.Context, changes ...Change) error
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
)

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
