package migrate

import "sync"

// SetAside is a value that was left as it is because it could not be moved.
type SetAside struct {
	Table  string `json:"table"`
	Column string `json:"column"`
	Key    string `json:"key"`
	Reason string `json:"reason"` // a word of crypto.Reason
	Detail string `json:"detail"`
}

// listedSetAside bounds the list of a run, so that a table of nothing but
// damage cannot fill the memory. The count stays exact.
const listedSetAside = 1000

// setAsideList collects them from several workers.
type setAsideList struct {
	mu    sync.Mutex
	count int64
	list  []SetAside
}

func (s *setAsideList) number() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

func (s *setAsideList) add(entry SetAside) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	if len(s.list) < listedSetAside {
		s.list = append(s.list, entry)
	}
}
