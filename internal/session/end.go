package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ocmt/ocmt/internal/crash"

	"github.com/ocmt/ocmt/internal/pages"
)

// Result is what was ended. What could not be looked at is an error beside it.
type Result struct {
	Ended  map[Kind]int64 `json:"ended"`
	Looks  int            `json:"looks"`  // whole looks at what is selected, the last of which found nothing
	Again  int64          `json:"again"`  // ended after the first sweep: made meanwhile, written again, or locked before
	Proven []Kind         `json:"proven"` // kinds of which the last look found nothing alive
	// Locked is how many vaults the servers have forgotten too.
	Locked int64 `json:"locked_at_servers"`
	// StreamsClosed is of how many users the WebSockets were closed.
	StreamsClosed int64 `json:"streams_closed"`
	// UsersLeft are the users whose other access is left, where their sessions, which would tell them,
	// have ended.
	UsersLeft []string `json:"users_left"`
	// RefusedAt are the servers that refuse the session which was to prove it.
	RefusedAt []string `json:"refused_at"`
}

// ErrStillAlive says that each look found something to end again.
var ErrStillAlive = errors.New("access that was ended came back each time")

// ErrStopped says that the work was asked to stop.
var ErrStopped = errors.New("stopped")

// CacheError says that what stands in Redis could not be ended, while the database was done.
type CacheError struct{ Cause error }

// Error says why.
func (e *CacheError) Error() string { return "Redis could not be done: " + e.Cause.Error() }

// Unwrap returns the cause.
func (e *CacheError) Unwrap() error { return e.Cause }

// maxLooks bounds how often a sweep begins again.
const maxLooks = 20

// NewResult returns the result of nothing.
func NewResult() *Result {
	return &Result{Ended: map[Kind]int64{}, Proven: []Kind{}, RefusedAt: []string{}, UsersLeft: []string{}}
}

// ender is the state of one End.
type ender struct {
	Sources
	plan     *Plan
	reporter Reporter
	stop     <-chan struct{}
	result   *Result
	total    int64
	ended    atomic.Int64
	seen     *cacheCounter // what the first look at Redis saw
	started  int64         // by the clock of Redis
}

// End ends what a plan selects. The selection is made anew at the start, because time has passed since
// the plan was made; what begins later is left, unless the request includes it. It looks again until a
// whole look finds nothing: at the database in a new snapshot after its writers, at Redis after the
// last write. With an error, the result says how far it came, and ending again goes on from there.
// Errors: ErrStopped, ErrStillAlive, *CacheError, and those of the database.
func End(ctx context.Context, sources Sources, plan *Plan, stop <-chan struct{}, reporter Reporter) (*Result, error) {
	e := &ender{Sources: sources, plan: plan, reporter: reporter, stop: stop, total: plan.Live(), result: NewResult()}
	moment, err := sources.Database.Begin(ctx)
	if err != nil {
		return e.result, err
	}
	plan.Moment = moment
	if err := plan.findEarly(ctx, sources.Database, plan.tables); err != nil {
		return e.result, err
	}
	if err := plan.findUsers(ctx, sources.Database); err != nil {
		return e.result, err
	}
	err = e.endAll(ctx)
	if err != nil && !errors.Is(err, ErrStopped) && plan.Request.Selection.OfSessions() && e.result.Ended[Logins] > 0 {
		e.result.UsersLeft = plan.users
	}
	return e.result, err
}

// endAll ends what stands in the stores, then what the servers hold, then watches. Servers that cannot
// be asked keep nothing else from being done.
func (e *ender) endAll(ctx context.Context) error {
	failure := e.round(ctx, true)
	var cacheFailure *CacheError
	if errors.Is(failure, ErrStopped) || failure != nil && !errors.As(failure, &cacheFailure) {
		return failure
	}
	if cacheFailure == nil {
		failure = e.lockVaults(ctx)
	}
	failure = errors.Join(failure, e.closeStreams(ctx))
	if e.plan.Request.Watch == 0 || cacheFailure != nil || e.stopping() {
		return failure
	}
	return errors.Join(failure, e.watch(ctx, failure == nil))
}

// round ends everything, and looks until nothing is left. Where Redis cannot be done, the database
// still is.
func (e *ender) round(ctx context.Context, first bool) error {
	e.result.Proven = []Kind{}
	// The vaults first: they are open to whoever has a session that has ended already.
	cacheFailure := e.endCache(ctx, first)
	if errors.Is(cacheFailure, ErrStopped) {
		return cacheFailure
	}
	var stillAlive error
	for _, table := range e.plan.tables {
		err := e.endTable(ctx, table, first)
		if errors.Is(err, ErrStillAlive) {
			stillAlive = errors.Join(stillAlive, err)
			continue // the others end all the same
		}
		if err != nil {
			return err
		}
	}
	if err := e.Database.Flush(ctx); err != nil {
		return err
	}
	if stillAlive == nil && cacheFailure != nil {
		return &CacheError{cacheFailure}
	}
	return stillAlive
}

// watchPeriod is how often a watch looks.
const watchPeriod = time.Second

// watch looks again and again for as long as the request says, and asks the servers too if they answer.
func (e *ender) watch(ctx context.Context, serversAnswer bool) error {
	for deadline := e.Clock().Add(e.plan.Request.Watch); e.Clock().Before(deadline); {
		e.reporter.Phase("watching, until " + deadline.UTC().Format(time.TimeOnly+" UTC"))
		if err := e.pause(ctx, watchPeriod); err != nil {
			return err
		}
		if err := e.round(ctx, false); err != nil {
			return err
		}
		if !serversAnswer {
			continue
		}
		if err := e.lockVaults(ctx); err != nil {
			return err
		}
	}
	return nil
}

// note counts what was ended.
func (e *ender) note(kind Kind, ended int64, first bool) {
	e.result.Ended[kind] += ended
	if !first {
		e.result.Again += ended
	}
}

// stopping reports whether the work was asked to stop.
func (e *ender) stopping() bool { return IsStopped(e.stop) }

// IsStopped reports whether a stop was asked for, which closes the channel.
func IsStopped(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

// endTable ends the rows of a table, and looks until none is left.
func (e *ender) endTable(ctx context.Context, table Table, first bool) error {
	selection := e.plan.selectionFor(table.Kind)
	for look := 0; look < maxLooks; look++ {
		e.reporter.Phase("ending " + string(table.Kind))
		ended, err := e.sweepTable(ctx, table, selection)
		e.note(table.Kind, ended, first && look == 0)
		if err != nil {
			return err
		}
		if err := e.awaitWriters(ctx, table); err != nil {
			return err
		}
		left, err := e.Database.Any(ctx, table, selection, e.plan.Moment)
		if err != nil {
			return fmt.Errorf("looking again at %s: %w", table.Name, err)
		}
		e.result.Looks++
		if !left {
			e.result.Proven = append(e.result.Proven, table.Kind)
			return nil
		}
	}
	return fmt.Errorf("%w: %s", ErrStillAlive, table.Name)
}

// The bounds of the pages that a worker ends at once.
const (
	minPages   = 4
	firstPages = 64
	maxPages   = 1024
)

// sweepTable goes once through the pages of a table with several workers.
func (e *ender) sweepTable(ctx context.Context, table Table, selection Selection) (total int64, err error) {
	heaps, err := e.Database.Heaps(ctx, table) // they grow, and there are new ones
	if err != nil {
		return 0, fmt.Errorf("describing %s: %w", table.Name, err)
	}
	queue := pages.NewQueue(heaps)
	var ended atomic.Int64
	group, ctx := crash.WithContext(ctx)
	for range max(1, e.plan.Request.Workers) {
		group.Go(func() error {
			worker, err := e.Database.Open(ctx)
			if err != nil {
				return err
			}
			defer worker.Close(context.WithoutCancel(ctx))
			return e.work(ctx, worker, queue, table, selection, &ended)
		})
	}
	if err = group.Wait(); err == nil && e.stopping() {
		err = ErrStopped
	}
	return ended.Load(), err
}

// work ends range after range until there are no more.
func (e *ender) work(ctx context.Context, worker Worker, queue *pages.Queue, table Table, selection Selection, ended *atomic.Int64) error {
	size := int64(firstPages)
	for within, more := queue.Next(size); more; within, more = queue.Next(size) {
		if e.stopping() {
			return nil // an error would cut off what the other workers have in hand
		}
		var rows int64
		var took time.Duration
		err := e.Pace.Do(ctx, func() (err error) {
			began := e.Clock()
			rows, err = worker.End(ctx, table, selection, e.plan.Moment, within, e.plan.Request.Ending)
			took = e.Clock().Sub(began)
			return err
		})
		if err != nil {
			return fmt.Errorf("ending %s: %w", table.Name, err)
		}
		ended.Add(rows)
		e.reporter.Progress(e.ended.Add(rows), e.total)
		size = pages.AdaptSize(size, minPages, maxPages, took, e.plan.Request.Target)
	}
	return nil
}

// writerPeriod is how often transactions that are waited for are listed.
const writerPeriod = 20 * time.Millisecond

// awaitWriters waits for the transactions that have written to a table and not ended: a look that
// begins before they end cannot see what they wrote. Transactions that begin later are no concern.
func (e *ender) awaitWriters(ctx context.Context, table Table) error {
	defer e.reporter.Waiting("")
	left, err := e.Database.Writers(ctx, table)
	for err == nil && len(left) > 0 {
		e.reporter.Waiting(left[0] + ", which has written and not ended")
		if err := e.pause(ctx, writerPeriod); err != nil {
			return err
		}
		var now []string
		now, err = e.Database.Writers(ctx, table)
		left = slices.DeleteFunc(left, func(writer string) bool { return !slices.Contains(now, writer) })
	}
	return err
}

// endCache ends what stands in Redis, and looks until a whole look ends nothing.
func (e *ender) endCache(ctx context.Context, first bool) (err error) {
	if e.Cache == nil || e.plan.Request.Selection.Expired {
		return nil
	}
	if e.seen == nil {
		if e.started, err = e.Cache.Now(ctx); err != nil {
			return err
		}
		e.seen = newCacheCounter()
	}
	defer e.reporter.Waiting("")
	for look, unsettled := 0, 0; look < maxLooks && unsettled < maxUnsettled; {
		if e.stopping() {
			return ErrStopped
		}
		e.reporter.Phase("ending vaults")
		found, err := e.lookAtCache(ctx, first && look+unsettled == 0)
		if err != nil {
			return err
		}
		e.result.Looks++
		switch none := found.Ended[Vaults]+found.Ended[OAuthFlows] == 0; {
		case none && !found.Moved:
			e.reporter.Phase("waiting for replicas of Redis")
			if err := e.Cache.AwaitReplicas(ctx); err != nil {
				return err
			}
			e.result.Proven = append(e.result.Proven, Vaults, OAuthFlows)
			return nil
		case none:
			unsettled++
			e.reporter.Waiting("slots or primaries of Redis, which are on the move")
			if err := e.pause(ctx, settlePeriod); err != nil {
				return err
			}
		default:
			look++
		}
	}
	return fmt.Errorf("%w: %s or %s", ErrStillAlive, Vaults, OAuthFlows)
}

// The bounds of a wait for a cluster that moves its slots: a look every quarter of a second, for five
// minutes.
const (
	settlePeriod = 250 * time.Millisecond
	maxUnsettled = 1200
)

// pause waits, unless the work is to stop.
func (e *ender) pause(ctx context.Context, length time.Duration) error {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-e.stop:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lookAtCache looks once at all of Redis, and ends what is selected. The first look takes what is
// there for old. Later ones take for new what the first did not see and what says that it began
// after the start.
func (e *ender) lookAtCache(ctx context.Context, first bool) (Look, error) {
	looked := newCacheCounter()
	look, err := e.Cache.Scan(ctx, func(kind Kind, id ID, vault Vault) bool {
		if !e.plan.isChosen(vault) || !looked.add(kind, id, vault) {
			return false // a key whose slot moves can be seen on two servers
		}
		if first {
			e.seen.add(kind, id, vault)
		} else if !e.plan.Request.IncludingNew && vault.Created > e.started && !e.seen.has(id) {
			return false
		}
		e.reporter.Progress(e.ended.Add(1), e.total)
		return true
	})
	for kind, ended := range look.Ended {
		e.note(kind, ended, first)
	}
	return look, err
}
