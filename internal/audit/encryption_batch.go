package audit

import "context"

// The bounds of a batch of rows. A batch with more bytes than largeValueBatch is let go after use, and
// only one such batch is in memory at a time.
const (
	rowsPerValueBatch  = 512
	bytesPerValueBatch = 1 << 20
	largeValueBatch    = 4 << 20
)

// valueBatch holds copies of rows of one table on their way from the reader to a worker.
type valueBatch struct {
	bytes []byte
	spans []valueSpan // for each row the key, and then the values
	rows  int
}

// valueSpan is where a text lies in the bytes of a batch; from is -1 for NULL.
type valueSpan struct{ from, to int }

// add copies a row and reports whether the batch is full.
func (b *valueBatch) add(row ValueRow) bool {
	b.addText(row.Key)
	for _, text := range row.Values {
		b.addText(text)
	}
	b.rows++
	return b.rows >= rowsPerValueBatch || len(b.bytes) >= bytesPerValueBatch
}

func (b *valueBatch) addText(text []byte) {
	if text == nil {
		b.spans = append(b.spans, valueSpan{-1, -1})
		return
	}
	from := len(b.bytes)
	b.bytes = append(b.bytes, text...)
	b.spans = append(b.spans, valueSpan{from, len(b.bytes)})
}

// text returns one text of the batch, nil for NULL.
func (b *valueBatch) text(span valueSpan) []byte {
	if span.from < 0 {
		return nil
	}
	return b.bytes[span.from:span.to:span.to]
}

// clear empties the batch and keeps its memory, unless it is too much.
func (b *valueBatch) clear() {
	if cap(b.bytes) > largeValueBatch {
		b.bytes = nil
	}
	b.bytes, b.spans, b.rows = b.bytes[:0], b.spans[:0], 0
}

// valueQueue passes batches from one reader to several workers. Their number is fixed, so that a slow
// worker slows the reader down and memory stays bounded.
type valueQueue struct{ full, free chan *valueBatch }

func newValueQueue(workers int) *valueQueue {
	q := &valueQueue{full: make(chan *valueBatch, 2*workers), free: make(chan *valueBatch, 2*workers)}
	for range 2 * workers {
		q.free <- &valueBatch{}
	}
	return q
}

// fill reads a table into batches, and closes the queue at the end.
func (q *valueQueue) fill(ctx context.Context, reader ValueReader, table ValueTable) error {
	defer close(q.full)
	batch := <-q.free
	err := reader.ReadValues(ctx, table, func(row ValueRow) error {
		if !batch.add(row) {
			return nil
		}
		large := cap(batch.bytes) > largeValueBatch
		q.full <- batch // never blocks: the channel has room for every batch
		batch = nil
		if large {
			if err := q.awaitFree(ctx); err != nil {
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
	if batch != nil { // what was read before an error was seen all the same
		q.full <- batch
	}
	return err
}

// awaitFree waits until all batches are free.
func (q *valueQueue) awaitFree(ctx context.Context) error {
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

// drain does work on each batch until the queue is closed.
func (q *valueQueue) drain(work func(*valueBatch)) {
	for batch := range q.full {
		work(batch)
		batch.clear()
		q.free <- batch
	}
}
