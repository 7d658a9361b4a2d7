package migrate

import (
	"time"

	"github.com/ocmt/ocmt/internal/pages"
)

// The bounds of the pages that a worker takes at once. Four megabytes of heap are
// enough for the cost of a statement not to count, and little enough to stay in a
// processor's cache while their sub-batches are written.
const (
	minPages    = 2
	gentlePages = 32 // the first size where the pace is gentle
	maxPages    = 512
)

// pageCount adapts how many pages a worker takes at once to the time that they take,
// so that the rows of a slow server are not held long.
type pageCount struct {
	pages  int64
	target time.Duration
}

// adapt changes the number by how long the last pages took.
func (p *pageCount) adapt(took time.Duration) {
	p.pages = pages.AdaptSize(p.pages, minPages, maxPages, took, p.target)
}
