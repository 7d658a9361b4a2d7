package cli

import (
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/ui"
)

// printLeft is the verdict on a run that ended before it had written a row. A dry run leaves everything as it is.
func printLeft(printer *ui.Printer, result *migrate.Result) {
	if result.DryRun || result.Moved+result.ValuesLeft == 0 {
		return
	}
	printer.Line("")
	printer.Line("%s", printer.Paint(ui.Bad, "Nothing was moved, and "+ui.Count(result.ValuesLeft, "value is", "values are")+" left."+keepEveryKey))
}
