package cli

import (
	"errors"
	"testing"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/ui"
)

// If this fails, an operator reads of 36 obstacles above three reasons, and looks for the 33 that are not shown.
func TestObstaclesAreCountedAsTheyAreShown(t *testing.T) {
	t.Parallel()
	var list []finding.Finding
	add := func(message string, places ...string) {
		for _, place := range places {
			list = append(list, finding.Finding{Where: place, Message: message})
		}
	}
	expect := func(want string, reasons int) {
		t.Helper()
		err := foundObstacles(list)
		var explained *ui.Error
		if !errors.As(err, &explained) || explained.Message != want || len(explained.Reasons) != reasons {
			t.Errorf("got %v with %q, want %q with %d reasons", err, explained.Reasons, want, reasons)
		}
	}
	add("it may not be read", "a")
	expect("a run would refuse to start: found 1 obstacle", 1)
	add("it has a rule", "a")
	expect("a run would refuse to start: found 2 obstacles", 2)
	add("it may not be read", "a", "b", "c", "d", "e", "f")
	expect("a run would refuse to start: found 2 obstacles in 7 places", 2)
}
