package cli

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/audit/review"
	"github.com/ocmt/ocmt/internal/ui"
)

// auditLogName is the name of the JSON document of ocmt audit log.
const auditLogName = "audit-log"

// auditLogDocument is what ocmt audit log writes; with --follow, one a line for what has come.
type auditLogDocument struct {
	Database string           `json:"database"` // "" with --limits
	Since    string           `json:"since"`    // "" for no bound
	Until    string           `json:"until"`
	Sources  []review.State   `json:"sources"`
	Doubt    string           `json:"time_zone_doubt"`
	Entries  []review.Entry   `json:"entries"`
	Next     string           `json:"next"` // for --after; "" after the last page
	Undated  []review.Undated `json:"undated"`
	// Suspicious is null without --suspicious.
	Suspicious *suspiciousPart `json:"suspicious"`
	// Limits are there with --limits and --suspicious.
	Limits []review.Limit `json:"limits"`
}

// suspiciousPart is what --suspicious has found.
type suspiciousPart struct {
	Incidents       []review.Incident `json:"incidents"`
	Looked          int               `json:"entries_looked_at"`
	Cut             bool              `json:"cut_off"` // older entries were not looked at
	BaselineFrom    string            `json:"baseline_from"`
	BaselineTo      string            `json:"baseline_to"`
	BaselineRows    int64             `json:"baseline_entries"`
	WithoutBaseline int               `json:"users_without_baseline"`
}

// document returns the document without entries.
func (l *auditLog) document() auditLogDocument {
	return auditLogDocument{Database: l.description.Database, Since: momentText(l.filter.Since), Until: momentText(l.filter.Until), Sources: l.description.States,
		Doubt: l.description.ZoneDoubt, Entries: []review.Entry{}, Undated: []review.Undated{}, Limits: []review.Limit{}}
}

func momentText(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

// groupNotes says which names no group has: an operator who mistypes one would take silence for peace.
func (l *auditLog) groupNotes() (notes []string) {
	for _, name := range l.options.Groups {
		if !uuidForm.MatchString(name) && len(l.groups[name]) == 0 {
			notes = append(notes, "No group of the name "+shownName(name)+" was found: only rows that tell this text itself are selected.")
		}
	}
	return notes
}

// notes say what a reader of the timeline must know of it.
func (l *auditLog) notes() (notes []string) {
	notes = l.groupNotes()
	zones := map[string][]string{}
	var order []string
	for _, state := range l.description.States {
		if !l.filter.Takes(state.Source) {
			continue
		}
		name := string(state.Source)
		if state.Source == review.Record && l.recordFile != "" {
			notes = append(notes, name+" is the file "+ui.Clean(l.recordFile)+".")
		}
		if state.Unread.IsSet() {
			notes = append(notes, "Not read: "+name+": "+ui.Clean(state.Unread.Text)+".")
			continue
		}
		if reason := state.CannotAnswer(l.filter); reason != "" {
			notes = append(notes, "Left out: "+name+": "+reason+".")
			continue
		}
		if len(state.Lacking) > 0 {
			notes = append(notes, name+" lacks the columns "+strings.Join(state.Lacking, ", ")+".")
		}
		if state.Assumed != "" {
			notes = append(notes, name+": "+state.Assumed+".")
		}
		if state.Zone != "" {
			if zones[state.Zone] == nil {
				order = append(order, state.Zone)
			}
			zones[state.Zone] = append(zones[state.Zone], name)
		}
	}
	for _, zone := range order {
		notes = append(notes, "The times of "+strings.Join(zones[zone], ", ")+" have no zone and are read as "+ui.Clean(zone)+".")
	}
	if l.description.ZoneDoubt != "" {
		notes = append(notes, "They may be off: "+ui.Clean(l.description.ZoneDoubt)+".")
	}
	return notes
}

// printNotes prints what a reader must know.
func (l *auditLog) printNotes() {
	for _, note := range l.notes() {
		l.app.printer.Line("%s", note)
	}
}

// printPage prints a page of the timeline, and where the next one begins.
func (l *auditLog) printPage(page *review.Page, undated []review.Undated) error {
	printer := l.app.printer
	printer.Line("Database %s. All times are in UTC.", l.description.Database)
	l.printNotes()
	if len(page.Entries) == 0 {
		printer.Line("\nNo entry is selected.")
	} else {
		printer.Line("")
		printer.Table(entryTable(page.Entries))
	}
	for _, one := range undated {
		if one.Count < 0 {
			printer.Line("\n%s", string(one.Source)+": rows without a time were not counted: no index serves it, and the table is large.")
			continue
		}
		printer.Heading(fmt.Sprintf("%s without a time in %s", ui.Count(one.Count, "row", "rows"), one.Source))
		printer.Table(entryTable(one.Rows))
	}
	next := page.Next.String()
	if next != "" {
		printer.Line("\nOlder entries: the same command with --after %s", next)
	}
	document := l.document()
	document.Entries, document.Undated, document.Next = page.Entries, emptyIfNil(undated), next
	return printer.Document(auditLogName, document)
}

// entryTable returns lines of the timeline as a table.
func entryTable(entries []review.Entry) ui.Table {
	table := ui.Table{Columns: []ui.Column{{Title: "TIME (UTC)"}, {Title: "ACTION", Flexible: true}, {Title: "RESULT", Wrap: true}, {Title: "USER", Flexible: true}, {Title: "ADDRESS", HideZero: true}, {Title: "TOLD BY", Wrap: true}}}
	for _, entry := range entries {
		table.Rows = append(table.Rows, entryCells(entry))
	}
	return table
}

// entryCells returns the cells of a line.
func entryCells(entry review.Entry) []ui.Cell {
	cells := ui.Row(shortTime(entry.Time), actionText(entry), outcomeText(entry), userText(entry), entry.Address, toldBy(entry))
	if entry.Outcome == review.Failed {
		cells[2].Tone = ui.Caution
	}
	return cells
}

// shortTime returns a time up to its second.
func shortTime(text string) string {
	const length = len("2006-01-02T15:04:05")
	return strings.Replace(text[:min(length, len(text))], "T", " ", 1)
}

func actionText(entry review.Entry) string {
	if entry.Object != "" {
		return entry.Action + " " + entry.Object
	}
	return entry.Action
}

func outcomeText(entry review.Entry) string {
	if entry.Error != "" {
		return cmp.Or(entry.Outcome, "error") + ": " + entry.Error
	}
	return entry.Outcome
}

// userText returns who did something, and to whom.
func userText(entry review.Entry) string {
	who := cmp.Or(entry.Email, entry.User)
	switch {
	case entry.Target != "" && entry.Target != entry.User:
		return who + " > " + entry.Target
	case who == "" && entry.Tool && entry.Origin != "":
		return "(ocmt: " + entry.Origin + ")"
	case who == "" && entry.Tool:
		return "(ocmt)"
	}
	return who
}

// toldBy names the rows that tell an event.
func toldBy(entry review.Entry) string {
	text := referenceText(entry.Reference())
	for _, other := range entry.Also {
		text += " + " + referenceText(other)
		if other.Action != entry.Action {
			text += " (" + other.Action + ")"
		}
	}
	return text
}

// referenceText names a row. Of a uuid the beginning tells rows apart.
func referenceText(row review.Reference) string {
	const shown = 8
	id := row.ID
	if uuidForm.MatchString(id) {
		id = id[:shown]
	}
	return string(row.Source) + " " + id
}

// printFollowed prints lines as they come. They have no table around them, whose columns would jump.
func (l *auditLog) printFollowed(entries []review.Entry) error {
	for _, entry := range entries {
		var texts []string
		for _, cell := range entryCells(entry) {
			if cell.Text != "" {
				texts = append(texts, ui.Clean(cell.Text))
			}
		}
		l.app.printer.Line("%s", strings.Join(texts, "  "))
	}
	if len(entries) == 0 {
		return nil
	}
	document := l.document()
	document.Entries = entries
	return l.app.printer.DocumentLine(auditLogName, document)
}

// printSuspicious prints what may be an attack, each with its rows, and what the rules cannot see.
func (l *auditLog) printSuspicious(report *review.Report) error {
	printer := l.app.printer
	printer.Line("Database %s, since %s. All times are in UTC.", l.description.Database, shortTime(momentText(l.filter.Since)))
	l.printNotes()
	printer.Line("Looked at %s. Habits are those of %d days before, from %s.", ui.Count(int64(report.Looked), "entry", "entries"),
		review.BaselineDays, ui.Count(report.BaselineRows, "entry", "entries"))
	if report.WithoutBaseline > 0 {
		printer.Line("Of %s there are fewer than %d entries in that time, so a new address or hour of theirs is not told.",
			ui.Count(int64(report.WithoutBaseline), "user", "users"), review.AddressMinimum)
	}
	if report.Cut {
		printer.Line("Only the newest %s were looked at: look at less at once with --since and --until.", ui.Number(review.MaxEntries))
	}
	if len(report.Incidents) == 0 {
		printer.Line("\nNothing was found. ocmt audit log --limits lists what these tables cannot tell.")
	}
	for _, incident := range report.Incidents {
		l.printIncident(incident)
	}
	document := l.document()
	document.Limits = review.Limits()
	document.Suspicious = &suspiciousPart{Incidents: report.Incidents, Looked: report.Looked, Cut: report.Cut, BaselineFrom: momentText(report.BaselineFrom),
		BaselineTo: momentText(report.BaselineTo), BaselineRows: report.BaselineRows, WithoutBaseline: report.WithoutBaseline}
	return printer.Document(auditLogName, document)
}

// printIncident prints one thing that was found.
func (l *auditLog) printIncident(incident review.Incident) {
	printer := l.app.printer
	var about []string
	for _, text := range []string{cmp.Or(incident.Email, incident.User), incident.Address} {
		if text != "" {
			about = append(about, ui.Clean(text))
		}
	}
	printer.Heading(strings.Join(append([]string{string(incident.Rule)}, about...), "  "))
	printer.Line("%s", ui.Clean(incident.Why)+".")
	for _, row := range incident.Rows {
		printer.Line("  %s  %s  %s", shortTime(row.Time), row.Action, referenceText(row))
	}
	if more := incident.Count - len(incident.Rows); more > 0 {
		printer.Line("  and %s more between them", ui.Number(int64(more)))
	}
}

// printAuditLimits lists what the audit tables cannot tell.
func (a *App) printAuditLimits() error {
	limits := review.Limits()
	a.printer.Line("What the audit tables cannot tell, so that no rule looks for it:")
	for _, limit := range limits {
		a.printer.Line("\n%s\n%s", a.printer.Paint(ui.Strong, limit.Rule), limit.Why+".")
	}
	return a.printer.Document(auditLogName, auditLogDocument{Sources: []review.State{}, Entries: []review.Entry{}, Undated: []review.Undated{}, Limits: limits})
}
