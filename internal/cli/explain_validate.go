package cli

import (
	"slices"

	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/internal/validation"
)

// foundProblems explains what is wrong with the configured secrets.
func foundProblems(report validation.Report) error {
	return &ui.Error{
		Message:  "the configured secrets have " + countProblems(report),
		Hints:    []string{"mend what is listed, then run ocmt validate again"},
		Code:     ui.ExitFound,
		Findings: report.Findings(),
	}
}

// failedToCompare explains that something was asked for and could not be looked at.
func failedToCompare(failed []validation.Unasked) error {
	explained := &ui.Error{Message: ui.Count(int64(len(failed)), "thing that was asked for could not be looked at", "things that were asked for could not be looked at"), Code: ui.ExitFailed}
	for _, one := range failed {
		if hint := one.What + ": " + one.Needs; !slices.Contains(explained.Hints, hint) {
			explained.Hints = append(explained.Hints, hint)
		}
	}
	return explained
}
