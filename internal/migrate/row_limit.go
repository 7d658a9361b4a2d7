package migrate

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/ocmt/ocmt/internal/crash"

	"golang.org/x/time/rate"
)

// rowLimit limits the rows that a run writes in a second. It can be changed at any
// time.
type rowLimit struct {
	limiter *rate.Limiter
	perSec  atomic.Int64 // 0 for no limit
}

func newRowLimit(rowsPerSecond int) *rowLimit {
	l := &rowLimit{limiter: rate.NewLimiter(rate.Inf, 0)}
	l.set(rowsPerSecond)
	return l
}

// set changes the limit. It lets the rows of a tenth of a second pass at once: waiting
// for each row would cost more than the row itself.
func (l *rowLimit) set(rowsPerSecond int) {
	l.perSec.Store(int64(rowsPerSecond))
	if rowsPerSecond == 0 {
		l.limiter.SetLimit(rate.Inf)
		return
	}
	l.limiter.SetBurst(max(1, rowsPerSecond/10))
	l.limiter.SetLimit(rate.Limit(rowsPerSecond))
}

func (l *rowLimit) rate() int { return int(l.perSec.Load()) }

// wait returns when so many more rows may be written. The error is ErrStopped where
// the run is asked to stop before that.
func (l *rowLimit) wait(ctx context.Context, rows int, stop <-chan struct{}) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	crash.Go(func() {
		select {
		case <-stop:
			cancel(ErrStopped)
		case <-ctx.Done():
		}
	})
	for rows > 0 && l.rate() > 0 {
		some := min(rows, max(1, l.limiter.Burst()))
		if err := l.limiter.WaitN(ctx, some); err != nil {
			if errors.Is(context.Cause(ctx), ErrStopped) {
				return ErrStopped
			}
			return fmt.Errorf("waiting for the row limit: %w", err)
		}
		rows -= some
	}
	return nil
}
