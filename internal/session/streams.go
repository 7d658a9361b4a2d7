package session

import (
	"context"
	"crypto/rand"
	"errors"
)

// ErrNotLoggedOut says that a server answered, and the session that it was to log out is alive.
var ErrNotLoggedOut = errors.New("it answered, and the session is alive: that address may not be the management server of this database")

// streamUsers returns the users whose WebSockets would be closed: those of the selection, or all who
// have a row of a session, because an open connection outlives its session.
func (p *Plan) streamUsers(ctx context.Context, database Database) ([]string, error) {
	if p.Request.Selection.All {
		return database.SessionUsers(ctx, p.Request.Selection.ExceptUsers)
	}
	return p.users, nil
}

// closeStreams closes the WebSockets of the users concerned: for each it makes a session of one
// minute at each server, and logs it out there.
func (e *ender) closeStreams(ctx context.Context) error {
	if !e.plan.Request.CloseStreams {
		return nil
	}
	e.reporter.Phase("closing WebSockets")
	users, err := e.plan.streamUsers(ctx, e.Database)
	if err != nil {
		return err
	}
	for done, user := range users {
		if e.stopping() {
			return ErrStopped
		}
		for _, server := range e.Servers {
			if err := e.logOut(ctx, server, user); err != nil {
				return &ServerError{Address: server.Address(), Doing: "closing the WebSockets of a user", Left: int64(len(users) - done), Cause: err}
			}
		}
		e.result.StreamsClosed++
		e.reporter.Progress(int64(done+1), int64(len(users)))
	}
	return nil
}

// logOut logs a session out that it has made for the purpose. The server removes its row; where it
// does not, this does.
func (e *ender) logOut(ctx context.Context, server Server, user string) (err error) {
	text := rand.Text()
	digest := DigestOf(text)
	made, err := e.Database.AddShortSession(ctx, user, digest)
	if err != nil || !made { // the user is gone
		return err
	}
	defer func() { // also where the work is cut off
		alive, removeErr := e.Database.RemoveShortSession(context.WithoutCancel(ctx), digest)
		if err == nil && alive {
			err = ErrNotLoggedOut
		}
		err = errors.Join(err, removeErr)
	}()
	return server.LogOut(ctx, NewToken(text))
}
