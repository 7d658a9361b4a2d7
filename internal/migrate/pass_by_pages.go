package migrate

import (
	"context"
	"errors"
	"slices"

	"github.com/ocmt/ocmt/internal/crash"
	"github.com/ocmt/ocmt/internal/pages"
)

// passByPages is the first pass over a table by page ranges. The nodes of a cluster are
// at work at the same time, each with as many workers as the request has.
func (r *run) passByPages(ctx context.Context, table Table) error {
	byNode := map[string][]Leaf{}
	for _, leaf := range table.Leaves {
		byNode[leaf.Node] = append(byNode[leaf.Node], leaf)
	}
	group, ctx := crash.WithContext(ctx)
	for node, leaves := range byNode {
		group.Go(func() error { return r.passByPagesOf(ctx, table, node, leaves) })
	}
	return group.Wait()
}

// passByPagesOf goes over the leaves of a node: each worker takes one range after the
// other until there are no more.
func (r *run) passByPagesOf(ctx context.Context, table Table, node string, leaves []Leaf) error {
	queue := newPageQueue(leaves)
	return r.runWorkersOn(ctx, node, func(ctx context.Context, w *worker) error {
		size := pageCount{pages: maxPages / 2, target: r.plan.Request.ChunkTarget}
		if r.Pacing.Gentle() {
			size.pages = gentlePages
		}
		for pages, more := queue.next(size.pages); more; pages, more = queue.next(size.pages) {
			w.waited = 0
			began := r.Clock()
			if err := w.movePages(ctx, table, pages); err != nil {
				return ignoreStop(err)
			}
			size.adapt(r.Clock().Sub(began) - w.waited)
			if r.isStopping() {
				return nil
			}
		}
		return nil
	})
}

// pageQueue hands out the page ranges of a table.
type pageQueue struct {
	*pages.Queue
	leaves map[pages.Heap]Leaf
}

// newPageQueue returns the page ranges of the leaves that can be read so. Later passes find the rows
// on pages that were added behind the last range.
func newPageQueue(leaves []Leaf) *pageQueue {
	q := &pageQueue{leaves: map[pages.Heap]Leaf{}}
	var heaps []pages.Heap
	for _, leaf := range leaves {
		if leaf.ByPages {
			heap := pages.Heap{Schema: leaf.Schema, Name: leaf.Name, Pages: leaf.Pages}
			heaps, q.leaves[heap] = append(heaps, heap), leaf
		}
	}
	q.Queue = pages.NewQueue(heaps)
	return q
}

// next returns the next range of at most so many pages.
func (q *pageQueue) next(count int64) (PageRange, bool) {
	next, more := q.Next(count)
	return PageRange{Leaf: q.leaves[next.Heap], From: next.From, To: next.To}, more
}

// movePages reads a page range, reseals what is to be moved, and writes it. A range
// with more values than the worker may keep is moved in several rounds.
func (w *worker) movePages(ctx context.Context, table Table, pages PageRange) error {
	for more := true; more; {
		w.reset()
		for more && w.kept < w.share {
			var err error
			pages.Limit = w.rowsWithin(rowsPerRead)
			pages.After, more, err = w.readPages(ctx, table, pages)
			if errors.Is(err, ErrBusy) {
				return nil // a later pass finds the rest of the range, and what was read of it
			}
			if err != nil {
				return err
			}
		}
		if err := w.writeRange(ctx, table, pages); err != nil {
			return err
		}
	}
	return nil
}

// rowsPerRead bounds one statement that reads. While a statement runs, the server
// cannot prune the row versions that other workers leave dead. The rows of a short
// statement fit into the system's buffers, so that it does not wait for them to be
// resealed.
const rowsPerRead = 500

// readPages reads rows of a page range, at most as many as its limit, and reseals
// what is to be moved. It returns the TID of the last row, and whether there may be
// more.
func (w *worker) readPages(ctx context.Context, table Table, pages PageRange) (last []byte, more bool, err error) {
	read := 0
	err = w.conn.ReadPages(ctx, table, pages, w.run.plan.Request.To, func(row Row) error {
		if w.kept >= 2*w.share {
			return errEnough
		}
		last = append(last[:0], row.TID...)
		read++
		w.noteSize(row)
		return w.resealRow(table, row)
	})
	if errors.Is(err, errEnough) {
		return last, true, nil
	}
	return last, read == pages.Limit, err
}

// segments is how many segments a page range is cut into. They are written in turn:
// while one is written, the transactions that might still see the dead row versions
// of the others come to their end, so that these can be pruned.
const segments = 4

// writeRange writes the changes of a page range in interleaved sub-batches. It ends
// between two pipelines if the run is asked to stop.
func (w *worker) writeRange(ctx context.Context, table Table, pages PageRange) error {
	ranges := w.cutRange(pages)
	most := batchesPerPipeline
	if w.run.limit.rate() > 0 {
		most = 1
	}
	pipeline := make([]Batch, 0, most)
	for n := range maxSubBatches {
		for segment := range ranges {
			if changes := w.subBatches[segment][n]; len(changes) > 0 {
				pipeline = append(pipeline, Batch{Pages: &ranges[segment], Changes: changes, Pruned: n == 0}) // reading has pruned the pages
			}
			if len(pipeline) < most {
				continue
			}
			if w.run.isStopping() {
				return ErrStopped
			}
			if err := w.write(ctx, table, pipeline); err != nil {
				return err
			}
			pipeline = pipeline[:0]
		}
	}
	return w.write(ctx, table, pipeline)
}

// cutRange cuts a page range into segments, and spreads the changes of each segment
// over sub-batches.
func (w *worker) cutRange(pages PageRange) (ranges [segments]PageRange) {
	rest, length := w.changes, pages.To-pages.From
	for i := range ranges {
		ranges[i] = pages
		ranges[i].From, ranges[i].To = pages.From+length*int64(i)/segments, pages.From+length*int64(i+1)/segments
		end := slices.IndexFunc(rest, func(c Change) bool { return c.Row.Page >= ranges[i].To })
		if end < 0 {
			end = len(rest)
		}
		w.subBatches[i].interleave(rest[:end])
		rest = rest[end:]
	}
	return ranges
}
