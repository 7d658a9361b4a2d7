package review

import (
	"context"
	"slices"
	"time"
)

// Follower tells what comes to the timeline.
type Follower struct {
	database Database
	filter   Filter
	since    time.Time
	told     map[Reference]bool
}

// Late is how long after its time a row may appear: it has the time at which its transaction began.
const Late = 2 * time.Minute

// NewFollower returns a follower that tells rows from a time on. It looks for late rows for two minutes.
func NewFollower(database Database, filter Filter, from time.Time) *Follower {
	return &Follower{database: database, filter: filter, since: from, told: map[Reference]bool{}}
}

// Begin takes all rows that are there for told. A row that appears later is told, also where its time is one
// before.
func (f *Follower) Begin(ctx context.Context, now time.Time) error {
	_, err := f.Poll(ctx, now)
	return err
}

// Tell says that lines need not be told again.
func (f *Follower) Tell(entries []Entry) {
	for _, entry := range entries {
		f.told[entry.Reference()] = true
		for _, other := range entry.Also {
			f.told[other] = true
		}
	}
}

// followLines is how many lines a look reads at once.
const followLines = 500

// Poll returns the lines that have come since the last look, the oldest first. Now is the present time.
func (f *Follower) Poll(ctx context.Context, now time.Time) ([]Entry, error) {
	filter := f.filter
	filter.Since = f.since
	var fresh []Entry
	seen := map[Reference]bool{}
	err := Walk(ctx, f.database, filter, followLines, func(entry Entry) bool {
		seen[entry.Reference()] = true
		isNew := !f.told[entry.Reference()]
		for _, other := range entry.Also {
			seen[other] = true
			isNew = isNew && !f.told[other]
		}
		if isNew {
			fresh = append(fresh, entry)
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	// What is older than the next look begins is forgotten.
	f.told = seen
	if begin := now.Add(-Late); begin.After(f.since) {
		f.since = begin
	}
	slices.Reverse(fresh)
	return fresh, nil
}
