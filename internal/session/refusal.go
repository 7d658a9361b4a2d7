package session

import (
	"context"
	"errors"
	"fmt"
)

// The reasons why a session of the operator proves nothing.
var (
	// ErrNotAccepted says that a session is refused before anything has ended.
	ErrNotAccepted = errors.New("the session on standard input is refused already, so it would prove nothing")
	// ErrNotSelected says that a session would stay.
	ErrNotSelected = errors.New("the session on standard input is not among those that are selected, so it would prove nothing")
	// ErrStillAccepted says that a server takes a session that has ended.
	ErrStillAccepted = errors.New("the session that was to be refused is accepted")
)

// CheckProof checks before the work that a session can prove it: each server accepts it, and it is
// selected. Errors: ErrNotAccepted, ErrNotSelected, *ServerError.
func (p *Plan) CheckProof(ctx context.Context, sources Sources, session Token, hash string) error {
	selection := p.Request.Selection
	selected, err := sources.Database.HasSession(ctx, selection, p.Moment, hash)
	switch {
	case err != nil:
		return err
	case !selected:
		return ErrNotSelected
	}
	for _, server := range sources.Servers {
		accepted, err := server.Accepts(ctx, session)
		switch {
		case err != nil:
			return &ServerError{Address: server.Address(), Doing: "showing a session before it ends", Left: 1, Cause: err}
		case !accepted:
			return fmt.Errorf("%s: %w", server.Address(), ErrNotAccepted)
		}
	}
	return nil
}

// ProveRefusal shows a session to each server after the work, and returns those that refuse it. What
// a server did not answer is an error. Errors: ErrStillAccepted, *ServerError.
func ProveRefusal(ctx context.Context, servers []Server, session Token) (refusedAt []string, err error) {
	for _, server := range servers {
		accepted, askErr := server.Accepts(ctx, session)
		switch {
		case askErr != nil:
			err = errors.Join(err, &ServerError{Address: server.Address(), Doing: "showing the session that has ended", Left: 1, Cause: askErr})
		case accepted:
			err = errors.Join(err, fmt.Errorf("%w at %s", ErrStillAccepted, server.Address()))
		default:
			refusedAt = append(refusedAt, server.Address())
		}
	}
	return refusedAt, err
}
