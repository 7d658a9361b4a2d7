package migrate

import "github.com/ocmt/ocmt/internal/discover"

// Row is a row as it was read. Values has one entry for each column of its table,
// nil for NULL. All bytes are valid until the next row is read, unless a reader
// says otherwise.
type Row struct {
	Page   int64  // page of its Leaf
	TID    []byte // where the row lies in the Leaf, in binary form; nil where that is not known
	Key    []byte // see Table.KeyText
	Part   []byte // see Spread; nil where the key says it, or nothing needs to
	Values [][]byte
	// TooLarge has the bytes of each value, -1 for NULL, where they are more than Table.MostBytes in
	// all. Values is empty then.
	TooLarge []int64
}

// size returns the bytes of the encrypted values.
func (r Row) size() (bytes int) {
	for _, text := range r.Values {
		bytes += len(text)
	}
	return bytes
}

// IsLarge reports whether the values of the row are large: see LargeRow.
func (r Row) IsLarge() bool { return r.size() > LargeRow }

// Change replaces the values of one row. New has nil where a value stays.
type Change struct {
	Row Row
	New [][]byte
	// Group is the same for rows that lie on one server of a cluster. A batch has changes of one group.
	Group int64
}

// Batch holds the changes of one transaction. With Pages, the rows are found by
// their TIDs, and the pages are pruned first to make room; without, the rows are
// found by their keys.
type Batch struct {
	Pages   *PageRange
	Changes []Change
	// Pruned says that reading the pages has pruned them, and that nothing was
	// written to them since.
	Pruned bool
	// SkipLocked leaves out rows that another transaction holds, without waiting.
	// Otherwise they are waited for, and where the wait times out the whole batch
	// is left.
	SkipLocked bool
}

// Outcome is what became of a Batch.
type Outcome struct {
	Written int64 // rows
	Untried int64 // rows that are left to a later pass because the run pauses or ends
	Blocked bool  // nothing was written, because another transaction is in the way
	// Conflict says that the batch is blocked by a deadlock or a serialization
	// failure, and not by a lock that was waited for: another try may succeed at
	// once.
	Conflict bool
}

// PageRange is the pages From (included) to To (not included) of a Leaf.
type PageRange struct {
	Leaf     Leaf
	From, To int64
	After    []byte // TID of the last row that was read already, or nil
	Limit    int    // read at most so many rows
}

// EndOfHeap is a page number behind the last page that a heap can have.
const EndOfHeap = discover.EndOfHeap

// Size says which rows of a table are read by the bytes of their values.
type Size int

// The sizes. Where Table.MayBeLarge says no, every row is small.
const (
	AnySize   Size = iota
	SmallRows      // at most LargeRow bytes
	LargeRows      // more
)

// Scope says which rows of a table are read: all of them, or fewer.
type Scope struct {
	// Pages keeps to rows whose TID is in the range, in any heap of the table. Its
	// Leaf, After and Limit are not used.
	Pages      *PageRange
	Size       Size
	PendingFor *int // only rows with a value that lacks this version's label
	// WrittenSince keeps to rows that this transaction or a later one has written, and
	// WrittenBefore to those that an earlier one has. Each is a number of 32 bits.
	WrittenSince, WrittenBefore *uint32
}
