package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/ocmt/ocmt/internal/audit"
)

// csvColumns are the columns of the CSV, in order.
var csvColumns = []string{
	"kind", "check", "area", "severity", "title", "what", "message", "expected", "actual", "count", "places",
	"missing", "fix", "file", "digest", "objects", "owner", "reason", "expires",
}

// WriteCSV writes a report as CSV (RFC 4180) with a header: one row for each finding, gap, accepted
// finding, pass, and check that does not apply. The column kind tells them apart. A cell that a
// spreadsheet would take for a formula begins with an apostrophe.
func WriteCSV(w io.Writer, report *audit.Report) error {
	writer := csv.NewWriter(w)
	writer.UseCRLF = true
	rows := [][]string{csvColumns}
	for _, result := range cleanReport(report).Results {
		rows = append(rows, csvRows(result)...)
	}
	for _, row := range rows {
		if err := writer.Write(mapAll(row, guardCell)); err != nil {
			return fmt.Errorf("writing the CSV: %w", err)
		}
	}
	writer.Flush()
	if err := writer.Error(); err != nil {
		return fmt.Errorf("writing the CSV: %w", err)
	}
	return nil
}

// csvRows returns the rows of a check.
func csvRows(r audit.Result) (rows [][]string) {
	add := func(kind string, severity audit.Severity, cells map[string]string) {
		cells["kind"], cells["check"], cells["area"] = kind, r.Check.ID, string(r.Check.Area())
		cells["severity"], cells["title"] = severity.String(), r.Check.Title
		rows = append(rows, mapAll(csvColumns, func(column string) string { return cells[column] }))
	}
	for _, one := range r.Findings {
		add("finding", one.Severity, findingCells(one))
	}
	for _, one := range r.Gaps {
		add("could_not_check", r.Check.Severity, map[string]string{"what": one.What, "message": one.Reason, "missing": one.Missing, "fix": one.Grant})
	}
	for _, one := range r.Accepted {
		add("accepted", one.Severity, findingCells(one))
	}
	switch r.Outcome {
	case audit.Pass:
		add("pass", r.Check.Severity, map[string]string{"what": r.Looked})
	case audit.NotApplicable:
		add("not_applicable", r.Check.Severity, map[string]string{"what": r.Absent})
	}
	return rows
}

func findingCells(f audit.Finding) map[string]string {
	cells := map[string]string{
		"what": f.Cause, "message": f.Message, "expected": f.Expected, "actual": f.Actual, "count": strconv.FormatInt(f.Count, 10),
		"places": strings.Join(f.Places, "; "), "fix": f.Fix, "file": f.File, "digest": f.Digest, "objects": strings.Join(f.Objects, " "),
	}
	by := answers(f)
	join := func(field func(audit.Accepted) string) string { return strings.Join(mapAll(by, field), "; ") }
	cells["owner"] = join(func(a audit.Accepted) string { return a.Owner })
	cells["reason"] = join(func(a audit.Accepted) string { return a.Reason })
	cells["expires"] = join(func(a audit.Accepted) string { return a.Expires })
	return cells
}

// formulaStarts are what a spreadsheet takes for the beginning of a formula (OWASP, CSV injection), with
// the wide forms that some of them take for the same.
const formulaStarts = "=+-@\t\r\n＝＋－＠"

// guardCell returns a cell that no spreadsheet takes for a formula.
func guardCell(cell string) string {
	if first := []rune(cell); len(first) > 0 && strings.ContainsRune(formulaStarts, first[0]) {
		return "'" + cell
	}
	return cell
}
