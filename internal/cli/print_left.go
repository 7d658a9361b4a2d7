package cli

import (
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/ui"
)

// printLeft says how far a run came that did not reach its end. A dry run leaves everything as it is.
func printLeft(printer *ui.Printer, result *migrate.Result) {
	if result.DryRun || result.Moved+result.ValuesLeft == 0 {
		return
	}
	printer.Line("%s moved; %s left.", ui.Number(result.Moved), isAre(result.ValuesLeft))
}

// isAre returns a number with the verb behind it.
func isAre(n int64) string {
	if n == 1 {
		return "1 is"
	}
	return ui.Number(n) + " are"
}
