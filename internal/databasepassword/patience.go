package databasepassword

import (
	"context"
	"errors"
	"time"

	"github.com/ocmt/ocmt/pkg/secret"
)

// A pool that has verifiers logs in at the server with what its last client has shown it. A client that was let in with
// the old password just before the pool read its file makes that fail, and a log-in with the new password mends it: not
// that one, which gets no answer, but the next one after PgBouncer has rested from its failure. It rests for 15 seconds
// unless server_login_retry says otherwise.
const (
	poolTime  = 20 * time.Second
	poolTries = 3 // at least: one can take as long as that by itself
)

// again does something until it does not fail any more, for so long, and for longer where a pool gives no answer. It
// returns the last error.
func (p Parts) again(ctx context.Context, wait time.Duration, do func() error) error {
	began := p.Clock()
	for tries := 1; ; tries++ {
		err := do()
		isOver := !p.Clock().Before(began.Add(wait))
		if errors.Is(err, ErrNoAnswer) {
			isOver = tries >= poolTries && !p.Clock().Before(began.Add(max(wait, poolTime)))
		}
		if err == nil || isOver {
			return err
		}
		if stopped := p.Sleep(ctx, settlePause); stopped != nil {
			return stopped
		}
	}
}

// errNowhere says that there is no address to log in at.
var errNowhere = errors.New("no connection to the server is left")

// withAny logs in at one of the addresses after the other until something is done there. Where a pool gives no answer it
// tries all of them again. It returns the last error.
func (p Parts) withAny(ctx context.Context, addresses []secret.Value, do func(Session) error) error {
	return p.again(ctx, 0, func() error {
		failure := errNowhere
		for _, address := range addresses {
			if !address.IsSet() {
				continue
			}
			err := p.with(ctx, address, do)
			if err == nil {
				return nil
			}
			if !errors.Is(failure, ErrNoAnswer) { // which is worth another round
				failure = err
			}
		}
		return failure
	})
}

// with logs in, does something and logs out.
func (p Parts) with(ctx context.Context, address secret.Value, do func(Session) error) error {
	session, err := p.Server.Open(ctx, address)
	if err != nil {
		return err
	}
	defer session.Close(ctx)
	return do(session)
}
