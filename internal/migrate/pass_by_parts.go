package migrate

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
)

// passByParts is the first pass over a table whose parts lie on several servers, where these cannot be
// reached one by one. A worker takes the same pages of all parts at once: reading in the order of the key
// would ask every part for as many rows as one of them is to return. What a worker cannot keep of them at
// once, and what is added behind the last page, is left to the next pass.
func (r *run) passByParts(ctx context.Context, table Table) error {
	var next atomic.Int64
	size := partPages(table)
	return r.runWorkers(ctx, func(ctx context.Context, w *worker) error {
		w.writer = r.retryConflicts(w.writer)
		for !r.isStopping() {
			from := next.Add(size) - size
			if from > table.Spread.Pages {
				return nil
			}
			if err := w.moveParts(ctx, table, PageRange{From: from, To: from + size}); err != nil {
				return ignoreStop(err)
			}
		}
		return nil
	})
}

// pagesPerRange is how many pages of all parts together are read at once.
const pagesPerRange = 1024

// partPages returns how many pages of each part of a table are read at once.
func partPages(table Table) int64 { return max(1, pagesPerRange/int64(max(1, table.Spread.Shards))) }

// maxRounds bounds how often the same pages are read, where a worker cannot keep all of their rows at once.
const maxRounds = 16

// moveParts moves the values of the pages of all parts.
func (w *worker) moveParts(ctx context.Context, table Table, pages PageRange) error {
	for range maxRounds {
		if more, err := w.movePartsOnce(ctx, table, pages); err != nil || !more || w.run.isStopping() {
			return err
		}
	}
	return nil
}

// movePartsOnce reads the pages of all parts, reseals what is to be moved, and writes it. It reports whether
// there is more than could be kept.
func (w *worker) movePartsOnce(ctx context.Context, table Table, pages PageRange) (more bool, err error) {
	if _, err := w.run.admit(ctx, 0); err != nil {
		return false, err
	}
	w.reset()
	to := w.run.plan.Request.To
	err = w.conn.Scan(ctx, table, Scope{Pages: &pages, PendingFor: &to}, func(row Row) error {
		if more = more || w.kept >= keptBytes; more {
			return nil // an error would end the connection
		}
		return w.resealRow(table, row)
	})
	if errors.Is(err, ErrBusy) {
		return false, nil // the next pass finds them
	}
	if err != nil {
		return false, err
	}
	if err := w.conn.Arrange(ctx, table, w.changes); err != nil {
		return false, err
	}
	return more, w.writeByKey(ctx, table)
}

// groupEnd returns how many of the changes at the beginning are of one group, at most so many.
func groupEnd(changes []Change, most int) int {
	changes = changes[:min(most, len(changes))]
	other := slices.IndexFunc(changes, func(c Change) bool { return c.Group != changes[0].Group })
	if other < 0 {
		return len(changes)
	}
	return other
}
