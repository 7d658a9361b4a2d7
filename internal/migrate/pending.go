package migrate

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// sweepAll takes every row that one snapshot of all tables shows as pending, and
// writes by key: a value that moves from one table to another meanwhile is seen
// in one of them. Reading and writing have a connection each: the snapshot stays
// open while what it shows is written.
func (r *run) sweepAll(ctx context.Context) error {
	reading, err := r.Store.OpenSnapshot(ctx)
	if err != nil {
		return err
	}
	defer reading.Close(context.WithoutCancel(ctx))
	writing, err := r.Store.Open(ctx)
	if err != nil {
		return err
	}
	defer writing.Close(context.WithoutCancel(ctx))
	return r.eachTable(ctx, func(ctx context.Context, table Table) error {
		return r.sweepPending(ctx, table, reading, writing)
	})
}

func (r *run) sweepPending(ctx context.Context, table Table, reading, writing Session) error {
	batches := make(chan []Change, 1)
	_, pass := r.phaseNow()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		writer := &mover{run: r, session: writing, writer: r.patient(r.write(writing))}
		for stopped := false; ; {
			batch, more := <-batches
			if !more {
				return nil
			}
			if stopped {
				continue // the reader must not wait for nobody
			}
			err := writer.write(ctx, table, []Part{{Changes: batch, SkipLocked: pass <= firstSweep}})
			if unlessStopped(err) != nil {
				return err
			}
			stopped = err != nil
		}
	})
	group.Go(func() error {
		defer close(batches)
		reader := &mover{run: r, session: reading, resealer: crypto.NewResealer(r.Ring, r.Random)}
		return unlessStopped(reader.readPending(ctx, table, batches))
	})
	return group.Wait()
}

// firstSweep is the pass that leaves locked rows at once, so that one of them
// keeps no other back. Later ones, which have few rows, wait for them.
const firstSweep = 2

func (m *mover) readPending(ctx context.Context, table Table, batches chan<- []Change) error {
	to := m.run.plan.Request.To
	err := m.session.Scan(ctx, table, Scope{PendingFor: &to}, func(row Row) error {
		if err := m.take(table, row); err != nil {
			return err
		}
		if len(m.changes) < rowsPerWrite && m.held < keptBytes {
			return nil
		}
		return m.hand(ctx, batches)
	})
	if err != nil {
		return err
	}
	if len(m.changes) == 0 {
		return nil
	}
	return m.hand(ctx, batches)
}

// hand passes what is held on to the writer.
func (m *mover) hand(ctx context.Context, batches chan<- []Change) error {
	batch := m.changes
	m.run.left.Add(int64(len(batch)))
	// The batch goes to another goroutine, and the memory with it.
	m.changes, m.held, m.bytes, m.lists = nil, 0, arena[byte]{}, arena[[]byte]{}
	select {
	case batches <- batch:
	case <-ctx.Done():
		return ctx.Err()
	}
	if m.run.stopping() {
		return ErrStopped
	}
	return nil
}
