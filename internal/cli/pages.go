package cli

import (
	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/ui"
)

// Tree returns every command, for programs that write pages about them. None of them can be run.
func Tree(version string) *cobra.Command {
	app := &App{deps: Deps{Version: version}, printer: ui.NewPrinter(ui.Streams{}, ui.Options{})}
	return newRootCommand(app)
}

// ExitStatuses returns the exit statuses of a command, one a line, as its help page lists them.
func ExitStatuses(cmd *cobra.Command) string { return cmd.Annotations[exitsAnnotation] }
