package migrate

// portion is what one scan of a census reads: a table, or a part of it.
type portion struct {
	table int // in the list of tables
	scope Scope
}

// A table of at most rangedPages is read in several ranges at once. A larger one
// is read in one scan, which a server takes around its buffers, so that the pages
// that live servers need stay there. Fewer pages than fewestRanged are not worth a
// statement of their own.
const (
	rangedPages  = 8192
	fewestRanged = 256
)

// portions divides the tables among so many workers.
func portions(tables []Table, workers int) (list []portion) {
	for n, table := range tables {
		ranges := rangesOf(table, workers)
		for i := range ranges {
			list = append(list, portion{n, Scope{Pages: &ranges[i]}})
		}
		if len(ranges) == 0 {
			list = append(list, portion{table: n})
		}
	}
	return list
}

// takersFor returns how many of so many workers the portions keep busy.
func takersFor(list []portion, tables []Table, workers int) int {
	large := 0
	for _, one := range list {
		var pages int64
		for _, leaf := range tables[one.table].Leaves {
			pages += leaf.Pages
		}
		if pages >= fewestRanged {
			large++
		}
	}
	return max(1, min(large, workers))
}

// rangesOf returns ranges that cover a table, two for each worker; none where it is
// read in one scan, as one with partitions is. The last has no end: pages may come
// meanwhile, and a table that inherits from this one may have more.
func rangesOf(table Table, workers int) (ranges []PageRange) {
	if workers < 2 || len(table.Leaves) != 1 {
		return nil
	}
	leaf := table.Leaves[0]
	if leaf.Schema != table.Schema || leaf.Name != table.Name || !leaf.ByPages || leaf.Pages > rangedPages || leaf.Pages < 2*fewestRanged {
		return nil
	}
	size := max(fewestRanged, leaf.Pages/int64(2*workers)+1)
	for from := int64(0); from < leaf.Pages; from += size {
		ranges = append(ranges, PageRange{Leaf: leaf, From: from, To: from + size})
	}
	ranges[len(ranges)-1].To = EndOfHeap
	return ranges
}
