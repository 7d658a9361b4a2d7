package migrate

import "time"

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
	p.pages = adaptSize(p.pages, minPages, maxPages, took, p.target)
}

// adaptSize returns the next size of a chunk that took so long and should take as
// long as the target: half, double or the same, between least and most.
func adaptSize(size, least, most int64, took, target time.Duration) int64 {
	switch {
	case took > target:
		return max(least, size/2)
	case took < target/3:
		return min(most, size*2)
	}
	return size
}
