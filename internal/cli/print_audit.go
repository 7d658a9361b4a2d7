package cli

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/ui"
)

// printAudit says what an audit found: findings, the worst first, then what could not be checked, then
// what is accepted, and the numbers at the end.
func (a *App) printAudit(found *audit.Report, details bool) {
	for _, severity := range audit.Severities() {
		a.printFindings(found, severity, details)
	}
	a.printGaps(found, details)
	a.printAccepted(found)
	a.printPasses(found, details)
	a.printCounts(found)
}

// printFindings lists the findings of a severity, a line each.
func (a *App) printFindings(found *audit.Report, severity audit.Severity, details bool) {
	list := slices.DeleteFunc(found.Findings(), func(f audit.Finding) bool { return f.Severity != severity })
	if len(list) == 0 {
		return
	}
	a.printer.Heading(strings.ToUpper(severity.String()))
	for _, one := range list {
		a.printer.Line("%s  %s%s", a.printer.Paint(severityTone(severity), one.Check), one.Cause+" "+one.Message, timesText(one.Count))
		if details {
			a.printEvidence(one)
		}
	}
}

// timesText says how many things a finding is about, where they are several.
func timesText(count int64) string {
	if count < 2 {
		return ""
	}
	return " (" + ui.Number(count) + ")"
}

// printEvidence shows what was expected and seen, where, and what to do.
func (a *App) printEvidence(one audit.Finding) {
	line := func(name, text string) {
		if text != "" {
			a.printer.Line("    %-9s %s", name, text)
		}
	}
	line("expected", one.Expected)
	line("actual", one.Actual)
	for _, place := range one.Places {
		line("at", place)
	}
	if one.PlacesLeft > 0 {
		line("", "and "+ui.Count(one.PlacesLeft, "more place", "more places"))
	}
	line("fix", one.Fix)
}

// cureLabel names what cures a gap: a statement that gives a right, or something else to do.
func cureLabel(cure string) string {
	if strings.HasPrefix(cure, "grant ") {
		return "grant"
	}
	return "next"
}

// printGaps lists what could not be checked, with what would cure it.
func (a *App) printGaps(found *audit.Report, details bool) {
	if found.Counts.Gaps == 0 {
		return
	}
	a.printer.Heading("COULD NOT BE CHECKED")
	var missing []finding.Right
	for _, same := range groupGaps(found) {
		a.printer.Line("%s  %s: %s", a.printer.Paint(ui.Caution, same.checks(details)), same.gap.What, same.gap.Reason)
		if same.gap.Missing != "" {
			a.printer.Line("    %-9s %s", "needs", same.gap.Missing)
		}
		if len(same.gap.Rights) > 0 {
			missing = append(missing, same.gap.Rights...)
		} else if same.gap.Grant != "" {
			a.printer.Code("    %-9s %s", cureLabel(same.gap.Grant), ui.Clean(same.gap.Grant))
		}
	}
	a.printer.Grants(missing)
}

// gapGroup is one gap with the checks that have it.
type gapGroup struct {
	gap audit.Gap
	ids []string
}

// groupGaps tells each gap once, however many checks have it.
func groupGaps(found *audit.Report) (list []*gapGroup) {
	for _, result := range found.Results {
		for _, gap := range result.Gaps {
			at := slices.IndexFunc(list, func(known *gapGroup) bool { return known.gap.IsSame(gap) })
			if at < 0 {
				at, list = len(list), append(list, &gapGroup{gap: gap})
			}
			if !slices.Contains(list[at].ids, result.Check.ID) {
				list[at].ids = append(list[at].ids, result.Check.ID)
			}
		}
	}
	return list
}

// checks names the checks of a gap, the first of them where they are many.
func (g *gapGroup) checks(all bool) string {
	const few = 3
	if len(g.ids) <= few || all {
		return strings.Join(g.ids, " ")
	}
	return strings.Join(g.ids[:few], " ") + " and " + ui.Count(int64(len(g.ids)-few), "other", "others")
}

// printAccepted lists what the baseline accepts.
func (a *App) printAccepted(found *audit.Report) {
	list := found.AcceptedFindings()
	if len(list) == 0 {
		return
	}
	a.printer.Heading("ACCEPTED")
	for _, one := range list {
		first := slices.MinFunc(one.Accepted, func(a, b audit.Accepted) int { return cmp.Compare(a.Expires, b.Expires) })
		a.printer.Line("%s  %s%s, by %s until %s", a.printer.Paint(ui.Faint, one.Check), one.Cause+" "+one.Message, timesText(one.Count), first.Owner, first.Expires)
	}
}

// printPasses lists what passed and what does not apply, where details are wanted.
func (a *App) printPasses(found *audit.Report, details bool) {
	if !details {
		return
	}
	for _, group := range []struct {
		title   string
		outcome audit.Outcome
		text    func(audit.Result) string
	}{
		{"NOT APPLICABLE", audit.NotApplicable, func(r audit.Result) string { return r.Check.Title + ": " + r.Absent }},
		{"PASSED", audit.Pass, func(r audit.Result) string { return r.Check.Title + passedText(r) }},
	} {
		heading := false
		for _, result := range found.Results {
			if result.Outcome != group.outcome {
				continue
			}
			if !heading {
				a.printer.Heading(group.title)
				heading = true
			}
			a.printer.Line("%s  %s", result.Check.ID, group.text(result))
		}
	}
}

// passedText says what a check that passed has looked at.
func passedText(result audit.Result) string {
	found := ": none"
	if len(result.Accepted) > 0 {
		found = ": none that is not accepted"
	}
	if result.Looked != "" {
		found += "; looked at " + result.Looked
	}
	return found
}

// printCounts says what an audit comes to.
func (a *App) printCounts(found *audit.Report) {
	counts := found.Counts
	a.printer.Line("")
	for _, input := range found.Inputs {
		if input.Absent != "" {
			a.printer.Note("%s was not looked at: %s", input.Kind, input.Absent)
		}
	}
	a.printer.Line("%s: %d passed, %d found something, %d could not look, %d do not apply.",
		ui.Count(int64(counts.Checks), "check", "checks"), counts.Pass, counts.Found, counts.Unchecked, counts.NotApplicable)
	if counts.Findings+counts.Accepted > 0 {
		var parts []string
		for _, severity := range audit.Severities() {
			if n := counts.BySeverity[severity.String()]; n > 0 {
				parts = append(parts, ui.Number(int64(n))+" "+severity.String())
			}
		}
		if counts.Accepted > 0 {
			parts = append(parts, ui.Number(int64(counts.Accepted))+" accepted")
		}
		a.printer.Line("Findings: %s.", strings.Join(parts, ", "))
	}
	switch {
	case found.Verdict() != audit.Clean || counts.Findings > 0:
	case counts.Pass == 0:
		a.printer.Line("No check applies here, so nothing was looked at.")
	default:
		nothing := "Nothing was found"
		if counts.Accepted > 0 {
			nothing = "Nothing was found that is not accepted"
		}
		a.printer.Line("%s", a.printer.Paint(ui.Good, nothing+", and every check that applies could look."))
	}
}
