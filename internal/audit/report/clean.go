package report

import (
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/visible"
)

// clean makes invisible characters visible, line breaks too.
func clean(text string) string { return visible.Text(text) }

// cleanLines does the same, and keeps line breaks. It is for deeds: a fix may be several commands.
func cleanLines(text string) string { return visible.Lines(text) }

// cleanAll cleans each text of a list. It returns an empty list for none, never nil.
func cleanAll(list []string) []string { return mapAll(list, clean) }

// mapAll returns f of each element. It returns an empty list for none, never nil.
func mapAll[T, U any](list []T, f func(T) U) []U {
	made := make([]U, len(list))
	for i, one := range list {
		made[i] = f(one)
	}
	return made
}

// cleanReport returns a copy of a report that is safe to look at. Its lists are never nil.
func cleanReport(r *audit.Report) *audit.Report {
	made := *r
	made.Inputs = mapAll(r.Inputs, func(i audit.Input) audit.Input {
		return audit.Input{Kind: clean(i.Kind), Name: clean(i.Name), As: clean(i.As), Absent: clean(i.Absent)}
	})
	made.Results = mapAll(r.Results, cleanResult)
	made.Skipped = cleanAll(r.Skipped)
	made.Unused = mapAll(r.Unused, cleanAccepted)
	return &made
}

func cleanResult(r audit.Result) audit.Result {
	check := r.Check
	for _, text := range []*string{&check.ID, &check.Title, &check.Why, &check.LooksAt, &check.Right, &check.NotFault, &check.Source} {
		*text = clean(*text)
	}
	check.Fix = cleanLines(check.Fix)
	return audit.Result{
		Check: check, Outcome: r.Outcome, Absent: clean(r.Absent), Looked: clean(r.Looked),
		Findings: mapAll(r.Findings, cleanFinding), Accepted: mapAll(r.Accepted, cleanFinding), Gaps: mapAll(r.Gaps, cleanGap),
	}
}

func cleanGap(g audit.Gap) audit.Gap {
	return audit.Gap{What: clean(g.What), Reason: clean(g.Reason), Missing: clean(g.Missing), Grant: cleanLines(g.Grant)}
}

func cleanFinding(f audit.Finding) audit.Finding {
	for _, text := range []*string{&f.Check, &f.Cause, &f.Message, &f.Expected, &f.Actual, &f.File, &f.Digest} {
		*text = clean(*text)
	}
	f.Fix = cleanLines(f.Fix)
	f.Places = cleanAll(f.Places[:min(len(f.Places), audit.MaxPlaces)])
	f.Objects, f.Accepted = cleanAll(f.Objects), mapAll(f.Accepted, cleanAccepted)
	return f
}

func cleanAccepted(a audit.Accepted) audit.Accepted {
	return audit.Accepted{ID: clean(a.ID), Object: clean(a.Object), Count: a.Count, Owner: clean(a.Owner), Reason: clean(a.Reason), Expires: clean(a.Expires)}
}

// answers returns what accepts a finding, each owner, reason and last day once. One entry of a baseline
// accepts one object, so a finding of many objects has many entries that say the same.
func answers(f audit.Finding) []audit.Accepted {
	var list []audit.Accepted
	for _, one := range f.Accepted {
		one.ID, one.Object, one.Count = f.Check, "", 0
		if !slices.Contains(list, one) {
			list = append(list, one)
		}
	}
	return list
}

// describe says what a finding is, in one line: its cause and what is wrong with it.
func describe(f audit.Finding) string {
	return strings.TrimSpace(f.Cause + " " + f.Message)
}

// describeGap says what could not be looked at, why, and what cures it.
func describeGap(g audit.Gap) string {
	text := g.What + ": " + g.Reason
	if g.Missing != "" {
		text += "; missing: " + g.Missing
	}
	if g.Grant != "" {
		text += "; cure: " + g.Grant
	}
	return text
}
