package cli

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/ui"
)

// printPlan shows what a plan found, and what a run would do.
func printPlan(printer *ui.Printer, plan *migrate.Plan) {
	table := ui.Table{Columns: []ui.Column{{Title: "COLUMN", Flexible: true}, {Title: "VALUES", Right: true}, {Title: "BY KEY VERSION", Wrap: true}, {Title: "PLAINTEXT", Right: true, HideZero: true}, {Title: "NOT READ", Right: true, HideZero: true}}}
	for _, c := range plan.Columns {
		table.Rows = append(table.Rows, ui.Row(c.String(), ui.Number(c.Values), versionCounts(c), ui.Number(c.Plaintext), ui.Number(c.NotRead)))
	}
	printer.Table(table)
	if len(plan.Absent) > 0 {
		printer.Line("Not in this database: %s.", ui.Clean(strings.Join(plan.Absent, ", ")))
	}
	printUnread(printer, plan.Discovery)
	printKnown(printer, plan.Discovery)
	printDerived(printer, plan.Discovery)
	if plan.Outline.Unaudited != "" {
		printer.Line("No entry in OCMT's audit log will be made: %s.", ui.Clean(plan.Outline.Unaudited))
	}
	printer.Line("\n%s to move from %s to version %d.", ui.Count(plan.Pending(), "value", "values"), leavingName(plan.Request), plan.Request.To)
}

// printCost says what a run would cost, and what else it would affect.
func printCost(printer *ui.Printer, outline migrate.Outline) {
	var rows, wal int64
	var seconds float64
	var triggers []string
	for _, table := range outline.Tables {
		rows, wal, seconds = rows+table.RowsToWrite, wal+table.WALBytes, seconds+table.Seconds
		for _, trigger := range table.Triggers {
			triggers = append(triggers, table.String()+" "+trigger)
		}
	}
	if rows == 0 {
		return
	}
	printer.Line("Some %s to write, %s MiB of WAL, %s.", ui.Count(rows, "row", "rows"), ui.Number((wal+1<<20-1)>>20),
		ui.Duration(time.Duration(seconds*float64(time.Second))))
	if len(triggers) > 0 {
		printer.Line("Triggers that fire at every row: %s.", ui.Clean(strings.Join(triggers, ", ")))
	}
	if len(outline.Slots) > 0 {
		printer.Line("Logical replication slots that would carry the writes: %s.", ui.Clean(strings.Join(outline.Slots, ", ")))
	}
}

// printUnread says how much of the database was not looked through for values that
// nothing lists. It does not stop a run, because an account that may read the encrypted
// columns alone is a good account.
func printUnread(printer *ui.Printer, discovery *discover.Report) {
	if discovery == nil || len(discovery.Unread) == 0 {
		return
	}
	printer.Line("Not looked through for encrypted values that nothing lists: %s; ocmt migrate columns --discover says why.",
		ui.Count(int64(len(discovery.Unread)), "part of the database", "parts of the database"))
}

// printKnown names the columns that are listed as under other keys, and are not.
func printKnown(printer *ui.Printer, discovery *discover.Report) {
	if discovery == nil {
		return
	}
	for _, find := range discovery.Known {
		if len(find.OpenedBy) > 0 {
			printer.Line("Listed under known and not moved, yet values open with the keys that are set: %s%s.", ui.Clean(find.String()), opensNote(find))
		}
	}
}

// printDerived names the copies that the server makes of encrypted values, and what brings
// them along.
func printDerived(printer *ui.Printer, discovery *discover.Report) {
	if discovery == nil {
		return
	}
	for _, find := range discovery.Unlisted {
		switch find.Derived {
		case discover.DerivedView:
			printer.Line("%s is in a materialized view: refresh it after the run, or it keeps the old key.", ui.Clean(find.String()))
		case discover.DerivedColumn:
			printer.Line("%s is generated: the server makes it anew when its row is written.", ui.Clean(find.String()))
		}
	}
}

// leavingName names the versions that a request leaves.
func leavingName(request migrate.Request) string {
	if request.From != nil {
		return "version " + strconv.Itoa(*request.From)
	}
	if request.Backwards {
		return "a newer version"
	}
	return "an older version"
}

// versionCounts writes the values of a column as "v0 1,200 (300 legacy)  v1 5".
func versionCounts(c migrate.ColumnCount) string {
	var parts []string
	for _, version := range slices.Sorted(maps.Keys(c.ByVersion)) {
		part := "v" + strconv.Itoa(version) + " " + ui.Number(c.ByVersion[version])
		if version == 0 && c.Legacy > 0 {
			part += " (" + ui.Number(c.Legacy) + " legacy)"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "  ")
}
