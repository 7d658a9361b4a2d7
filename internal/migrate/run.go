package migrate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// mostPasses bounds how often a run looks again. Each pass takes what the
// servers wrote during the one before; one that still finds values after so many
// means that a server writes them all the time.
const mostPasses = 10

// Runner carries out a plan.
type Runner struct {
	Store    Store
	Ring     *crypto.Keyring // its current version is the plan's target
	Random   io.Reader       // a cryptographic source, safe for several goroutines
	Reporter Reporter
	Ledger   Ledger // not written by a dry run
	Clock    Clock
	Control  Control         // may be nil: nobody can steer the run
	Pacing   *Pacing         // that of Store; may be nil
	Stop     <-chan struct{} // closed: finish what is in hand and return ErrStopped
}

// run is the state of one Run.
type run struct {
	Runner
	plan  *Plan
	write func(Session) Writer
	total int64

	moved, rows, changed, left atomic.Int64
	blocked                    atomic.Int64 // rows of the last pass that others held
	unseen                     []string     // who had written and not ended when the last pass began
	aside                      *setAsideList
	columns                    columnCounts
	limit                      *rowLimit
	gate                       *gate

	mu    sync.Mutex
	phase string
	pass  int
}

// Run brings every value that the plan speaks of to its target version. It takes
// the lock, so that there is one run at a time, and returns when all that it
// wrote is safe on disk. On an error the Result says how far it came; running
// again goes on from there. Errors: *RefusedError, ErrLocked, ErrLockLost,
// ErrStopped, ErrAborted, ErrSetAside, and those of the Store.
func (r Runner) Run(ctx context.Context, plan *Plan) (*Result, error) {
	return r.start(ctx, plan, func(s Session) Writer { return s })
}

// DryRun does what Run does but writes nothing: every value that would be moved
// is opened, sealed, and opened again.
func (r Runner) DryRun(ctx context.Context, plan *Plan) (*Result, error) {
	result, err := r.start(ctx, plan, func(Session) Writer { return pretender{} })
	result.DryRun = true
	return result, err
}

// pretender is the Writer of a dry run.
type pretender struct{}

func (pretender) Write(_ context.Context, _ Table, parts []Part) error {
	for i := range parts {
		parts[i].Written = int64(len(parts[i].Changes))
	}
	return nil
}

func (r Runner) start(ctx context.Context, plan *Plan, write func(Session) Writer) (*Result, error) {
	state := &run{Runner: r, plan: plan, write: write, total: plan.Pending(), aside: &setAsideList{}, limit: newRowLimit(plan.Request.MaxRowsPerSecond), gate: newGate()}
	result := &Result{}
	if err := plan.Refusal(); err != nil {
		return result, err
	}
	r.Pacing.haltBy(state.halt)
	defer r.Pacing.haltBy(nobody)
	held, release, err := r.Store.Lock(ctx)
	if err != nil {
		return result, err
	}
	defer release()
	began, rested := r.Clock(), r.Pacing.Rested()
	err = state.recorded(held, result)
	result.Moved, result.Rows, result.Changed = state.moved.Load(), state.rows.Load(), state.changed.Load()
	result.Blocked, result.Unseen = state.blocked.Load(), state.unseen
	result.SetAside, result.List = state.aside.count, state.aside.list
	result.Elapsed, result.Rested = r.Clock().Sub(began), r.Pacing.Rested()-rested
	if result.Rested > 0 {
		result.Why = r.Pacing.Why()
	}
	return result, err
}

// recorded makes the passes between the two entries of the ledger. The second is
// written even when the passes were cut off, if the database still answers.
func (r *run) recorded(ctx context.Context, result *Result) error {
	if r.dry() {
		return r.passes(ctx, result)
	}
	if r.total == 0 {
		return r.unrecorded(ctx, result)
	}
	if err := r.Ledger.Begin(ctx, r.entry()); err != nil {
		return fmt.Errorf("recording the run before it begins: %w", err)
	}
	return r.finish(ctx, result, r.steered(ctx, result))
}

// finish makes what was moved safe and records how the run ended.
func (r *run) finish(ctx context.Context, result *Result, failure error) error {
	if errors.Is(context.Cause(ctx), ErrLockLost) {
		failure = context.Cause(ctx)
	}
	if failure == nil || isStop(failure) && ctx.Err() == nil {
		if err := r.Store.Flush(ctx); err != nil {
			failure = errors.Join(failure, err)
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	if err := r.Ledger.End(last, r.outcome(result, failure)); err != nil && failure == nil {
		return fmt.Errorf("recording the run, which has moved its values: %w", err)
	}
	return failure
}

// unrecorded makes the passes where the plan found nothing to move, and leaves
// no trace; unless a server wrote something meanwhile that was moved.
func (r *run) unrecorded(ctx context.Context, result *Result) error {
	failure := r.passes(ctx, result)
	if r.rows.Load() == 0 {
		return failure
	}
	if err := r.Ledger.Begin(ctx, r.entry()); err != nil {
		return errors.Join(failure, fmt.Errorf("recording the run, which has moved values: %w", err))
	}
	return r.finish(ctx, result, failure)
}

// steered makes the passes while orders from outside are followed.
func (r *run) steered(ctx context.Context, result *Result) error {
	steering, end := context.WithCancel(ctx)
	h := &helm{run: r, gate: r.gate, started: r.Clock()}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h.steer(steering)
	}()
	err := r.passes(ctx, result)
	end()
	<-ended
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	h.end(last)
	return err
}

// lastWords bounds how long an ended run tries to record its end.
const lastWords = 5 * time.Second

func isStop(err error) bool {
	return errors.Is(err, ErrStopped) || errors.Is(err, ErrAborted) || errors.Is(err, context.Canceled)
}

func (r *run) dry() bool {
	_, dry := r.write(nil).(pretender)
	return dry
}

// passes goes over the tables once, and then over what is pending until a pass
// finds nothing. A dry run has no use for more than one: what it does not write
// is found every time.
func (r *run) passes(ctx context.Context, result *Result) error {
	dry := r.dry()
	if !dry {
		result.Passes++
		r.enter("moving", result.Passes)
		if err := r.eachTable(ctx, r.sweepFirst); err != nil {
			return err
		}
	}
	for result.Passes < mostPasses {
		result.Passes++
		r.enter(passName(result.Passes), result.Passes)
		if !dry {
			if err := r.awaitHolders(ctx); err != nil {
				return err
			}
		}
		r.freshAside()
		r.left.Store(0)
		r.blocked.Store(0)
		if err := r.sweepAll(ctx); err != nil {
			return err
		}
		result.Left = r.left.Load()
		if dry {
			result.Left = 0
		}
		if result.Left == 0 {
			return nil
		}
	}
	return nil
}

func passName(pass int) string {
	if pass == 1 {
		return "trying"
	}
	return fmt.Sprintf("looking again, pass %d", pass)
}

func (r *run) enter(phase string, pass int) {
	r.mu.Lock()
	r.phase, r.pass = phase, pass
	r.mu.Unlock()
	r.Reporter.Phase(phase)
}

func (r *run) phaseNow() (phase string, pass int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.phase, r.pass
}

// freshAside begins the list anew: each pass over everything finds them again.
func (r *run) freshAside() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.aside = &setAsideList{}
}

func (r *run) asideCount() int64 {
	r.mu.Lock()
	list := r.aside
	r.mu.Unlock()
	return list.number()
}

func (r *run) eachTable(ctx context.Context, sweep func(context.Context, Table) error) error {
	for _, table := range r.plan.Tables {
		if err := sweep(ctx, table); err != nil {
			return fmt.Errorf("moving the values of %s: %w", table, err)
		}
		if r.aborted() {
			return ErrAborted
		}
		if r.stopping() {
			return ErrStopped
		}
	}
	return nil
}

// halt is why work must end between two bursts: somebody wants the run to stop or
// to wait.
func (r *run) halt() error {
	switch aborted, reason, _ := r.gate.look(); {
	case r.stopping():
		return ErrStopped
	case aborted:
		return ErrAborted
	case reason != "":
		return errPaused
	}
	return nil
}

var errPaused = errors.New("the run waits")

func nobody() error { return nil }

// stopping reports whether the operator asked to stop.
func (r *run) stopping() bool {
	select {
	case <-r.Stop:
		return true
	default:
		return false
	}
}

// workers runs work on so many sessions at once.
func (r *run) workers(ctx context.Context, work func(context.Context, *mover) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for range r.plan.Request.Workers {
		group.Go(func() error {
			session, err := r.Store.Open(ctx)
			if err != nil {
				return err
			}
			defer session.Close(context.WithoutCancel(ctx))
			return work(ctx, &mover{run: r, session: session, writer: r.write(session),
				resealer: crypto.NewResealer(r.Ring, r.Random)})
		})
	}
	return group.Wait()
}

// sweepPages takes every page range once.
func (r *run) sweepPages(ctx context.Context, table Table) error {
	queue := &pageQueue{leaves: table.Leaves}
	return r.workers(ctx, func(ctx context.Context, m *mover) error {
		size := chunkSize{pages: mostPages / 2, target: r.plan.Request.ChunkTarget}
		if r.Pacing.Gentle() {
			size.pages = gentlePages
		}
		for pages, more := queue.next(size.pages); more; pages, more = queue.next(size.pages) {
			m.waited = 0
			began := r.Clock()
			if err := m.movePages(ctx, table, pages); err != nil {
				return unlessStopped(err)
			}
			size.learn(r.Clock().Sub(began) - m.waited)
			if r.stopping() {
				return nil
			}
		}
		return nil
	})
}

// unlessStopped is nil for a worker that was asked to stop: an error would make
// the group cut the others off in what they have in hand.
func unlessStopped(err error) error {
	if errors.Is(err, ErrStopped) || errors.Is(err, ErrAborted) {
		return nil
	}
	return err
}

// admit waits until so many rows more may be written, and returns how long.
func (r *run) admit(ctx context.Context, rows int) (time.Duration, error) {
	if r.limit.rate() == 0 && r.gate.waiting() == "" && !r.aborted() {
		return 0, nil
	}
	began := r.Clock()
	if err := r.gate.pass(ctx, r.Stop, r.Reporter.Waiting); err != nil {
		return 0, err
	}
	if err := r.limit.wait(ctx, rows, r.Stop); err != nil {
		return 0, err
	}
	return r.Clock().Sub(began), nil
}

func (r *run) aborted() bool {
	aborted, _, _ := r.gate.look()
	return aborted
}

// count adds what became of a part.
func (r *run) count(table Table, part Part) {
	rows := int64(len(part.Changes))
	r.rows.Add(part.Written)
	r.changed.Add(rows - part.Untried - part.Written)
	if part.Blocked {
		r.blocked.Add(rows)
	}
	values := make([]int64, len(table.Columns)) // that stand in the rows, by column
	for _, change := range part.Changes {
		for i, text := range change.New {
			if text != nil {
				values[i]++
			}
		}
	}
	// Which rows of a part were written is not told, only how many: the values are
	// taken in proportion, rounded so that the columns come to the whole.
	var before, counted int64
	for i, column := range table.Columns {
		before += values[i]
		if moved := before*part.Written/rows - counted; moved > 0 {
			r.columns.add(table.Name+"."+column.Name, moved)
			counted += moved
		}
	}
	done := r.moved.Add(counted)
	r.Reporter.Progress(done, max(done, r.total))
}
