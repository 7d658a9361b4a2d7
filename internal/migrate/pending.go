package migrate

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// sweepPending takes every row of a table that one snapshot shows as pending,
// and writes by key. Reading and writing have a connection each: the snapshot
// stays open while what it shows is written.
func (r *run) sweepPending(ctx context.Context, table Table) error {
	reading, err := r.Store.Open(ctx)
	if err != nil {
		return err
	}
	defer reading.Close(context.WithoutCancel(ctx))
	writing, err := r.Store.Open(ctx)
	if err != nil {
		return err
	}
	defer writing.Close(context.WithoutCancel(ctx))

	batches := make(chan []Change, 1)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		writer := &mover{run: r, session: writing, writer: r.write(writing)}
		for batch := range batches {
			if err := writer.write(ctx, table, []Part{{Changes: batch}}); err != nil {
				return err
			}
		}
		return nil
	})
	group.Go(func() error {
		defer close(batches)
		reader := &mover{run: r, session: reading, resealer: crypto.NewResealer(r.Ring, r.Random)}
		return reader.readPending(ctx, table, batches)
	})
	return group.Wait()
}

func (m *mover) readPending(ctx context.Context, table Table, batches chan<- []Change) error {
	to := m.run.plan.Request.To
	err := m.session.Scan(ctx, table, &to, func(row Row) error {
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
