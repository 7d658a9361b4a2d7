package migrate

import "slices"

// maxSubBatches is the most sub-batches that a segment of a page range is written in.
// Each takes a few rows of every page. Before each, the server is made to prune the
// segment: the row versions that the sub-batch before left dead make room for new
// ones on their own page, so that no index has to be touched (heap-only updates).
// More sub-batches would cost more in pruning than they save.
const maxSubBatches = 16

// pageBytes is the size of a page of PostgreSQL.
const pageBytes = 8192

// subBatches holds the changes of a segment by the sub-batch that writes them.
type subBatches [maxSubBatches][]Change

// interleave spreads the rows of each page over the sub-batches. The first sub-batch
// finds full pages, and its rows move to other pages. The room that they leave is
// what every later sub-batch has. So the first one takes the largest row of a page,
// and each of the others as many rows as need no more room than that one. A page
// with more rows than there are sub-batches has a multiple of that room.
func (b *subBatches) interleave(changes []Change) {
	for n := range b {
		b[n] = b[n][:0]
	}
	for len(changes) > 0 {
		page := changes[0].Row.Page
		end := slices.IndexFunc(changes, func(c Change) bool { return c.Row.Page != page })
		if end < 0 {
			end = len(changes)
		}
		b.addPage(changes[:end])
		changes = changes[end:]
	}
}

// addPage spreads the rows of one page, from the largest to the smallest.
func (b *subBatches) addPage(rows []Change) {
	other := otherBytes(rows)
	var space [usualRowsPerPage]int
	order := space[:0] // for sorting: minus the size of a row in the high bits, its index in the low bits
	for i, row := range rows {
		order = append(order, -(row.size()+other)<<indexBits+i)
	}
	slices.Sort(order)
	largest := -(order[0] >> indexBits)
	room := largest * ((len(rows) + maxSubBatches - 1) / maxSubBatches)
	n, used := 0, 0
	for _, entry := range order {
		size, i := -(entry >> indexBits), entry&(1<<indexBits-1)
		if used+size > room {
			n, used = n+1, 0
		}
		b[n] = append(b[n], rows[i])
		used += size
	}
}

const (
	usualRowsPerPage = 64 // a page with more rows costs an allocation
	indexBits        = 16 // a page has fewer rows than this has numbers
)

func (c Change) size() int { return c.Row.size() }

// otherBytes estimates how many bytes the other columns of one of these rows take, on
// the assumption that the rows fill the page. Where the page has more rows, the
// estimate is too large: there are more sub-batches then, which costs less than a row
// that finds no room.
func otherBytes(rows []Change) int {
	bytes := pageBytes
	for _, row := range rows {
		bytes -= row.size()
	}
	return max(0, bytes/len(rows))
}
