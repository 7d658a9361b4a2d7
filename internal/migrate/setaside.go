package migrate

import "sync"

// SetAside is a value that was left as it is because it could not be moved.
type SetAside struct {
	Table  string `json:"table"`
	Column string `json:"column"`
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
}

// total returns how many values were set aside.
func (s *setAsideList) total() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// add counts a value, and lists it while there is room.
func (s *setAsideList) add(entry SetAside) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	if len(s.list) < maxListed {
		s.list = append(s.list, entry)
	}
}
