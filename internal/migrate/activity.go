package migrate

import (
	"context"
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
	}
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
	others, err := w.counter.CountOthers(ctx)
	if err != nil {
		others, w.skip = unknownOthers, countsSkipped
	}
	w.pacing.others.Store(int64(others))
	if others != 0 {
		w.pacing.lastOthers.Store(int64(others))
	}
}
