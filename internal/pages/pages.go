// Package pages divides the heaps of a table into ranges of pages, for several workers, and adapts
// how large the ranges are to the time that one takes.
package pages

import (
	"sync"
	"time"
)

// Heap is a heap of so many pages: a table, or a partition.
type Heap struct {
	Schema, Name string
	Pages        int64
}

// Range is the pages From (included) to To (not included) of a heap.
type Range struct {
	Heap     Heap
	From, To int64
}

// Queue hands out the ranges of some heaps. It serves several workers.
type Queue struct {
	mu    sync.Mutex
	heaps []Heap
	at    int64
}

// NewQueue returns a queue of all pages of some heaps.
func NewQueue(heaps []Heap) *Queue { return &Queue{heaps: heaps} }

// Next returns the next range of so many pages. The number of pages of the heap bounds only where a
// range starts: pages may have been added since it was asked for.
func (q *Queue) Next(pages int64) (Range, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.heaps) > 0 {
		heap := q.heaps[0]
		if q.at < heap.Pages {
			from := q.at
			q.at += pages
			return Range{Heap: heap, From: from, To: q.at}, true
		}
		q.heaps, q.at = q.heaps[1:], 0
	}
	return Range{}, false
}

// AdaptSize returns the next size of a range that took so long and should take as long as the
// target: half, double or the same, between least and most.
func AdaptSize(size, least, most int64, took, target time.Duration) int64 {
	switch {
	case took > target:
		return max(least, size/2)
	case took < target/3:
		return min(most, size*2)
	}
	return size
}
