package ui

import "time"

const (
	rateWindow   = 15 * time.Second       // a short window shows a pause in the rate
	sampleEvery  = 250 * time.Millisecond // bounds how many samples a window has
	minRateSpan  = time.Second            // less says nothing about a rate
	minGuessSpan = 2 * time.Second        // less says nothing about the time that is left
	// A count that is older than this holds work back: the time since then counts too. One that comes
	// once in a second does not.
	staleAfter = 2 * time.Second
)

// recentRate is how fast work went in the recent past.
type recentRate struct {
	samples []sample
	counted time.Time // when the last count came
}

type sample struct {
	at   time.Time
	done int64
}

// add takes a sample.
func (r *recentRate) add(at time.Time, done int64) {
	r.counted = at
	if n := len(r.samples); n > 0 {
		last := r.samples[n-1]
		if done < last.done { // a count that went back begins anew
			r.samples = r.samples[:0]
		} else if at.Sub(last.at) < sampleEvery {
			return
		}
	}
	r.samples = append(r.samples, sample{at, done})
}

// at returns the units per second over the window that ends now, and how long the part of the window
// is that was seen. It drops samples that are older: it keeps those of the window and the one before
// them.
func (r *recentRate) at(now time.Time, done int64) (perSecond float64, seen time.Duration) {
	for len(r.samples) > 1 && now.Sub(r.samples[1].at) >= rateWindow {
		r.samples = r.samples[1:]
	}
	if len(r.samples) == 0 {
		return 0, 0
	}
	first := r.samples[0]
	until := r.counted
	if now.Sub(until) > staleAfter {
		until = now
	}
	seen = until.Sub(first.at)
	if seen < minRateSpan || done <= first.done {
		return 0, seen
	}
	return float64(done-first.done) / seen.Seconds(), seen
}
