package migrate

import "slices"

// mostParts is in how many parts a page range is written at most. Each takes a
// few rows of every page. Before each the server is made to prune the range: the
// versions that the part before left dead make room for the new ones on their own
// page, and no index has to be touched (heap-only updates). More parts would cost
// more in pruning than they save.
const mostParts = 16

// parcel is the changes of a page range by the part that they are written in.
type parcel [mostParts][]Change

// interleave spreads the rows of each page over the parts. The first part finds
// its pages full, and its rows move to other pages. What they leave is the room
// that every later part has: so the first takes the largest row of the page, and
// the others as many rows each as take no more than that one. A page with more
// rows than there are parts has so many times that room.
func (p *parcel) interleave(changes []Change) {
	for part := range p {
		p[part] = p[part][:0]
	}
	for len(changes) > 0 {
		page := changes[0].Row.Page
		end := slices.IndexFunc(changes, func(c Change) bool { return c.Row.Page != page })
		if end < 0 {
			end = len(changes)
		}
		p.addPage(changes[:end])
		changes = changes[end:]
	}
}

// addPage spreads the rows of one page, from the largest to the smallest.
func (p *parcel) addPage(rows []Change) {
	rest := restOfRow(rows)
	var space [rowsOnPage]int
	order := space[:0] // minus a row's size in the high bits, for sorting, and which one it is in the low
	for at, row := range rows {
		order = append(order, -(row.size()+rest)<<sizeShift+at)
	}
	slices.Sort(order)
	largest := -(order[0] >> sizeShift)
	room := largest * ((len(rows) + mostParts - 1) / mostParts)
	part, used := 0, 0
	for _, entry := range order {
		size, at := -(entry >> sizeShift), entry&(1<<sizeShift-1)
		if used+size > room {
			part, used = part+1, 0
		}
		p[part] = append(p[part], rows[at])
		used += size
	}
}

const (
	rowsOnPage = 64 // as a rule not more; a page that has more costs an allocation
	sizeShift  = 16 // a page has fewer rows than this has numbers
)

// size is what the encrypted values of a row take, in bytes.
func (c Change) size() (bytes int) {
	for _, text := range c.Row.Values {
		bytes += len(text)
	}
	return bytes
}

// restOfRow is about what the other columns of these rows take, which together
// fill a page. Where other rows are on it too it is too much, and the parts
// become more, which costs less than a row that finds no room.
func restOfRow(rows []Change) int {
	bytes := pageBytes
	for _, row := range rows {
		bytes -= row.size()
	}
	return max(0, bytes/len(rows))
}
