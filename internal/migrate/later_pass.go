package migrate

import (
	"context"

	"github.com/ocmt/ocmt/internal/crash"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// makeLaterPass takes every row that one snapshot of all tables shows as pending,
// and writes it by key. With one snapshot it finds a value that moves from one table
// to another in at least one of them. Reading and writing have a connection each:
// the snapshot stays open while its rows are written.
func (r *run) makeLaterPass(ctx context.Context) error {
	reading, err := r.Conns.OpenSnapshot(ctx)
	if err != nil {
		return err
	}
	defer reading.Close(context.WithoutCancel(ctx))
	writing, err := r.Conns.Open(ctx)
	if err != nil {
		return err
	}
	defer writing.Close(context.WithoutCancel(ctx))
	return r.forEachTable(ctx, func(ctx context.Context, table Table) error {
		return r.movePending(ctx, table, reading, writing)
	})
}

// skipLockedUntil is the number of the last pass that skips locked rows, so that one
// locked row keeps no other back. The passes after it have few rows, and wait for locked
// ones.
const skipLockedUntil = 2

// movePending reads the pending rows of a table on one connection and writes them on
// another.
func (r *run) movePending(ctx context.Context, table Table, reading Reader, writing Conn) error {
	batches := make(chan []Change, 1)
	_, pass := r.currentPhase()
	group, ctx := crash.WithContext(ctx)
	group.Go(func() error {
		writer := &worker{run: r, share: shareOf(1), conn: writing, writer: r.retryConflicts(r.writer(writing))}
		return writer.writePending(ctx, table, batches, pass <= skipLockedUntil)
	})
	group.Go(func() error {
		defer close(batches)
		reader := &worker{run: r, share: shareOf(1), resealer: crypto.NewResealer(r.Ring, r.Random)}
		defer reader.unlockLarge()
		return ignoreStop(reader.readPending(ctx, reading, table, batches))
	})
	return group.Wait()
}

// writePending writes batches until there are no more. After the run was asked to
// stop it receives the rest without writing it, so that the reader does not wait for
// ever.
func (w *worker) writePending(ctx context.Context, table Table, batches <-chan []Change, skipLocked bool) error {
	stopped := false
	for changes := range batches {
		if stopped {
			continue
		}
		err := w.writeGroups(ctx, table, changes, skipLocked)
		if ignoreStop(err) != nil {
			return err
		}
		stopped = err != nil
	}
	return nil
}

// writeGroups writes changes in a batch for each of their groups.
func (w *worker) writeGroups(ctx context.Context, table Table, changes []Change, skipLocked bool) error {
	if table.isScattered() && len(changes) > 0 {
		if err := w.conn.Arrange(ctx, table, changes); err != nil {
			return err
		}
	}
	var batches []Batch
	for len(changes) > 0 {
		count := groupEnd(changes, len(changes))
		batches, changes = append(batches, Batch{Changes: changes[:count], SkipLocked: skipLocked}), changes[count:]
	}
	return w.write(ctx, table, batches)
}

// rowsPerPendingBatch bounds a statement of a later pass, which finds its rows by
// key.
const rowsPerPendingBatch = 500

// readPending reads the pending rows of a table, reseals them, and passes them to the
// writer in batches.
func (w *worker) readPending(ctx context.Context, reader Reader, table Table, batches chan<- []Change) error {
	to := w.run.plan.Request.To
	err := reader.Scan(ctx, table, Scope{PendingFor: &to}, func(row Row) error {
		if err := w.resealRow(table, row); err != nil {
			return err
		}
		if len(w.changes) < rowsPerPendingBatch && w.kept < w.share {
			return nil
		}
		return w.passOn(ctx, table, batches)
	})
	if err != nil {
		return err
	}
	if len(w.changes) == 0 {
		return nil
	}
	return w.passOn(ctx, table, batches)
}

// countLeft counts the values of changes by column.
func (r *run) countLeft(table Table, changes []Change) {
	for i, values := range countNew(table, changes) {
		if values > 0 {
			r.leftByColumn.add(table.Place(table.Columns[i]), values)
		}
	}
}

// passOn passes the changes to the writer.
func (w *worker) passOn(ctx context.Context, table Table, batches chan<- []Change) error {
	changes := w.changes
	w.changes = nil
	w.run.left.Add(int64(len(changes)))
	w.run.countLeft(table, changes)
	// The changes go to another goroutine, and their memory with them.
	w.kept, w.bytes, w.lists = 0, arena[byte]{}, arena[[]byte]{}
	sent := [][]Change{changes}
	if w.large { // nothing more is read until they are written
		sent = append(sent, nil, nil)
		defer w.unlockLarge()
	}
	for _, next := range sent {
		select {
		case batches <- next:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if w.run.isStopping() {
		return ErrStopped
	}
	return nil
}
