package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/validation"
)

// fileCheckers are the commands that tell of files that others can read in their result.
var fileCheckers = []string{"ocmt validate", "ocmt rotate begin", "ocmt audit", "ocmt audit baseline write"}

// warnOfReadable warns of files that secrets were read from and that other accounts can read.
func (a *App) warnOfReadable(cmd *cobra.Command, settings *config.Settings) {
	if a.globals.quiet || slices.Contains(fileCheckers, cmd.CommandPath()) {
		return
	}
	for _, file := range validationFiles(settings.Files) {
		if file.Mounted { // with the mode that the operator of the container chose
			continue
		}
		for _, found := range validation.CheckFile(file) {
			a.printer.Warn("%s %s: %s", found.Where, found.Message, found.Fix)
		}
	}
}
