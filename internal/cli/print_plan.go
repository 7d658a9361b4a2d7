package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/ui"
)

// printPlan shows what a plan found, then where and what a run would change. Nothing that is zero takes a line.
func printPlan(printer *ui.Printer, plan *migrate.Plan, around *overview) {
	printCounts(printer, plan.Columns)
	if len(plan.Absent) > 0 {
		printer.Line("Not in this database: %s.", strings.Join(plan.Absent, ", "))
	}
	printNodes(printer, plan.Nodes)
	printUnread(printer, plan.Discovery)
	printKnown(printer, plan.Discovery)
	printDerived(printer, plan.Discovery)
	if plan.Outline.Unaudited.IsSet() {
		printer.Line("No entry in OCMT's audit log will be made: %s.", plan.Outline.Unaudited.Text)
		printer.Lack(plan.Outline.Unaudited.Missing...)
	}
	printer.Line("\n%s", around)
	if text := misdirectedText(plan); text != "" {
		printer.Line("%s", text)
	}
}

// printCounts shows the columns that hold values, and counts those that hold none.
func printCounts(printer *ui.Printer, columns []migrate.ColumnCount) {
	table := ui.Table{Columns: []ui.Column{{Title: "COLUMN", Flexible: true}, {Title: "VALUES", Right: true}, {Title: "BY KEY VERSION", Wrap: true}}}
	var clear, unread []string
	var empty int64
	for _, c := range columns {
		if c.Values == 0 {
			empty++
			continue
		}
		table.Rows = append(table.Rows, ui.Row(c.String(), ui.Number(c.Values), versionCounts(c)))
		clear, unread = appendCount(clear, c, c.Plaintext), appendCount(unread, c, c.NotRead)
	}
	if len(table.Rows) > 0 {
		printer.Table(table)
	}
	if len(clear) > 0 {
		printer.Line("In the clear, as OCMT writes them: %s.", strings.Join(clear, ", "))
	}
	if len(unread) > 0 {
		printer.Line("Not in the form of a ciphertext: %s.", strings.Join(unread, ", "))
	}
	if empty > 0 {
		printer.Line("%s no value.", ui.Count(empty, "encrypted column holds", "encrypted columns hold"))
	}
}

// appendCount adds how many values of a column there are, if any. Few columns have them, and a column of zeros for
// the others makes a table wider than a terminal.
func appendCount(texts []string, c migrate.ColumnCount, values int64) []string {
	if values == 0 {
		return texts
	}
	return append(texts, ui.Number(values)+" of "+ui.Clean(c.String()))
}

// misdirectedText says that nothing is under the version to leave and values are under others, and what moves those;
// "" where it is not so.
func misdirectedText(plan *migrate.Plan) string {
	if plan.Request.From == nil || plan.Pending() > 0 || len(plan.Uncounted) > 0 {
		return ""
	}
	others := rotation.UnderOthers(plan)
	if len(others) == 0 {
		return ""
	}
	var parts []string
	for _, version := range slices.Sorted(maps.Keys(others)) {
		part := fmt.Sprintf("%s under version %d", ui.Count(others[version], "value is", "values are"), version)
		if version < plan.Request.To {
			part += fmt.Sprintf(": ocmt rotate --from-version %d moves %s", version, iff(others[version] == 1, "it", "them"))
		}
		parts = append(parts, part)
	}
	return fmt.Sprintf("No value%s is under version %d, and %s.", scopeText(plan.Request), *plan.Request.From, strings.Join(parts, "; "))
}

// printBeside says what else a run would affect.
func printBeside(printer *ui.Printer, outline migrate.Outline) {
	if outline.Cost().Rows == 0 {
		return
	}
	var triggers []string
	for _, table := range outline.Tables {
		for _, trigger := range table.Triggers {
			triggers = append(triggers, table.String()+" "+trigger)
		}
	}
	if len(triggers) > 0 {
		printer.Line("Triggers that fire at every row: %s.", strings.Join(triggers, ", "))
	}
	if len(outline.Slots) > 0 {
		printer.Line("Logical replication slots that would carry the writes: %s.", strings.Join(outline.Slots, ", "))
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
			printer.Line("Listed under known and not moved, yet values open with the keys that are set: %s%s.", find.String(), opensNote(find))
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
			printer.Line("%s is in a materialized view: refresh it after the run, or it keeps the old key.", find.String())
		case discover.DerivedColumn:
			printer.Line("%s is generated: the server makes it anew when its row is written.", find.String())
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

// noneUnder says that no value of what was asked for is under a version that a request leaves.
func noneUnder(request migrate.Request) string {
	return "no value" + scopeText(request) + " is under " + leavingName(request)
}

// scopeText names the part of the database that was asked for, as " in users.gateway_token"; "" for all of it.
func scopeText(request migrate.Request) string {
	switch {
	case len(request.Tables) > 0 && len(request.Columns) > 0:
		return " in the tables and columns that were named"
	case len(request.Tables)+len(request.Columns) > 0:
		return " in " + strings.Join(slices.Concat(request.Tables, request.Columns), " and ")
	}
	return ""
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
