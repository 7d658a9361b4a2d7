package migrate

import "context"

// rowBatch holds copies of rows on their way from a reader to a worker.
type rowBatch struct {
	rows  []Row
	size  int // bytes of the values
	bytes arena[byte]
	lists arena[[]byte]
}

// The bounds of a full batch.
const (
	rowsPerBatch  = 512
	bytesPerBatch = 1 << 20
)

// add copies a row, whose bytes belong to the reader, and reports whether the batch
// is full.
func (b *rowBatch) add(row Row) bool {
	kept := Row{Key: b.bytes.clone(row.Key), Part: b.bytes.clone(row.Part), Values: b.lists.take(len(row.Values)), TooLarge: row.TooLarge}
	for i, text := range row.Values {
		kept.Values[i] = b.bytes.clone(text)
		b.size += len(text)
	}
	b.rows = append(b.rows, kept)
	return len(b.rows) >= rowsPerBatch || b.size >= bytesPerBatch
}

// clear empties the batch and keeps its memory for the next rows, unless it is too much.
func (b *rowBatch) clear() {
	if b.size > LargeRow {
		*b = rowBatch{}
		return
	}
	b.rows, b.size = b.rows[:0], 0
	b.bytes.reset()
	b.lists.reset()
}

// rowQueue passes rows from one reader to several workers. The number of batches is
// fixed, so that a slow worker slows the reader down and memory stays bounded.
type rowQueue struct{ full, free chan *rowBatch }

func newRowQueue(workers int) *rowQueue {
	q := &rowQueue{full: make(chan *rowBatch, 2*workers), free: make(chan *rowBatch, 2*workers)}
	for range 2 * workers {
		q.free <- &rowBatch{}
	}
	return q
}

// fill scans a scope of a table into batches, and closes the queue at the end.
func (q *rowQueue) fill(ctx context.Context, reader Reader, table Table, scope Scope) error {
	defer close(q.full)
	batch := <-q.free
	err := reader.Scan(ctx, table, scope, func(row Row) error {
		if !batch.add(row) {
			return nil
		}
		large := batch.size > LargeRow
		q.full <- batch // never blocks: the channel has room for every batch
		if large {
			if err := q.awaitDrained(ctx); err != nil {
				return err
			}
		}
		select {
		case batch = <-q.free:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if err == nil {
		q.full <- batch
	}
	return err
}

// awaitDrained waits until all batches are free, so that one large row at a time is in memory.
func (q *rowQueue) awaitDrained(ctx context.Context) error {
	for range cap(q.free) {
		select {
		case batch := <-q.free:
			defer func() { q.free <- batch }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// drain does work on the rows of each batch until the queue is closed.
func (q *rowQueue) drain(work func([]Row)) {
	for batch := range q.full {
		work(batch.rows)
		batch.clear()
		q.free <- batch
	}
}
