package migrate

import "time"

// recentWindow is how far back the rate of a run looks.
const recentWindow = 15 * time.Second

// recentRate is how many values a run moved in a second of the recent past.
type recentRate struct{ marks []valueMark }

type valueMark struct {
	at    time.Time
	moved int64
}

// note takes the count of now, and returns the rate. A run that waits begins anew: a wait says nothing
// of how long the rest takes.
func (r *recentRate) note(now time.Time, moved int64, waits bool) float64 {
	if waits {
		r.marks = nil
		return 0
	}
	r.marks = append(r.marks, valueMark{now, moved})
	for len(r.marks) > 2 && now.Sub(r.marks[1].at) >= recentWindow {
		r.marks = r.marks[1:]
	}
	first := r.marks[0]
	if elapsed := now.Sub(first.at); elapsed >= time.Second {
		return float64(moved-first.moved) / elapsed.Seconds()
	}
	return 0
}
