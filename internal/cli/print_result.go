package cli

import (
	"slices"
	"time"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/rowkey"
	"github.com/ocmt/ocmt/internal/ui"
)

// minReportedRest is how long a run must have rested for the screen to say so.
const minReportedRest = 2 * time.Second

// isIdle reports whether a run had nothing to do.
func isIdle(result *migrate.Result) bool {
	return result.Moved == 0 && result.SetAside == 0 && result.Left == 0
}

// printResult shows what a run did, behind its verdict. It leaves out the values that were set aside.
func printResult(printer *ui.Printer, request migrate.Request, result *migrate.Result) {
	if isIdle(result) {
		printRepairs(printer, result)
		return
	}
	done := "Moved"
	if result.DryRun {
		done = "Tried on"
	}
	printer.Line("%s %s in %s to version %d, in %s and %s.", done, ui.Count(result.Moved, "value", "values"),
		ui.Count(result.Rows, "row", "rows"), request.To, ui.Duration(result.Elapsed), ui.Count(int64(result.Passes), "pass", "passes"))
	if result.Changed > 0 {
		printer.Line("%s changed or locked by the servers meanwhile and met again.", ui.Count(result.Changed, "row was", "rows were"))
	}
	if result.Rested > minReportedRest {
		printer.Line("It worked gently and rested %s of that: %s. --pace full takes no rests.", ui.Duration(result.Rested), result.Why)
	}
	printRepairs(printer, result)
	if result.Unaudited.IsSet() {
		printer.Line("No entry in OCMT's audit log was made: %s. The next run that can make it does.", result.Unaudited.Text)
		printer.Lack(result.Unaudited.Missing...)
	}
}

// printRepairs shows which labels were repaired.
func printRepairs(printer *ui.Printer, result *migrate.Result) {
	title := "Labels repaired"
	if result.DryRun {
		title = "Labels that would be repaired"
	}
	for _, repair := range result.Repairs {
		printer.Line(title+" in %s: %s labelled version %d and sealed with the key of version %d.",
			repair.String(), ui.Count(repair.Values, "value was", "values were"), repair.Label, repair.Opened)
	}
}

// printAccepted lists values that are accepted as lost.
func printAccepted(printer *ui.Printer, list []migrate.Accepted) {
	if len(list) == 0 {
		return
	}
	printer.Line("\nAccepted as lost, and so keeping no key:")
	table := ui.Table{Columns: []ui.Column{{Title: "COLUMN", Flexible: true}, {Title: "ROW"}, {Title: "BY"}, {Title: "ON"}, {Title: "REASON", Wrap: true}}}
	for _, one := range list {
		table.Rows = append(table.Rows, ui.Row(one.String(), one.Key, one.Operator, one.At.UTC().Format(time.DateOnly), one.Reason))
	}
	printer.Table(table)
}

// shownSetAside is how many values that were set aside the screen lists. JSON has more.
const shownSetAside = 20

// printSetAside lists values that were not moved, or not opened.
func printSetAside(printer *ui.Printer, title string, count int64, list []migrate.SetAside) {
	if count == 0 {
		return
	}
	printer.Line("\n%s", title)
	table := ui.Table{Columns: []ui.Column{{Title: "COLUMN", Flexible: true}, {Title: "ROW"}, {Title: "REASON", Wrap: true}}}
	for _, entry := range list[:min(len(list), shownSetAside)] {
		table.Rows = append(table.Rows, ui.Row(entry.String(), entry.Key, entry.Detail))
	}
	printer.Table(table)
	if count > shownSetAside {
		printer.Line("… and %s more; --output json lists the first 1,000.", ui.Number(count-shownSetAside))
	}
	explainDigests(printer, table)
}

// explainDigests says, below a table with a column of row keys, how a row is found whose key is shown as a digest.
func explainDigests(printer *ui.Printer, table ui.Table) {
	at := slices.IndexFunc(table.Columns, func(column ui.Column) bool { return column.Title == "ROW" })
	for _, row := range table.Rows {
		digits, is := rowkey.ParseDigest(row[at].Text)
		if !is {
			continue
		}
		printer.Line("%s is the digest of a row key that could be a secret. SQL finds that row, with the column of the key for KEY:", row[at].Text)
		printer.Code("  where left(encode(sha256(convert_to(KEY::text, 'UTF8')), 'hex'), %d) = '%s'", rowkey.Digits, digits)
		return
	}
}
