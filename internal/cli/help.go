package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/ui"
)

// exitsAnnotation holds the exit statuses of a command, as its help prints them.
const exitsAnnotation = "ocmt-exits"

// helpTemplate is cobra's, with the exit statuses behind it.
const helpTemplate = `{{with (or .Long .Short)}}{{. | trimTrailingWhitespaces}}

{{end}}{{.UsageString}}{{with index .Annotations "` + exitsAnnotation + `"}}
Exit statuses:
{{.}}{{end}}`

// exits states the codes that a command can end with, for its help page.
func exits(cmd *cobra.Command, codes ...ui.ExitCode) {
	var b strings.Builder
	for _, code := range codes {
		fmt.Fprintf(&b, "  %-4d%s\n", code, code.Meaning())
	}
	if cmd.Annotations == nil {
		cmd.Annotations = map[string]string{}
	}
	cmd.Annotations[exitsAnnotation] = b.String()
}

// group makes parent a command that only holds others. Run bare or with a name
// it does not know, it is wrong usage: a script with a slip in it must not take
// a help page for success.
func group(parent *cobra.Command, children ...*cobra.Command) {
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

// newHelpCommand is cobra's help command, held to the rules of the others.
func newHelpCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Show the help page of a command",
		Long:    "Show the help page of a command, as COMMAND --help does.",
		Example: "  ocmt help keygen",
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		found, rest, err := cmd.Root().Find(args)
		if err != nil || found == nil || len(rest) > 0 {
			return usageError(cmd.Root(), "no help page for "+shown(strings.Join(args, " ")))
		}
		found.InitDefaultHelpFlag()
		return found.Help()
	}
	exits(cmd, ui.ExitDone, ui.ExitUsage)
	return cmd
}
