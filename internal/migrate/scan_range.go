package migrate

// scanRange is what one scan of a count reads: a table, or a page range of it.
type scanRange struct {
	table int // index in the list of tables
	scope Scope
}

// A table of at most maxRangedPages is read in several ranges at once. A larger
// table is read in one scan: the server keeps a large scan out of its shared
// buffers, so that the pages which live servers need stay there. A range of fewer
// pages than minRangePages is not worth a statement of its own.
const (
	maxRangedPages = 8192
	minRangePages  = 256
)

// largeRanges returns a scan of the large rows of each table that may have some.
func largeRanges(tables []Table) (list []scanRange) {
	for i, table := range tables {
		if table.MayBeLarge() {
			list = append(list, scanRange{i, Scope{Size: LargeRows}})
		}
	}
	return list
}

// scanRanges divides the small rows of the tables among so many workers.
func scanRanges(tables []Table, workers int) (list []scanRange) {
	for i, table := range tables {
		ranges := pageRangesOf(table, workers)
		for j := range ranges {
			list = append(list, scanRange{i, Scope{Pages: &ranges[j], Size: SmallRows}})
		}
		if len(ranges) == 0 {
			list = append(list, scanRange{i, Scope{Size: SmallRows}})
		}
	}
	return list
}

// countersFor returns how many of so many workers the ranges keep busy.
func countersFor(ranges []scanRange, tables []Table, workers int) int {
	large := 0
	for _, r := range ranges {
		var pages int64
		for _, leaf := range tables[r.table].Leaves {
			pages += leaf.Pages
		}
		if pages >= minRangePages {
			large++
		}
	}
	return max(1, min(large, workers))
}

// pageRangesOf returns ranges that cover a table, two for each worker. It returns
// none where the table is read in one scan, as a partitioned table is. The last
// range has no end, because pages may be added meanwhile and a table that inherits
// from this one may have more.
func pageRangesOf(table Table, workers int) (ranges []PageRange) {
	if workers < 2 || len(table.Leaves) != 1 {
		return nil
	}
	leaf := table.Leaves[0]
	if leaf.Schema != table.Schema || leaf.Name != table.Name || !leaf.ByPages || leaf.Pages > maxRangedPages || leaf.Pages < 2*minRangePages {
		return nil
	}
	size := max(minRangePages, leaf.Pages/int64(2*workers)+1)
	for from := int64(0); from < leaf.Pages; from += size {
		ranges = append(ranges, PageRange{Leaf: leaf, From: from, To: from + size})
	}
	ranges[len(ranges)-1].To = EndOfHeap
	return ranges
}
