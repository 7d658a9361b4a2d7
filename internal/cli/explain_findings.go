package cli

import (
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/ui"
)

// withFindings adds findings to an error: what is wrong to the causes, what is to be done to the
// deeds. Rights that are missing become one block of statements. The deeds come before those that the
// error has already.
func withFindings(explained *ui.Error, list []finding.Finding) *ui.Error {
	explained.Reasons = append(explained.Reasons, reasonsOf(list)...)
	var hints []string
	fixes := distinctFixes(list)
	for _, found := range list {
		if len(found.Rights) > 0 {
			explained.Missing = append(explained.Missing, found.Rights...)
			continue
		}
		hint := ui.Clean(found.Fix)
		if len(fixes) > 1 && hint != "" {
			hint = ui.Clean(found.Where) + ": " + hint
		}
		if hint != "" && !slices.Contains(hints, hint) {
			hints = append(hints, hint)
		}
	}
	explained.Hints = append(hints, explained.Hints...)
	return explained
}

// reasonsOf says what is wrong, in one line for all places at which the same is wrong.
func reasonsOf(list []finding.Finding) []string {
	var reasons []string
	for _, same := range groupByMessage(list) {
		reasons = append(reasons, ui.Clean(namesOf(same.places)+": "+same.message))
	}
	return reasons
}

// messageGroup is what is wrong, with the places at which it is, each once.
type messageGroup struct {
	message string
	places  []string
}

// groupByMessage puts together what is the same in several places, in the order of the findings.
func groupByMessage(list []finding.Finding) (groups []messageGroup) {
	for _, found := range list {
		at := slices.IndexFunc(groups, func(group messageGroup) bool { return group.message == found.Message })
		if at < 0 {
			at, groups = len(groups), append(groups, messageGroup{message: found.Message})
		}
		if !slices.Contains(groups[at].places, found.Where) {
			groups[at].places = append(groups[at].places, found.Where)
		}
	}
	return groups
}

// namesOf lists names, the first of them where they are many.
func namesOf(names []string) string {
	const most = 3
	if len(names) <= most+1 {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + " and " + ui.Number(int64(len(names)-most)) + " more"
}

// distinctFixes returns the deeds of findings that no GRANT settles, each once.
func distinctFixes(list []finding.Finding) []string {
	var fixes []string
	for _, found := range list {
		if len(found.Rights) == 0 && found.Fix != "" && !slices.Contains(fixes, found.Fix) {
			fixes = append(fixes, found.Fix)
		}
	}
	return fixes
}
