package testenv

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// startTime bounds how long anything here may take.
const startTime = 2 * time.Minute

// startSeconds is the same for pg_ctl.
const startSeconds = "120"

// pollTime is the time between two looks. It is short compared to the start of a server, and
// long compared to a look.
const pollTime = 10 * time.Millisecond

// final is an error that ends the polling.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// poll calls look until it returns no error, or a final one.
func poll(ctx context.Context, look func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	ticker := time.NewTicker(pollTime)
	defer ticker.Stop()
	for {
		err := look(ctx)
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
