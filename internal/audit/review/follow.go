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

// late is how long after its time a row may appear: it has the time at which its transaction began.
const late = 2 * time.Minute

// NewFollower returns a follower that tells rows that appear from a time on. It looks for late rows for two
// minutes, also for those of transactions that had begun before.
func NewFollower(database Database, filter Filter, from time.Time) *Follower {
	return &Follower{database: database, filter: filter, since: from.Add(-late), told: map[Reference]bool{}}
}

// Begin takes the rows that are there already for told. Without it the first look tells those of the two
// minutes before.
func (f *Follower) Begin(ctx context.Context) error {
	return Walk(ctx, f.database, f.window(), followLines, func(entry Entry) bool {
		f.Tell([]Entry{entry})
		return true
	})
}

// window returns the filter of the next look.
func (f *Follower) window() Filter {
	filter := f.filter
	if f.since.After(filter.Since) {
		filter.Since = f.since
	}
	return filter
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
	var fresh []Entry
	seen := map[Reference]bool{}
	err := Walk(ctx, f.database, f.window(), followLines, func(entry Entry) bool {
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
	if begin := now.Add(-late); begin.After(f.since) {
		f.since = begin
	}
	slices.Reverse(fresh)
	return fresh, nil
}
