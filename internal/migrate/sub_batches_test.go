package migrate

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// If this fails, rows are lost between reading and writing, or a sub-batch needs more room on a
// page than the one before it left: its rows then go to other pages, and the table and its
// indexes grow.
func TestInterleave(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(7, 7))
	for range 300 {
		var changes []Change
		pages := 1 + random.IntN(5)
		for page := range pages {
			for range 1 + random.IntN(90) {
				changes = append(changes, Change{Row: Row{Page: int64(page), Key: []byte{byte(len(changes) >> 8), byte(len(changes))},
					Values: [][]byte{nil, bytes.Repeat([]byte{'x'}, 40+random.IntN(600))}}})
			}
		}
		total := len(changes)
		var batches subBatches
		batches.interleave(changes)
		seen := map[string]bool{}
		for number, list := range batches {
			taken := map[int64]int{}
			for _, change := range list {
				seen[string(change.Row.Key)] = true
				taken[change.Row.Page] += change.size()
			}
			for page, size := range taken {
				if room := roomOf(changes, page); size > room {
					t.Fatalf("sub-batch %d takes %d bytes of page %d, which has room for %d", number, size, page, room)
				}
			}
		}
		if len(seen) != total {
			t.Fatalf("%d of %d rows are in a sub-batch", len(seen), total)
		}
	}
}

// roomOf returns the room that each sub-batch has on a page: a multiple of the largest row.
func roomOf(changes []Change, page int64) int {
	rows, largest := 0, 0
	for _, change := range changes {
		if change.Row.Page == page {
			rows++
			largest = max(largest, change.size())
		}
	}
	return largest * ((rows + maxSubBatches - 1) / maxSubBatches)
}
