package migrate

import (
	"maps"
	"sync"
)

// SetAside is a value that was left as it is because it could not be moved.
type SetAside struct {
	Place
	Key    string `json:"key"`    // of the row
	Reason string `json:"reason"` // a word of crypto.Reason, or too_long
	Detail string `json:"detail"`
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
}

// total returns how many values were set aside.
func (s *setAsideList) total() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
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
