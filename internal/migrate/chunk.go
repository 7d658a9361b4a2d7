package migrate

import (
	"sync"
	"time"
)

// pageQueue hands out the page ranges of a table.
type pageQueue struct {
	mu     sync.Mutex
	leaves []Leaf
	at     int64
}

// next returns the next range of at most so many pages. The leaf's own number of
// pages bounds the start only: pages that came since belong to the last range.
func (q *pageQueue) next(pages int64) (PageRange, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.leaves) > 0 {
		leaf := q.leaves[0]
		if leaf.ByPages && q.at < leaf.Pages {
			from := q.at
			q.at += pages
			return PageRange{Leaf: leaf, From: from, To: q.at}, true
		}
		q.leaves, q.at = q.leaves[1:], 0
	}
	return PageRange{}, false
}

// The bounds of a chunk in pages. Four megabytes of heap are enough for the cost
// of a statement not to count, and little enough to stay in a processor's cache
// while the parts of it are written.
const (
	fewestPages = 2
	gentlePages = 32 // to begin with, where the pace is gentle
	mostPages   = 512
)

// chunkSize adapts the pages that a worker takes at once to the time that they
// take, so that a slow server's rows are not held long.
type chunkSize struct {
	pages  int64
	target time.Duration
}

// learn is told how long a chunk of the present size took.
func (c *chunkSize) learn(took time.Duration) {
	c.pages = adapted(c.pages, fewestPages, mostPages, took, c.target)
}

// adapted returns the next size of what took so long and should take as long as
// the target, within its bounds.
func adapted(size, fewest, most int64, took, target time.Duration) int64 {
	switch {
	case took > target:
		return max(fewest, size/2)
	case took < target/3:
		return min(most, size*2)
	}
	return size
}
