package migrate

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// sweepFirst goes over a table for the first time: by page ranges where its rows
// lie in heaps that are read so, and in the order of its keys for the rest. A
// table that has neither is met in the pass after.
func (r *run) sweepFirst(ctx context.Context, table Table) error {
	byPages := func(leaf Leaf) bool { return leaf.ByPages }
	if slices.ContainsFunc(table.Leaves, byPages) {
		if err := r.sweepPages(ctx, table); err != nil || r.stopping() || r.aborted() {
			return err
		}
	}
	if !table.ByKey || !slices.ContainsFunc(table.Leaves, func(leaf Leaf) bool { return !byPages(leaf) }) {
		return nil
	}
	return r.sweepKeys(ctx, table)
}

// sweepKeys goes once through a whole table in the order of its keys. A worker
// reads the next rows while the others write those before. What lies in heaps
// that were read by pages is done, and met here as nothing but keys.
func (r *run) sweepKeys(ctx context.Context, table Table) error {
	cursor := &keyCursor{}
	return r.workers(ctx, func(ctx context.Context, m *mover) error {
		m.writer = r.patient(m.writer)
		batch := batchSize{rows: fewestRows, target: r.plan.Request.ChunkTarget}
		var rows hand
		for more := true; more && !r.stopping(); {
			var err error
			if more, err = m.moveKeys(ctx, table, cursor, &batch, &rows); err != nil {
				return unlessStopped(err)
			}
		}
		return nil
	})
}

// keyCursor is how far the workers have come in a table. It has no place
// anywhere else: a run that dies begins anew and passes over what is done.
type keyCursor struct {
	mu    sync.Mutex // held while rows are read
	after []byte     // the last key that was read; nil at the start
	ended bool
}

// moveKeys reads the next rows, reseals what is to be moved and writes it. It
// reports whether there may be more.
func (m *mover) moveKeys(ctx context.Context, table Table, cursor *keyCursor, batch *batchSize, rows *hand) (more bool, err error) {
	if _, err := m.run.admit(ctx, 0); err != nil {
		return false, err
	}
	m.reset()
	rows.empty()
	cursor.mu.Lock()
	began := m.run.Clock()
	err = m.readNext(ctx, table, cursor, m.rowsWithin(batch.rows), rows)
	more = !cursor.ended
	cursor.mu.Unlock()
	m.waited = 0
	if errors.Is(err, ErrBusy) {
		return false, nil // the next pass meets the rest
	}
	for i := 0; i < len(rows.rows) && err == nil; i++ {
		err = m.take(table, rows.rows[i])
	}
	if err == nil {
		err = m.writeByKey(ctx, table)
	}
	batch.learn(m.run.Clock().Sub(began) - m.waited)
	return more, err
}

// readNext reads the rows behind the cursor and moves it. The cursor must be held.
func (m *mover) readNext(ctx context.Context, table Table, cursor *keyCursor, limit int, rows *hand) error {
	if cursor.ended {
		return nil
	}
	read := 0
	err := m.run.persist(ctx, func() error {
		return m.session.ReadKeys(ctx, table, cursor.after, limit, m.run.plan.Request.To, func(row Row) error {
			if rows.size >= keptBytes/2 {
				return errEnough // the rest is its size again, and that of what is written
			}
			read++
			m.saw(row)
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

// writeByKey writes what is held. Between two trips it can be asked to stop.
func (m *mover) writeByKey(ctx context.Context, table Table) error {
	rest := m.changes
	for len(rest) > 0 {
		if m.run.stopping() {
			return ErrStopped
		}
		var trip []Part
		trip, rest = m.nextTrip(rest)
		if err := m.write(ctx, table, trip); err != nil {
			return err
		}
	}
	return nil
}

// rowsPerPart is how many rows are written by key in one transaction of the first
// pass, in which servers are held up for as long as it takes.
const rowsPerPart = 128

// nextTrip takes the parts of the next trip off the changes: several, or under a
// row limit one, of as many rows as may go at once.
func (m *mover) nextTrip(changes []Change) (trip []Part, rest []Change) {
	rows, parts := rowsPerPart, partsPerTrip
	if rate := m.run.limit.rate(); rate > 0 {
		rows, parts = min(rows, max(1, rate/10)), 1
	}
	for len(changes) > 0 && len(trip) < parts {
		count := min(rows, len(changes))
		trip, changes = append(trip, Part{Changes: changes[:count]}), changes[count:]
	}
	return trip, changes
}

// batchSize adapts how many rows a worker reads at once to the time that it takes
// to read and write them.
type batchSize struct {
	rows   int64
	target time.Duration
}

// mostRows bounds a batch. Where all of its rows are done already, one costs the
// server and the network a few milliseconds.
const mostRows = 4096

func (b *batchSize) learn(took time.Duration) {
	b.rows = adapted(b.rows, fewestRows, mostRows, took, b.target)
}
