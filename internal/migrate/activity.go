package migrate

import (
	"context"
	"errors"
	"time"

	"github.com/ocmt/ocmt/internal/crash"
)

// activityPeriod is how often the active connections of others are counted.
const activityPeriod = 500 * time.Millisecond

// WatchActivity counts the active connections of others until stop is called. Work is
// gentle until they have been counted for the first time.
func (p *Pacing) WatchActivity(ctx context.Context, counter ActivityCounter) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	watcher := &activityWatcher{pacing: p, counter: counter}
	ended := make(chan struct{})
	crash.Go(func() {
		defer close(ended)
		doEvery(ctx, activityPeriod, watcher.count)
	})
	return func() {
		cancel()
		<-ended
		p.asked.Store(0)
	}
}

// Silence returns for how long the server has not answered the question that was asked last; 0 where
// it has, or where none is asked.
func (p *Pacing) Silence() time.Duration {
	if p == nil {
		return 0
	}
	asked := p.asked.Load()
	if asked == 0 {
		return 0
	}
	return p.clock().Sub(time.Unix(0, asked))
}

// activityWatcher counts the active connections of others.
type activityWatcher struct {
	pacing  *Pacing
	counter ActivityCounter
	skip    int // counts to leave out, after one that failed
}

// countTimeout bounds one count. countsSkipped is how many counts are left out after
// one that failed, so that a server without a free connection is not asked for one
// all the time.
const (
	countTimeout  = 2 * time.Second
	countsSkipped = 10
)

// count counts once. A count that fails ends nothing: the workers notice by themselves
// that the database is gone.
func (w *activityWatcher) count(ctx context.Context) {
	if w.skip > 0 {
		w.skip--
		return
	}
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	w.pacing.asked.CompareAndSwap(0, w.pacing.clock().UnixNano())
	others, err := w.counter.CountOthers(ctx)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded) && err != nil: // it is asked again at once
		others = unknownOthers
	case err != nil:
		others, w.skip = unknownOthers, countsSkipped
		w.pacing.asked.Store(0)
	default:
		w.pacing.asked.Store(0)
	}
	w.pacing.others.Store(int64(others))
	if others != 0 {
		w.pacing.lastOthers.Store(int64(others))
	}
}
