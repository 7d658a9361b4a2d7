package discover

import "time"

// The bounds of a sample: some 128 pages of each heap, spread evenly and always
// with the end of the heap, where the newest rows are.
const (
	sampledChunks  = 16
	sampledPages   = 8
	sampledRows    = 10_000 // where the server cannot read by pages
	sampledLargest = 64 << 10
	sampledTimeout = time.Second
	sampledBudget  = 2 * time.Second // for one relation
)

// The bounds of a full search. A statement is short, so that it holds nothing
// back.
const (
	fullPages   = 2048
	fullLargest = 16 << 20
	fullTimeout = time.Minute
	// wholeTimeout is for a table that can only be read in one statement.
	wholeTimeout = 6 * time.Hour
)

// chunksOf spreads the sample over a heap of so many pages, or divides all of it.
// The last chunk has no end, so that pages which are added meanwhile belong to it.
func chunksOf(relation Relation, pages int64, full bool) []Chunk {
	base := Chunk{Relation: relation, To: EndOfHeap, Largest: sampledLargest, Timeout: sampledTimeout}
	step, count := int64(0), 1
	switch {
	case full:
		base.Largest, base.Timeout = fullLargest, fullTimeout
		step, count = fullPages, int((pages+fullPages-1)/fullPages)
	case pages > sampledChunks*sampledPages:
		step, count = (pages-sampledPages)/(sampledChunks-1), sampledChunks
	}
	if !relation.ByPages {
		count = 1
		base.Rows = sampledRows
		if full {
			base.Rows, base.Timeout = 0, wholeTimeout
		}
	}
	list := make([]Chunk, max(1, count))
	for i := range list {
		list[i] = base
		list[i].From = int64(i) * step
		if i == len(list)-1 {
			break
		}
		list[i].To = list[i].From + sampledPages
		if full {
			list[i].To = list[i].From + step
		}
	}
	return list
}
