package testenv

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// startTimeout is the most time that a start, a stop or a wait may take, on a machine that is
// busy with much else. It bounds what hangs.
const startTimeout = 10 * time.Minute

// startSeconds is startTimeout as pg_ctl takes it, in seconds.
const startSeconds = "600"

// pollInterval is the time between two checks. It is short compared with the start of a server,
// and long compared with a check.
const pollInterval = 10 * time.Millisecond

// final is an error that ends the polling.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// poll calls check until it returns no error or a final error.
func poll(ctx context.Context, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		if over, ok := errors.AsType[final](err); ok {
			return over.error
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-ticker.C:
		}
	}
}
