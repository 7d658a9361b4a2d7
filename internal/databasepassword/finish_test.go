package databasepassword_test

import (
	"context"
	"errors"
	"testing"

	"github.com/ocmt/ocmt/internal/databasepassword"
	"github.com/ocmt/ocmt/pkg/secret"
)

// lateServer has a client that logs in with the old role at the last moment.
type lateServer struct{ databasepassword.Server }

func (s lateServer) Open(ctx context.Context, address secret.Value) (databasepassword.Session, error) {
	session, err := s.Server.Open(ctx, address)
	if err != nil {
		return nil, err
	}
	return &lateSession{Session: session}, nil
}

type lateSession struct {
	databasepassword.Session
	locked bool
}

func (s *lateSession) SetLogin(ctx context.Context, role string, allowed bool) error {
	s.locked = !allowed
	return s.Session.SetLogin(ctx, role, allowed)
}

func (s *lateSession) Connections(ctx context.Context, role, before string) ([]databasepassword.Peer, error) {
	if s.locked {
		return []databasepassword.Peer{{Address: "192.0.2.1", Count: 1}}, nil
	}
	return s.Session.Connections(ctx, role, before)
}

// If this fails, a server that logs in while the old role is locked has lost its database at its next connection.
func TestOldRoleThatIsUsedAtTheLastMoment(t *testing.T) {
	t.Parallel()
	d, request := newTwoRoles(t)
	old, real := d.store.held[databasepassword.Setting], d.parts.Server
	d.parts.Server = lateServer{real}
	_, result, err := d.rotate(request)
	if !errors.Is(err, databasepassword.ErrStillUsed) || len(result.Left) != 1 || result.OldRoleLocked {
		t.Errorf("it says %v, %+v", err, result)
	}
	if !d.logsIn(old) {
		t.Error("the old role is locked")
	}
	d.parts.Server = real
	if _, _, err := d.rotate(request); err != nil {
		t.Fatal(err)
	}
	d.wantDone(old)
}
