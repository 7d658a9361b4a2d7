package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/ui"
)

// exitsAnnotation holds the exit statuses of a command, as its help prints them.
const exitsAnnotation = "ocmt-exits"

// helpTemplate is the help page of cobra with the exit statuses at the end.
const helpTemplate = `{{with (or .Long .Short)}}{{. | trimTrailingWhitespaces}}

{{end}}{{.UsageString}}{{with index .Annotations "` + exitsAnnotation + `"}}
Exit statuses:
{{.}}{{end}}`

// stateExits puts the codes that a command can end with onto its help page.
func stateExits(cmd *cobra.Command, codes ...ui.ExitCode) {
	var b strings.Builder
	for _, code := range codes {
		fmt.Fprintf(&b, "  %-4d%s\n", code, code.Meaning())
	}
	if cmd.Annotations == nil {
		cmd.Annotations = map[string]string{}
	}
	cmd.Annotations[exitsAnnotation] = b.String()
}

// makeGroup makes parent a command that only has others below it. To run it alone, or with
// an unknown name, is wrong usage: a script with a mistake must not take a help page for
// success.
func makeGroup(parent *cobra.Command, children ...*cobra.Command) {
	parent.AddCommand(children...)
	parent.Args = cobra.ArbitraryArgs
	parent.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usageError(cmd, "no command given")
		}
		failure := usageError(cmd, "unknown command "+shown(args[0]))
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			failure.Hints = append([]string{"did you mean " + strings.Join(near, " or ") + "?"}, failure.Hints...)
		}
		return failure
	}
}

// newHelpCommand replaces the help command of cobra, whose errors break our rules.
func newHelpCommand(run func(cmd *cobra.Command, args []string) error) *cobra.Command {
	if run == nil {
		run = showHelp
	}
	cmd := &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Show the help page of a command",
		Long:    "Show the help page of a command, as COMMAND --help does.",
		Example: "  ocmt help keygen",
	}
	cmd.RunE = run
	stateExits(cmd, ui.ExitDone, ui.ExitUsage)
	return cmd
}

// showHelp shows the help page of the command that the arguments name.
func showHelp(cmd *cobra.Command, args []string) error {
	found, rest, err := cmd.Root().Find(args)
	if err != nil || found == nil || len(rest) > 0 {
		return usageError(cmd.Root(), "no help page for "+shown(strings.Join(args, " ")))
	}
	found.InitDefaultHelpFlag()
	return found.Help()
}
