package review

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Position is the place of a row within its source.
type Position struct {
	// Time is in the type of the source's column, as the database writes it.
	Time string `json:"t,omitempty"`
	ID   string `json:"i,omitempty"`
	// Apart says that rows with a tenant have a place of their own, by their ids alone, because they come
	// in another order: Time and ID are then about the rows without a tenant. Each is "" before its first row.
	Apart    bool   `json:"a,omitempty"`
	TenantID string `json:"n,omitempty"`
}

// isPlace reports whether a position can be one.
func (p Position) isPlace() bool {
	if p.Apart {
		return (p.Time == "") == (p.ID == "")
	}
	return p.Time != "" && p.ID != "" && p.TenantID == ""
}

// Cursor says how far each source has been read. A source that is not in it has not begun.
type Cursor map[Source]Position

// ErrCursor says that a text is no cursor.
var ErrCursor = errors.New("it is no place in the timeline: give what the page before said")

// String returns the cursor in one word, "" for the zero cursor.
func (c Cursor) String() string {
	if len(c) == 0 {
		return ""
	}
	text, _ := json.Marshal(c) // a map of texts always encodes
	return base64.RawURLEncoding.EncodeToString(text)
}

// ParseCursor reads what String wrote. The error is ErrCursor.
func ParseCursor(text string) (Cursor, error) {
	if text == "" {
		return nil, nil
	}
	plain, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, ErrCursor
	}
	var cursor Cursor
	if json.Unmarshal(plain, &cursor) != nil || len(cursor) == 0 {
		return nil, ErrCursor
	}
	for source, position := range cursor {
		if !slices.Contains(Sources(), source) || !position.isPlace() {
			return nil, ErrCursor
		}
	}
	return cursor, nil
}

// Page is a part of the timeline, the newest entries first.
type Page struct {
	Entries []Entry
	// Next is where the next page begins, nil after the last one.
	Next Cursor

	left []Source // those that may have further rows
}

// slack is how many rows of each source are read beyond a page, so that the twins of its last line
// are seen.
const slack = 16

// ReadPage returns a page of at most so many lines, after a cursor. Rows that tell the same event are
// one line, unless the filter is for Find, which looks at every row. The users have their e-mail
// addresses where they are known.
func ReadPage(ctx context.Context, database Database, filter Filter, after Cursor, lines int) (*Page, error) {
	batches, err := database.Read(ctx, filter, after, lines+slack)
	if err != nil {
		return nil, err
	}
	page := mergeBatches(batches, after, lines, !filter.Telling)
	if err := addEmails(ctx, database, page.Entries); err != nil {
		return nil, err
	}
	return page, nil
}

// addEmails gives entries the addresses of their users.
func addEmails(ctx context.Context, database Database, entries []Entry) error {
	var ids []string
	seen := map[string]bool{"": true}
	for _, entry := range entries {
		if !seen[entry.User] {
			seen[entry.User] = true
			ids = append(ids, entry.User)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	emails, err := database.Emails(ctx, ids)
	if err != nil {
		return fmt.Errorf("looking up the addresses of users: %w", err)
	}
	for i := range entries {
		entries[i].Email = emails[entries[i].User]
	}
	return nil
}

// mergeBatches puts rows of all sources in the order of their times, and with join tells the same event once.
// Each batch keeps its own order, whatever the clock says: a cursor stays right then.
func mergeBatches(batches []Batch, after Cursor, lines int, join bool) *Page {
	page, next := &Page{Entries: []Entry{}}, Cursor{}
	for source, position := range after {
		next[source] = position
	}
	heads := make([]int, len(batches))
	take := func(i int) Entry {
		entry := batches[i].Rows[heads[i]]
		heads[i]++
		next[entry.Source] = batches[i].positionAt(next[entry.Source], entry)
		return entry
	}
	for {
		newest := newestHead(batches, heads)
		if newest < 0 {
			break
		}
		entry := batches[newest].Rows[heads[newest]]
		if join {
			if twin := findTwin(page.Entries, entry); twin >= 0 {
				page.Entries[twin].join(take(newest))
				continue
			}
		}
		if len(page.Entries) == lines {
			if join {
				absorbTwins(page.Entries, batches, heads, take)
			}
			break
		}
		page.Entries = append(page.Entries, take(newest))
	}
	for i, batch := range batches {
		if heads[i] < len(batch.Rows) || batch.More {
			page.Next, page.left = next, append(page.left, batch.Source)
		}
	}
	return page
}

// positionAt returns the place after an entry of the batch, where before was the place before it.
func (b Batch) positionAt(before Position, entry Entry) Position {
	switch {
	case !b.Apart:
		return Position{Time: entry.own, ID: entry.ID}
	case entry.Tenant != "":
		return Position{Time: before.Time, ID: before.ID, Apart: true, TenantID: entry.ID}
	}
	return Position{Time: entry.own, ID: entry.ID, Apart: true, TenantID: before.TenantID}
}

// absorbTwins takes the twins of the last lines that stand first in their sources.
func absorbTwins(entries []Entry, batches []Batch, heads []int, take func(int) Entry) {
	for i := range batches {
		for heads[i] < len(batches[i].Rows) {
			twin := findTwin(entries, batches[i].Rows[heads[i]])
			if twin < 0 {
				break
			}
			entries[twin].join(take(i))
		}
	}
}

// newestHead returns the batch whose first row that is left is the newest, -1 where none is left, or
// where one has ended of which more may follow.
func newestHead(batches []Batch, heads []int) int {
	newest := -1
	for i, batch := range batches {
		switch {
		case heads[i] == len(batch.Rows) && batch.More:
			return -1
		case heads[i] == len(batch.Rows):
		case newest < 0 || compareEntries(batch.Rows[heads[i]], batches[newest].Rows[heads[newest]]) < 0:
			newest = i
		}
	}
	return newest
}

// compareEntries orders by time, the newest first, then by source, then by id, the largest first.
// Numbers come before other ids, and count as numbers.
func compareEntries(a, b Entry) int {
	if order := cmp.Compare(sortTime(b.Time), sortTime(a.Time)); order != 0 {
		return order
	}
	if order := cmp.Compare(a.Source, b.Source); order != 0 {
		return order
	}
	if isNumber(a.ID) && isNumber(b.ID) {
		if order := cmp.Compare(len(b.ID), len(a.ID)); order != 0 {
			return order
		}
	}
	return cmp.Compare(b.ID, a.ID)
}

// sortTime returns a time whose texts compare as the times do: a whole second has no fraction, and the
// zone would stand before one.
func sortTime(text string) string {
	if end := len(text) - 1; end >= 0 && text[end] == 'Z' {
		return text[:end]
	}
	return text
}

func isNumber(text string) bool {
	for _, r := range text {
		if r < '0' || r > '9' {
			return false
		}
	}
	return text != ""
}

// Walk hands over every line of the timeline, the newest first, in pages of so many lines. It ends
// where visit returns false.
func Walk(ctx context.Context, database Database, filter Filter, lines int, visit func(Entry) bool) error {
	for cursor := Cursor(nil); ; {
		page, err := ReadPage(ctx, database, filter, cursor, lines)
		if err != nil {
			return err
		}
		for _, entry := range page.Entries {
			if !visit(entry) {
				return nil
			}
		}
		if cursor = page.Next; cursor == nil {
			return nil
		}
		filter.Sources = page.left // a source that has ended is not searched to its end again
	}
}

// JoinBatches joins two batches of one source into one of at most so many rows, the newest first.
func JoinBatches(a, b Batch, most int) Batch {
	joined := Batch{Source: a.Source, Apart: a.Apart, More: a.More || b.More, Rows: make([]Entry, 0, len(a.Rows)+len(b.Rows))}
	for len(a.Rows) > 0 || len(b.Rows) > 0 {
		if len(b.Rows) == 0 || len(a.Rows) > 0 && compareEntries(a.Rows[0], b.Rows[0]) <= 0 {
			joined.Rows, a.Rows = append(joined.Rows, a.Rows[0]), a.Rows[1:]
		} else {
			joined.Rows, b.Rows = append(joined.Rows, b.Rows[0]), b.Rows[1:]
		}
	}
	if len(joined.Rows) > most {
		joined.Rows, joined.More = joined.Rows[:most], true
	}
	return joined
}
