package cli

import (
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/internal/validation"
)

// stateWords are the states as the table has them, with their tones.
var stateWords = map[validation.State]ui.Cell{
	validation.StateError:   {Text: "error", Tone: ui.Bad},
	validation.StateWarning: {Text: "warn", Tone: ui.Caution},
	validation.StateUnasked: {Text: "?", Tone: ui.Caution},
	validation.StateOK:      {Text: "ok", Tone: ui.Good},
	validation.StateNotSet:  {Text: "-", Tone: ui.Faint},
}

// printValidation writes one table, worst first, with what is wrong under each setting, and then what is about
// files and other names.
func printValidation(printer *ui.Printer, report validation.Report, failOn finding.Severity) {
	table := ui.Table{Columns: []ui.Column{{}, {Title: "SETTING", Flexible: true}, {Title: "FOUND IN", Flexible: true},
		{Title: "FINGERPRINT"}, {Title: "FORM"}, {Title: "STRENGTH"}}, Notes: map[int][]ui.Note{}}
	var absent []string
	for _, row := range report.Rows {
		if row.State == validation.StateNotSet && row.Issued {
			absent = append(absent, row.Name)
			continue
		}
		at := len(table.Rows)
		table.Rows = append(table.Rows, append([]ui.Cell{stateWords[row.State]}, ui.Row(row.Name, row.Source, row.Fingerprint, row.Form, row.Strength)...))
		table.Notes[at] = rowNotes(row)
	}
	printer.Table(table)
	if len(absent) > 0 {
		printer.Line("\n%s", "Not set, and made by others: "+strings.Join(absent, ", ")+".")
	}
	for _, found := range report.Others {
		printer.Line("\n%s %s %s", printer.Paint(toneOf(found), found.Severity.String()+":"), found.Where, found.Message)
		if found.Fix != "" {
			printer.Line("  fix: %s", found.Fix)
		}
	}
	printUnasked(printer, report.Unasked)
	switch {
	case len(report.Findings()) == 0 && len(report.Unasked) == 0:
		printer.Line("\n%s", printer.Paint(ui.Good, "No problem found."))
	case len(report.Findings()) == 0:
		printer.Line("\n%s", printer.Paint(ui.Good, "No problem found in what could be looked at."))
	case !report.Fails(failOn): // otherwise the error that follows counts them
		printer.Line("\nFound %s.", countProblems(report))
	}
}

// rowNotes returns what stands under a setting: what is wrong with it and what mends that, or what the component
// does without it.
func rowNotes(row validation.Row) (notes []ui.Note) {
	if row.Note != "" {
		notes = append(notes, ui.Note{Head: ui.Cell{Text: "note:", Tone: ui.Faint}, Text: row.Note})
	}
	for _, live := range row.Live {
		notes = append(notes, ui.Note{Head: ui.Cell{Text: "live:", Tone: liveTones[live.Result]}, Text: string(live.Result) + " at " + live.Server + ": " + live.Text})
	}
	for _, found := range row.Findings {
		notes = append(notes, ui.Note{Head: ui.Cell{Text: found.Severity.String() + ":", Tone: toneOf(found)}, Text: found.Where + " " + found.Message})
		if found.Fix != "" {
			notes = append(notes, ui.Note{Head: ui.Cell{Text: "  fix:"}, Text: found.Fix})
		}
	}
	return notes
}

// liveTones are the tones of what servers said.
var liveTones = map[validation.LiveResult]ui.Tone{validation.LiveProven: ui.Good, validation.LiveRefused: ui.Bad, validation.LiveUnproven: ui.Caution, validation.LiveUnknown: ui.Caution}

// toneOf returns the tone of a finding.
func toneOf(found finding.Finding) ui.Tone {
	if found.Severity == finding.Error {
		return ui.Bad
	}
	return ui.Caution
}

// printUnasked lists what could not be compared or looked at, which is neither a finding nor a pass.
func printUnasked(printer *ui.Printer, list []validation.Unasked) {
	if len(list) == 0 {
		return
	}
	printer.Line("\nCould not be compared or looked at:")
	for _, one := range list {
		printer.Line("  %s: %s", one.What, one.Reason)
		if one.Needs != "" {
			printer.Line("    %s", one.Needs)
		}
	}
}

// countProblems says how many errors and warnings there are.
func countProblems(report validation.Report) string {
	errors, warnings := report.Count()
	return ui.Count(int64(errors), "error", "errors") + " and " + ui.Count(int64(warnings), "warning", "warnings")
}
