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
	places := placesByMessage(list)
	var reasons []string
	for _, found := range list {
		if where := places[found.Message]; where != nil {
			reasons = append(reasons, ui.Clean(namesOf(where)+": "+found.Message))
			delete(places, found.Message)
		}
	}
	return reasons
}

// placesByMessage returns the places at which the same is wrong, each once.
func placesByMessage(list []finding.Finding) map[string][]string {
	places := map[string][]string{}
	for _, found := range list {
		if !slices.Contains(places[found.Message], found.Where) {
			places[found.Message] = append(places[found.Message], found.Where)
		}
	}
	return places
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
