package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
)

// timeline has a row for each event, the earliest first.
type timeline struct {
	Text   string
	Height int
	Now    string // where the audit stands, in percent
	Kinds  []eventMark
	Rows   []eventRow
	All    []eventRow // the rows that the picture leaves out too
}

// eventMark is how a kind is drawn: each has its own shape, besides its colour.
type eventMark struct{ Name, Class, Shape string }

type eventRow struct {
	Day, Kind, Label, Short string
	X, Shape                string
	Y, TrackY, DayY         int
}

// eventMarks are all kinds with their shapes, around the origin, in CSS pixels.
var eventMarks = []eventMark{
	{"key", "key", "M-6 0A6 6 0 1 0 6 0A6 6 0 1 0 -6 0Z"},
	{"rotation", "rotation", "M-5 -5H5V5H-5Z"},
	{"incident", "incident", "M0 -7L7 6H-7Z"},
	{"due date", "due", "M0 -7L7 0L0 7L-7 0Z"},
}

const (
	eventHeight = 60 // in CSS pixels
	// lastEvents is how many events the picture shows: the latest ones.
	lastEvents = 24
	// sideRoom is the room left and right of the first and last event, in percent.
	sideRoom = 3.0
)

// drawTimeline draws events, and where the audit stands among them.
func drawTimeline(events []audit.Event, now time.Time) timeline {
	if len(events) == 0 {
		return timeline{Text: "There is nothing to show: no key, rotation, incident or due date is recorded."}
	}
	sorted := slices.Clone(events)
	slices.SortStableFunc(sorted, func(a, b audit.Event) int { return a.At.Compare(b.At) })
	shown := sorted[max(len(sorted)-lastEvents, 0):]
	first, last := shown[0].At, shown[len(shown)-1].At
	if now.Before(first) {
		first = now
	}
	if now.After(last) {
		last = now
	}
	place := func(at time.Time) string {
		share := 0.5
		if span := last.Sub(first); span > 0 {
			share = float64(at.Sub(first)) / float64(span)
		}
		return formatPercent(sideRoom + share*(100-2*sideRoom))
	}
	made := timeline{Now: place(now), Height: len(shown) * eventHeight}
	for _, one := range sorted {
		made.All = append(made.All, newEventRow(one))
	}
	made.Rows = slices.Clone(made.All[len(sorted)-len(shown):])
	for i := range made.Rows {
		row := &made.Rows[i]
		row.X, row.Y, row.TrackY, row.DayY = place(shown[i].At), i*eventHeight+13, i*eventHeight+25, i*eventHeight+45
	}
	for _, mark := range eventMarks {
		if slices.ContainsFunc(made.All, func(row eventRow) bool { return row.Kind == mark.Class }) {
			made.Kinds = append(made.Kinds, mark)
		}
	}
	made.Text = made.describe(len(sorted) - len(shown))
	return made
}

// newEventRow returns the row of an event. A kind that is not known is drawn as a key is.
func newEventRow(one audit.Event) eventRow {
	at := max(slices.IndexFunc(eventMarks, func(mark eventMark) bool { return mark.Class == string(one.Kind) }), 0)
	label := clean(one.Label)
	return eventRow{Day: one.At.UTC().Format(time.DateOnly), Kind: eventMarks[at].Class, Label: label, Short: abbreviate(label), Shape: eventMarks[at].Shape}
}

// describe says in words what the picture shows.
func (t *timeline) describe(left int) string {
	var parts []string
	for _, mark := range t.Kinds {
		n := 0
		for _, row := range t.All {
			if row.Kind == mark.Class {
				n++
			}
		}
		parts = append(parts, fmt.Sprintf("%s: %d", mark.Name, n))
	}
	text := fmt.Sprintf("Events from %s to %s. %s.", t.All[0].Day, t.All[len(t.All)-1].Day, strings.Join(parts, ", "))
	if left > 0 {
		text += fmt.Sprintf(" The picture leaves out the %s; the table has all.", countNoun(left, "earliest event", "earliest events"))
	}
	return text
}
