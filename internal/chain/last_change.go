package chain

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"
)

// IsReported reports whether an operator told of the event, and the tool did not do it itself: such an entry has
// a note, which may be empty, or a time of its own.
func (e Entry) IsReported() bool {
	var details struct {
		Note     *string `json:"note"`
		Happened *string `json:"happened_at"`
	}
	return json.Unmarshal(e.Details, &details) == nil && (details.Note != nil || details.Happened != nil)
}

// LastChange returns when a secret was last changed, by the entries about it in any order; zero for no entry. Of what
// operators reported the last entry of the record counts, whatever time it gives: an entry cannot be taken back, so
// a wrong one is corrected by the one behind it. A change that the tool made itself is never corrected so.
func LastChange(entries []Entry) time.Time {
	var made, reported time.Time
	for _, entry := range slices.SortedFunc(slices.Values(entries), func(a, b Entry) int { return cmp.Compare(a.Sequence, b.Sequence) }) {
		switch at := entry.Happened(); {
		case entry.IsReported():
			reported = at
		case at.After(made):
			made = at
		}
	}
	if reported.After(made) {
		return reported
	}
	return made
}
