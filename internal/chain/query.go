package chain

import (
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
)

// Query selects entries.
type Query struct {
	Actions []string // any of these; none for every action
	Subject string   // "" for every subject
	Before  int64    // only entries with a lower sequence number; 0 for all
	Limit   int      // at most so many, the newest; 0 for all
}

// Takes reports whether an entry is selected, but for the limit.
func (q Query) Takes(entry Entry) bool {
	return (len(q.Actions) == 0 || slices.Contains(q.Actions, entry.Action)) && (q.Subject == "" || q.Subject == entry.Subject) &&
		(q.Before == 0 || entry.Sequence < q.Before)
}

// Prospect is what will become of the entries of a command, before it changes anything.
type Prospect struct {
	Place  string // the table or the file
	Made   bool   // it is not there yet, and is made with the first entry
	Reason string // why no entry can be made; "" where it can
	// Missing are the rights that make it possible.
	Missing []finding.Right
	Fix     string // what makes it possible too
}

// Advice says what makes entries possible, in one line.
func (p Prospect) Advice() string {
	ways := []string{finding.GrantText(p.Missing), p.Fix}
	return strings.Join(slices.DeleteFunc(ways, func(way string) bool { return way == "" }), " or ")
}
