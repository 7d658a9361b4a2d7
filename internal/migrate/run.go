package migrate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ocmt/ocmt/internal/crash"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// Runner carries out a plan.
type Runner struct {
	Conns       Connector
	Locker      Locker
	Held        bool // the caller holds the lock already, under the context of the run
	Tables      Describer
	Holders     HolderLister
	Replication ReplicationReader
	Blockers    BlockerLister   // nil: nobody is asked who holds rows
	Ledger      Ledger          // not written by a dry run
	Control     Control         // nil: operators cannot steer the run
	Ring        *crypto.Keyring // its current version is the plan's target
	Random      io.Reader       // a cryptographic source, safe for several goroutines
	Reporter    Reporter
	Clock       Clock
	Pacing      *Pacing         // holds back the work; nil for full speed
	Stop        <-chan struct{} // closed: finish the pipelines that were sent and return ErrStopped
	StopReason  func() string   // why Stop was closed, for the record; nil where nothing is known
}

// run is the state of one Run.
type run struct {
	Runner
	plan  *Plan
	total int64 // values to move, as the plan counted them
	// writer returns what writes on a connection: the connection itself, or a
	// dry-run writer.
	writer func(Conn) Writer

	moved         atomic.Int64 // values that were written, in proportion to rows
	rows          atomic.Int64 // rows that were written
	changed       atomic.Int64 // rows that were not written, because servers had changed or locked them
	left          atomic.Int64 // rows that the present later pass found
	writing       atomic.Int64 // rows that are with the server to be written
	blocked       atomic.Int64 // rows in batches of that pass that other transactions blocked
	notEnded      []string     // transactions that had written and not ended when the last pass began
	setAside      *setAsideList
	movedByColumn valueCounts
	leftByColumn  valueCounts // values that the present later pass found
	repairs       repairCounts
	accepted      acceptedValues
	large         sync.Mutex // held by the worker that has large rows
	limit         *rowLimit
	gate          *gate

	mu    sync.Mutex // guards phase, pass, wait, and which list setAside points at
	phase string
	pass  int
	wait  Wait // what was reported last
}

// Run brings every value of the plan to its target version. It takes the lock, if the caller
// does not hold it, so that there is one run at a time. It looks at the tables again first. When it returns without an error, or because it was asked
// to stop, everything that it wrote is safe on disk. Values may be left without an error:
// Result.Complete says so. With an error, the Result says how far the run came, and
// running again goes on from there. Errors: *RefusedError, ErrLocked, ErrLockLost,
// ErrStopped, ErrAborted, ErrSetAside, and those of the database.
func (r Runner) Run(ctx context.Context, plan *Plan) (*Result, error) {
	return r.runLocked(ctx, plan, func(conn Conn) Writer { return conn }, (*run).runWithLedger)
}

// runLocked takes the lock, does the work, and fills in the result.
func (r Runner) runLocked(ctx context.Context, plan *Plan, writer func(Conn) Writer, work func(*run, context.Context, *Result) error) (*Result, error) {
	result := &Result{}
	if err := plan.Refusal(); err != nil {
		return result, err
	}
	r.Conns = r.Pacing.PaceConns(r.Conns)
	state := &run{Runner: r, plan: plan, writer: writer, total: plan.Pending(), setAside: &setAsideList{},
		limit: newRowLimit(plan.Request.MaxRowsPerSecond), gate: newGate(), accepted: newAcceptedValues(plan.Accepted)}
	r.Pacing.haltWhen(state.haltReason)
	defer r.Pacing.haltWhen(func() error { return nil })
	held, release, err := r.lock(ctx)
	if err != nil {
		return result, err
	}
	defer release()
	if err := state.lookAgain(held); err != nil {
		return result, err
	}
	began, rested := r.Clock(), r.Pacing.Rested()
	err = work(state, held, result)
	result.Moved, result.Rows, result.Changed = state.moved.Load(), state.rows.Load(), state.changed.Load()
	result.ValuesLeft = max(0, state.total-result.Moved)
	result.Blocked, result.NotEnded = state.blocked.Load(), state.notEnded
	result.SetAside, result.List = state.setAside.count, state.setAside.list
	result.Accepted, result.Repairs = state.setAside.allAccepted(), state.repairs.all()
	for _, repair := range result.Repairs {
		result.Repaired += repair.Values
	}
	result.Elapsed, result.Rested = r.Clock().Sub(began), r.Pacing.Rested()-rested
	if result.Rested > 0 {
		result.Why = r.Pacing.Why()
	}
	return result, err
}

// lock takes the lock, if the caller does not hold it.
func (r Runner) lock(ctx context.Context) (held context.Context, release func(), err error) {
	if r.Held {
		return ctx, func() {}, nil
	}
	return r.Locker.Lock(ctx)
}

// runWithLedger makes the passes between the two entries of the ledger, while operators
// can steer them. The second entry is written even when the passes were cut off, if the
// database still answers. Where the plan found nothing to move, see runWithoutEntry.
func (r *run) runWithLedger(ctx context.Context, result *Result) error {
	if r.total == 0 {
		return r.runWithoutEntry(ctx, result)
	}
	if err := r.Ledger.Begin(ctx, r.ledgerEntry()); err != nil {
		return fmt.Errorf("recording the run before it begins: %w", err)
	}
	return r.finish(ctx, result, r.runSteered(ctx, result))
}

// runWithoutEntry makes the passes where the plan found nothing to move. It leaves no
// entry, and cannot be steered, because it takes a moment. If a server wrote values
// meanwhile that were moved, it makes both entries at the end.
func (r *run) runWithoutEntry(ctx context.Context, result *Result) error {
	failure := crash.Do(func() error { return r.makeAllPasses(ctx, result) })
	if r.rows.Load() == 0 {
		return r.settle(ctx, result, failure)
	}
	if err := r.Ledger.Begin(ctx, r.ledgerEntry()); err != nil {
		return errors.Join(failure, fmt.Errorf("recording the run, which has moved values: %w", err))
	}
	return r.finish(ctx, result, failure)
}

// settle brings the record of earlier runs up to date after a run that moved nothing.
func (r *run) settle(ctx context.Context, result *Result, failure error) error {
	if failure != nil {
		return failure
	}
	if err := r.Ledger.Settle(ctx, r.ledgerEntry(), r.ledgerOutcome(result, nil)); err != nil {
		return fmt.Errorf("bringing the record of earlier runs up to date: %w", err)
	}
	return nil
}

// finishTimeout bounds how long an ended run tries to record its end.
const finishTimeout = 5 * time.Second

// finish records how the run ended. Before that it makes what was moved durable, unless
// the run failed: then nothing is promised, and the next run looks at every value again.
func (r *run) finish(ctx context.Context, result *Result, failure error) error {
	if errors.Is(context.Cause(ctx), ErrLockLost) {
		failure = context.Cause(ctx)
	}
	if failure == nil || isStop(failure) && ctx.Err() == nil {
		if err := r.Locker.Flush(ctx); err != nil {
			failure = errors.Join(failure, err)
		}
	}
	r.Reporter.Phase("recording")
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	unaudited, err := r.Ledger.End(ending, r.ledgerOutcome(result, failure))
	if err != nil && failure == nil {
		return fmt.Errorf("recording the run, which has moved its values: %w", err)
	}
	result.Unaudited = unaudited
	return failure
}

// runSteered makes the passes while orders are followed.
func (r *run) runSteered(ctx context.Context, result *Result) error {
	steering, stopSteering := context.WithCancel(ctx)
	exchanging, cutExchange := context.WithCancel(ctx)
	defer cutExchange()
	c := &controller{run: r, started: r.Clock(), pace: r.Pacing.Pace()}
	ended := make(chan struct{})
	crash.Go(func() {
		defer close(ended)
		doEvery(steering, exchangePeriod, func(context.Context) { c.exchange(exchanging) })
	})
	err := crash.Do(func() error { return r.makeAllPasses(ctx, result) }) // the record is closed even then
	stopSteering()
	// An exchange in hand is let be. Cut off, it may still reach the server after the last status, which says that
	// the run has ended.
	late := time.AfterFunc(finishTimeout, cutExchange)
	<-ended
	late.Stop()
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	c.writeLast(ending)
	return err
}

// setPhase notes and reports what the run does now.
func (r *run) setPhase(phase string, pass int) {
	r.mu.Lock()
	r.phase, r.pass = phase, pass
	r.mu.Unlock()
	r.Reporter.Phase(phase)
}

// tellWait notes and reports what the run waits for; the zero Wait says that it goes on.
func (r *run) tellWait(wait Wait) {
	r.mu.Lock()
	r.wait = wait
	r.mu.Unlock()
	r.Reporter.Waiting(wait)
}

// currentWait returns what the run waits for: what the gate is closed for, or what was reported.
func (r *run) currentWait() Wait {
	if wait := r.gate.waitingFor(); !wait.IsZero() {
		return wait
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.wait
}

func (r *run) currentPhase() (phase string, pass int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.phase, r.pass
}

// clearSetAside begins the list of set-aside values anew, because each pass over
// all tables finds them again.
func (r *run) clearSetAside() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.setAside = &setAsideList{}
}

func (r *run) setAsideTotal() int64 {
	r.mu.Lock()
	list := r.setAside
	r.mu.Unlock()
	return list.total()
}

// forEachTable moves the values of one table after the other. After each table it ends
// if it is asked to.
func (r *run) forEachTable(ctx context.Context, move func(context.Context, Table) error) error {
	for _, table := range r.plan.Tables {
		if err := move(ctx, table); err != nil {
			return fmt.Errorf("moving the values of %s: %w", table, err)
		}
		if aborted := r.aborted(); aborted != nil {
			return aborted
		}
		if r.isStopping() {
			return ErrStopped
		}
	}
	return nil
}

// haltReason returns why gentle work must end between two bursts: the run is to
// stop or to wait. It returns nil if the work may go on.
func (r *run) haltReason() error {
	switch wait, _, aborted := r.gate.state(); {
	case r.isStopping():
		return ErrStopped
	case aborted != nil:
		return aborted
	case !wait.IsZero():
		return errPaused
	}
	return nil
}

// isStopping reports whether the operator of this process asked the run to stop.
func (r *run) isStopping() bool {
	select {
	case <-r.Stop:
		return true
	default:
		return false
	}
}

// aborted returns an AbortedError where a steering order asked the run to end.
func (r *run) aborted() error {
	_, _, aborted := r.gate.state()
	return aborted
}

// runWorkers does work on as many connections as the request has workers.
func (r *run) runWorkers(ctx context.Context, work func(context.Context, *worker) error) error {
	return r.runWorkersOn(ctx, "", work)
}

// runWorkersOn does work on as many connections to a node of a cluster. The node "" is
// the server that is asked for everything else.
func (r *run) runWorkersOn(ctx context.Context, node string, work func(context.Context, *worker) error) error {
	open := r.Conns.Open
	if node != "" {
		open = func(ctx context.Context) (Conn, error) { return r.Conns.OpenNode(ctx, node) }
	}
	group, ctx := crash.WithContext(ctx)
	for range r.plan.Request.Workers {
		group.Go(func() error {
			conn, err := open(ctx)
			if err != nil {
				return err
			}
			defer conn.Close(context.WithoutCancel(ctx))
			w := &worker{run: r, share: shareOf(r.plan.Request.Workers), conn: conn, writer: r.writer(conn), resealer: crypto.NewResealer(r.Ring, r.Random)}
			defer w.unlockLarge()
			return work(ctx, w)
		})
	}
	return group.Wait()
}

// admit waits until so many more rows may be written, and returns how long that
// took.
func (r *run) admit(ctx context.Context, rows int) (time.Duration, error) {
	if r.limit.rate() == 0 && r.gate.waitingFor().IsZero() && r.aborted() == nil {
		return 0, nil
	}
	began := r.Clock()
	if err := r.gate.pass(ctx, r.Stop, r.tellWait); err != nil {
		return 0, err
	}
	if err := r.limit.wait(ctx, rows, r.Stop); err != nil {
		return 0, err
	}
	return r.Clock().Sub(began), nil
}

// addOutcome counts what became of a batch.
func (r *run) addOutcome(table Table, batch Batch, outcome Outcome) {
	rows := int64(len(batch.Changes))
	r.rows.Add(outcome.Written)
	r.changed.Add(rows - outcome.Untried - outcome.Written)
	if outcome.Blocked {
		r.blocked.Add(rows)
	}
	values := countNew(table, batch.Changes)
	// The server says how many rows of a batch were written, not which. The values
	// are counted in proportion, and rounded so that the columns add up to the whole.
	var before, counted int64
	for i, column := range table.Columns {
		before += values[i]
		if moved := before*outcome.Written/rows - counted; moved > 0 {
			r.movedByColumn.add(table.Place(column), moved)
			counted += moved
		}
	}
	done := r.moved.Add(counted)
	r.Reporter.Progress(done, max(done, r.total))
}

// countNew counts the new values of changes by column of their table.
func countNew(table Table, changes []Change) []int64 {
	values := make([]int64, len(table.Columns))
	for _, change := range changes {
		for i, text := range change.New {
			if text != nil {
				values[i]++
			}
		}
	}
	return values
}
