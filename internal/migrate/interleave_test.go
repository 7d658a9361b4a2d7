package migrate

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// If this fails, rows are lost between reading and writing, or a part takes more
// of a page than the one before it left: its rows then go to other pages, and the
// table grows and its indexes with it.
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
		var p parcel
		p.interleave(changes)
		seen := map[string]bool{}
		for part, list := range p {
			taken := map[int64]int{}
			for _, change := range list {
				seen[string(change.Row.Key)] = true
				taken[change.Row.Page] += change.size()
			}
			for page, size := range taken {
				if room := roomOf(changes, page); size > room {
					t.Fatalf("part %d takes %d bytes of page %d, which has room for %d", part, size, page, room)
				}
			}
		}
		if len(seen) != total {
			t.Fatalf("%d of %d rows are in a part", len(seen), total)
		}
	}
}

// roomOf is what the first part leaves on a page: as many times the largest row
// as it takes to be done in so many parts.
func roomOf(changes []Change, page int64) int {
	rows, largest := 0, 0
	for _, change := range changes {
		if change.Row.Page == page {
			rows++
			largest = max(largest, change.size())
		}
	}
	return largest * ((rows + mostParts - 1) / mostParts)
}
