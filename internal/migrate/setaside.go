package migrate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// SetAside is a value that was left as it is because it could not be moved.
type SetAside struct {
	Place
	Key    string `json:"key"`    // of the row
	Reason string `json:"reason"` // a word of crypto.Reason, too_long, too_large, mislabelled or sealed_twice
	Detail string `json:"detail"`
}

// errTooLarge says that a row does not fit into memory.
type errTooLarge struct{ bytes, most int64 }

// Error says how large it is.
func (e *errTooLarge) Error() string {
	return fmt.Sprintf("its row has %d MiB of values, and %d MiB fit into the memory of this process", e.bytes>>20, e.most>>20)
}

// reasonTooLarge is the word of errTooLarge in SetAside.Reason.
const reasonTooLarge = "too_large"

// tooLarge says how large a row is that was not read.
func tooLarge(table Table, row Row) error {
	var bytes int64
	for _, size := range row.TooLarge {
		bytes += max(0, size)
	}
	return &errTooLarge{bytes, table.MostBytes}
}

// maxListed bounds the list of a run, so that a table full of damaged values cannot
// fill the memory. The count stays exact.
const maxListed = 1000

// setAsideList collects the values that several workers set aside.
type setAsideList struct {
	mu    sync.Mutex
	count int64
	list  []SetAside
	by    map[Place]int64
	// accepted are values that would be set aside and are accepted as lost.
	accepted map[Accepted]bool
}

// total returns how many values were set aside.
func (s *setAsideList) total() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// seen returns how many values were set aside, with those that are accepted as lost.
func (s *setAsideList) seen() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count + int64(len(s.accepted))
}

// addAccepted notes a value that is accepted as lost.
func (s *setAsideList) addAccepted(one Accepted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accepted == nil {
		s.accepted = map[Accepted]bool{}
	}
	s.accepted[one] = true
}

// allAccepted returns the values that are accepted as lost, in the order of their places.
func (s *setAsideList) allAccepted() []Accepted {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Keys(s.accepted), func(a, b Accepted) int {
		return strings.Compare(a.String()+" "+a.Key+a.KeyDigest, b.String()+" "+b.Key+b.KeyDigest)
	})
}

// byPlace returns how many values were set aside in each column.
func (s *setAsideList) byPlace() map[Place]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.by)
}

// add counts a value, and lists it while there is room.
func (s *setAsideList) add(entry SetAside) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	if s.by == nil {
		s.by = map[Place]int64{}
	}
	s.by[entry.Place]++
	if len(s.list) < maxListed {
		s.list = append(s.list, entry)
	}
}
