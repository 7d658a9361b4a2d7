package cli

import (
	"context"
	"time"

	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/pkg/secret"
)

// dryStore is a store that is only looked at. What would be taken out of it reads as gone.
type dryStore struct {
	secretstore.Store
	taken map[string]bool
}

// Get implements secretstore.Store.
func (s *dryStore) Get(ctx context.Context, name string) (secret.Value, error) {
	if s.taken[name] {
		return secret.Value{}, nil
	}
	return s.Store.Get(ctx, name)
}

// Apply implements secretstore.Store. It changes nothing.
func (s *dryStore) Apply(ctx context.Context, changes ...secretstore.Change) error {
	for _, change := range changes {
		held, err := s.Get(ctx, change.Name)
		if err != nil {
			return err
		}
		if held.Reveal() != change.Old.Reveal() {
			return secretstore.ErrChanged
		}
		s.taken[change.Name] = true
	}
	return nil
}

// dryFinishRecord is a record that is only read.
type dryFinishRecord struct{ rotation.FinishRecord }

// RecordFinishing implements rotation.FinishRecord. It records nothing.
func (dryFinishRecord) RecordFinishing(context.Context, *rotation.Evidence) error { return nil }

// RecordFinished implements rotation.FinishRecord. It records nothing.
func (dryFinishRecord) RecordFinished(context.Context, *rotation.Evidence) (time.Time, error) {
	return time.Time{}, nil
}

// RecordTakenOut implements rotation.FinishRecord. It records nothing.
func (dryFinishRecord) RecordTakenOut(context.Context, *rotation.Evidence, string) error { return nil }

// RecordBackups implements rotation.FinishRecord. It records nothing.
func (dryFinishRecord) RecordBackups(context.Context, *rotation.Evidence) error { return nil }

// RecordReadiness implements rotation.ReadinessRecord. It records nothing.
func (dryFinishRecord) RecordReadiness(context.Context, int, rotation.ReadinessState, bool) error {
	return nil
}

// noRetirer records nothing.
type noRetirer struct{}

// Retire implements rotation.Retirer.
func (noRetirer) Retire(context.Context, rotation.Unneeded) ([]int, error) { return nil, nil }

// EndProofs implements rotation.Retirer.
func (noRetirer) EndProofs(context.Context, func(int) bool) error { return nil }

// dryKeyFile is a file for the copy of a key that is only looked at.
type dryKeyFile struct{ rotation.KeyFile }

// Write implements rotation.Escrow. It writes nothing.
func (dryKeyFile) Write(context.Context, secret.Value) error { return nil }
