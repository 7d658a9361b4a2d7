package cli

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/ui"
)

// printDiscovery shows what a search found, what it left out and why, and what it did not
// look at.
func printDiscovery(printer *ui.Printer, report *discover.Report, keys bool) {
	printer.Heading("Encrypted values in other columns")
	if len(report.Unlisted) > 0 {
		printFinds(printer, report.Unlisted, keys)
	} else {
		printer.Line("None that nothing lists.")
	}
	for _, find := range report.Known {
		printer.Line("known, left alone: %s: %s found%s: %s", find.String(), ui.Number(find.Values), opensNote(find), find.Reason)
	}
	printTrusted(printer, report)
	for _, unread := range report.Unread {
		printer.Line("not looked at: %s: %s", unread.Where, unread.Message)
	}
	printer.Line("%s", lookedText(report, "--discover --full"))
}

// printTrusted names the columns that ocmt.yaml was believed about.
func printTrusted(printer *ui.Printer, report *discover.Report) {
	if len(report.OnTrust) > 0 {
		printer.Line("Not tried, and listed under known, whose word is taken: %s.", strings.Join(report.OnTrust, ", "))
	}
}

// printFinds lists columns with values that nothing lists.
func printFinds(printer *ui.Printer, finds []discover.Find, keys bool) {
	table := ui.Table{Columns: []ui.Column{{Title: "COLUMN", Flexible: true}, {Title: "FOUND", Right: true}, {Title: "BY KEY VERSION", Wrap: true}, {Title: "OPEN", Wrap: true}, {Title: "A ROW"}}}
	for _, find := range finds {
		table.Rows = append(table.Rows, ui.Row(find.String(), ui.Number(find.Values)+" of "+ui.Number(find.LookedAt), versionsOf(find), opensText(find, keys), find.Key))
	}
	printer.Table(table)
}

// lookedText says how much was looked at, so that an operator knows what it means to
// find nothing. The flags are those that look at everything.
func lookedText(report *discover.Report, flags string) string {
	text := "Looked at " + ui.Count(report.LookedAt, "value", "values") + " in " + ui.Count(int64(report.Columns), "column", "columns") +
		" of " + ui.Count(int64(report.Tables), "table", "tables")
	if !report.Full {
		text += ", of " + ui.Count(int64(len(report.Sampled)), "table", "tables") + " a sample"
		if report.TooLarge > 0 {
			text += " without " + ui.Count(report.TooLarge, "large value", "large values")
		}
		text += "; " + flags + " looks at everything"
	}
	return text + "."
}

// versionsOf lists the ciphertexts of a find by the version that they name.
func versionsOf(find discover.Find) string {
	var parts []string
	for _, version := range slices.Sorted(maps.Keys(find.Versions)) {
		parts = append(parts, "v"+strconv.Itoa(version)+" "+ui.Number(find.Versions[version]))
	}
	return strings.Join(parts, "  ")
}

// opensText says which of the keys that are set open the values of a find.
func opensText(find discover.Find, keys bool) string {
	switch {
	case !keys:
		return "not tried"
	case find.Opened == 0:
		return "none"
	}
	return ui.Number(find.Opened) + ", key of v" + joinVersions(find.OpenedBy)
}

// opensNote warns about a column that is listed as under other keys although the keys
// that are set open values in it.
func opensNote(find discover.Find) string {
	if find.Opened == 0 {
		return ""
	}
	return " (" + ui.Number(find.Opened) + " of them open with the key of version " + joinVersions(find.OpenedBy) + " and would be lost with it)"
}

func joinVersions(versions []int) string {
	texts := make([]string, len(versions))
	for i, version := range versions {
		texts[i] = strconv.Itoa(version)
	}
	return strings.Join(texts, ", ")
}
