package discover

import "time"

// The bounds of a sample: some 128 pages of each heap, spread evenly and always
// with the end of the heap, where the newest rows are.
const (
	sampledChunks  = 16
	sampledPages   = 8
	sampledSpread  = 4      // chunks of a relation that is spread over several servers
	sampledRows    = 10_000 // where the server cannot read by pages
	sampledLargest = 64 << 10
	sampledTimeout = time.Second
	sampledBudget  = 2 * time.Second // for one relation
)

// The bounds of a full search. A statement is short, so that it holds nothing
// back.
const (
	fullPages   = 2048
	fullBytes   = 32 << 20
	fullLargest = 16 << 20
	fullTimeout = time.Minute
	// wholeTimeout is for what can only be read in one statement.
	wholeTimeout = 6 * time.Hour
)

// sampleOf spreads a sample over a heap of so many pages. Whole says that the sample
// takes all of it.
func sampleOf(relation Relation, size Size) (chunks []Chunk, whole bool) {
	pages, count, perChunk := size.Pages, int64(sampledChunks), int64(sampledPages)
	if size.Parts > 1 { // a range is one of every part, and each of them is asked
		count, perChunk = sampledSpread, max(1, sampledChunks*sampledPages/sampledSpread/size.Parts)
	}
	base := Chunk{Relation: relation, To: EndOfHeap, Largest: sampledLargest, Timeout: sampledTimeout}
	if pages <= count*perChunk {
		return []Chunk{base}, true
	}
	if !relation.ByPages {
		base.Rows = sampledRows
		return []Chunk{base}, false
	}
	step := (pages - perChunk) / (count - 1)
	chunks = divide(base, count, step)
	for i := range chunks[:len(chunks)-1] {
		chunks[i].To = chunks[i].From + perChunk
	}
	return chunks, false
}

// allOf divides all of a heap. Where its values are stored apart from it, few pages have many
// bytes, and a chunk has fewer pages.
func allOf(relation Relation, size Size) []Chunk {
	base := Chunk{Relation: relation, To: EndOfHeap, Largest: fullLargest, Timeout: fullTimeout}
	if !relation.ByPages {
		base.Timeout = wholeTimeout
		return []Chunk{base}
	}
	pages := fullPages / max(1, size.Parts)
	step := max(1, min(pages, fullBytes*size.Pages/max(1, size.Bytes)))
	return divide(base, max(1, (size.Pages+step-1)/step), step)
}

// divide returns chunks that begin a step of pages after one another. The last one has no
// end, so that pages which are added meanwhile belong to it.
func divide(base Chunk, count, step int64) []Chunk {
	list := make([]Chunk, count)
	for i := range list {
		list[i] = base
		list[i].From = int64(i) * step
		if i < len(list)-1 {
			list[i].To = list[i].From + step
		}
	}
	return list
}
