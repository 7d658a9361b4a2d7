package redispassword_test

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/pkg/secret"
)

// errPlanned is a failure that a test has planned.
var errPlanned = errors.New("planned failure")

// store is a secretstore.Store in memory that makes its changes one by one, as a folder does, and can be made to
// fail before each of them.
type store struct {
	mu     sync.Mutex
	values map[string]string
	fail   func() error // before each change; nil for never
	closed error        // what Try says; nil where the store takes changes
}

func newStore(address string) *store {
	return &store{values: map[string]string{"REDIS_URL": address, "OTHER": "kept"}}
}

// Place implements secretstore.Store.
func (s *store) Place() string { return "the store of the test" }

// Names implements secretstore.Store.
func (s *store) Names(context.Context) (names []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.values {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// Get implements secretstore.Store.
func (s *store) Get(_ context.Context, name string) (secret.Value, error) {
	return secret.NewValue(s.get(name)), nil
}

func (s *store) get(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values[name]
}

// Try implements secretstore.Store.
func (s *store) Try(context.Context, ...secretstore.Change) error { return s.closed }

// Apply implements secretstore.Store.
func (s *store) Apply(_ context.Context, changes ...secretstore.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, change := range changes {
		if s.values[change.Name] != change.Old.Reveal() {
			return secretstore.ErrChanged
		}
	}
	var done []string
	for _, change := range changes {
		if change.Old.Reveal() == change.New.Reveal() {
			continue
		}
		if s.fail != nil {
			if err := s.fail(); err != nil {
				return &secretstore.PartialError{Done: done, Err: err}
			}
		}
		s.values[change.Name] = change.New.Reveal()
		if !change.New.IsSet() {
			delete(s.values, change.Name)
		}
		done = append(done, change.Name)
	}
	return nil
}
