package migrate

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/ocmt/ocmt/internal/pages"
)

// passByKeys goes once through a whole table in the order of its keys. A worker
// reads the next rows while the others write the rows before. Rows in heaps that
// were read by pages are done already; of these it reads nothing but the keys.
func (r *run) passByKeys(ctx context.Context, table Table) error {
	cursor := &keyCursor{}
	return r.runWorkers(ctx, func(ctx context.Context, w *worker) error {
		w.writer = r.retryConflicts(w.writer)
		size := keyCount{rows: minRows, target: r.plan.Request.ChunkTarget}
		var rows rowBatch
		for more := true; more && !r.isStopping(); {
			var err error
			if more, err = w.moveKeys(ctx, table, cursor, &size, &rows); err != nil {
				return ignoreStop(err)
			}
		}
		return nil
	})
}

// keyCursor says how far the workers have come in a table. It is kept in memory
// only: a run that dies begins anew and passes over what is done.
type keyCursor struct {
	mu    sync.Mutex // held while rows are read
	after []byte     // the last key that was read; nil at the start
	ended bool
}

// moveKeys reads the next rows, reseals what is to be moved, and writes it. It
// reports whether there may be more.
func (w *worker) moveKeys(ctx context.Context, table Table, cursor *keyCursor, size *keyCount, rows *rowBatch) (more bool, err error) {
	if _, err := w.run.admit(ctx, 0); err != nil {
		return false, err
	}
	w.reset()
	rows.clear()
	cursor.mu.Lock()
	began := w.run.Clock()
	err = w.readNextKeys(ctx, table, cursor, w.rowsWithin(size.rows), rows)
	more = !cursor.ended
	cursor.mu.Unlock()
	w.waited = 0
	if errors.Is(err, ErrBusy) {
		return false, nil // the next pass finds the rest
	}
	for i := 0; i < len(rows.rows) && err == nil; i++ {
		err = w.resealRow(table, rows.rows[i])
	}
	if err == nil {
		err = w.writeByKey(ctx, table)
	}
	size.adapt(w.run.Clock().Sub(began) - w.waited)
	return more, err
}

// readNextKeys reads the rows behind the cursor and moves the cursor, whose mutex the
// caller holds.
func (w *worker) readNextKeys(ctx context.Context, table Table, cursor *keyCursor, limit int, rows *rowBatch) error {
	if cursor.ended {
		return nil
	}
	read := 0
	err := w.run.retryConflict(ctx, func() error {
		return w.conn.ReadKeys(ctx, table, cursor.after, limit, w.run.plan.Request.To, func(row Row) error {
			if rows.size >= w.share/2 {
				return errEnough // the worker keeps these rows a second time, with their new values
			}
			read++
			w.noteSize(row)
			cursor.after = append(cursor.after[:0], row.Key...)
			if slices.ContainsFunc(row.Values, func(text []byte) bool { return text != nil }) {
				rows.add(row)
			}
			return nil
		})
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	cursor.ended = err != nil || read < limit
	return err
}

// writeByKey writes the changes. It ends between two pipelines if the run is asked
// to stop.
func (w *worker) writeByKey(ctx context.Context, table Table) error {
	rest := w.changes
	for len(rest) > 0 {
		if w.run.isStopping() {
			return ErrStopped
		}
		var batches []Batch
		batches, rest = w.takeBatches(rest)
		if err := w.write(ctx, table, batches); err != nil {
			return err
		}
	}
	return nil
}

// rowsPerKeyBatch is how many rows are written by key in one transaction of the
// first pass. Live servers that need one of the rows wait for as long as the
// transaction takes.
const rowsPerKeyBatch = 128

// takeBatches takes the batches of the next pipeline off the changes: several, or
// under a row limit one, of as many rows as may be written at once.
func (w *worker) takeBatches(changes []Change) (batches []Batch, rest []Change) {
	rows, most := rowsPerKeyBatch, batchesPerPipeline
	if rate := w.run.limit.rate(); rate > 0 {
		rows, most = min(rows, max(1, rate/10)), 1
	}
	for len(changes) > 0 && len(batches) < most {
		count := groupEnd(changes, rows)
		batches, changes = append(batches, Batch{Changes: changes[:count]}), changes[count:]
	}
	return batches, changes
}

// keyCount adapts how many rows a worker reads at once to the time that it takes to
// read and write them.
type keyCount struct {
	rows   int64
	target time.Duration
}

// maxRows bounds the rows that are read at once. Where all of them are done already,
// reading them costs the server and the network a few milliseconds.
const maxRows = 4096

// adapt changes the number by how long the last rows took.
func (k *keyCount) adapt(took time.Duration) {
	k.rows = pages.AdaptSize(k.rows, minRows, maxRows, took, k.target)
}
