package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ocmt/ocmt/internal/ui"
)

// exitsAnnotation holds the exit statuses of a command, as its help prints them.
const exitsAnnotation = "ocmt-exits"

// The groups of the commands on the first page, in their order.
const (
	groupKeys     = "keys"
	groupRotation = "rotation"
	groupAccess   = "access"
	groupChecks   = "checks"
	groupHelp     = "help"
)

// commandGroups returns the groups with their titles.
func commandGroups() []*cobra.Group {
	return []*cobra.Group{{ID: groupKeys, Title: "Keys"}, {ID: groupRotation, Title: "Rotation"}, {ID: groupAccess, Title: "Access"},
		{ID: groupChecks, Title: "Checks"}, {ID: groupHelp, Title: "Help"}}
}

// inGroup puts commands into a group of the first page.
func inGroup(group string, commands ...*cobra.Command) []*cobra.Command {
	for _, cmd := range commands {
		cmd.GroupID = group
	}
	return commands
}

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

// writeHelp writes the help page of a command: what it does, how it is called, and how it ends.
func writeHelp(cmd *cobra.Command, _ []string) {
	out := cmd.OutOrStdout()
	_, _ = fmt.Fprintf(out, "%s\n\n%s", strings.TrimSpace(cmd.Long), usageText(cmd)) // the printer reports a closed output
	if exits := cmd.Annotations[exitsAnnotation]; exits != "" {
		_, _ = io.WriteString(out, "\nExit statuses:\n"+exits)
	}
}

// usageText says how a command is called. The flags that every command has are on a page of their own.
func usageText(cmd *cobra.Command) string {
	var b strings.Builder
	line := cmd.UseLine()
	if !ownFlags(cmd).HasAvailableFlags() {
		line = strings.TrimSuffix(line, " [flags]")
	}
	b.WriteString("Usage:\n  " + line + "\n")
	if group := cmd.CommandPath() + " COMMAND"; cmd.HasAvailableSubCommands() && cmd.Runnable() && cmd.HasParent() && !strings.HasPrefix(line, group) {
		b.WriteString("  " + group + "\n")
	}
	writeCommands(&b, cmd)
	if cmd.Example != "" {
		b.WriteString("\nExamples:\n" + cmd.Example + "\n")
	}
	if flags := ownFlags(cmd); flags.HasAvailableFlags() {
		b.WriteString("\nFlags:\n" + flagsText(flags))
	}
	b.WriteString("\nThe options of every command, such as --output and --env-file: ocmt help options\n")
	return b.String()
}

// ownFlags returns the flags of a command without those that cobra gives to each.
func ownFlags(cmd *cobra.Command) *pflag.FlagSet {
	own := pflag.NewFlagSet(cmd.Name(), pflag.ContinueOnError)
	cmd.LocalNonPersistentFlags().VisitAll(func(flag *pflag.Flag) {
		if flag.Name != "help" && flag.Name != "version" {
			own.AddFlag(flag)
		}
	})
	return own
}

// flagsText lists flags within the width of a help page.
func flagsText(flags *pflag.FlagSet) string {
	return strings.TrimRight(flags.FlagUsagesWrapped(helpWidth), "\n") + "\n"
}

// writeCommands lists the commands below a command, by their groups where they have some.
func writeCommands(b *strings.Builder, cmd *cobra.Command) {
	width := 0
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() {
			width = max(width, len(child.Name()))
		}
	}
	list := func(title, group string) {
		first := true
		for _, child := range cmd.Commands() {
			if !child.IsAvailableCommand() || child.GroupID != group {
				continue
			}
			if first {
				b.WriteString("\n" + title + ":\n")
				first = false
			}
			indent := "\n" + strings.Repeat(" ", width+4)
			fmt.Fprintf(b, "  %-*s  %s\n", width, child.Name(), strings.ReplaceAll(wrapText(child.Short, helpWidth-width-4), "\n", indent))
		}
	}
	for _, group := range cmd.Groups() {
		list(group.Title, group.ID)
	}
	list("Commands", "")
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
		return unknownCommand(cmd, args[0])
	}
}

// newHelpCommand replaces the help command of cobra, whose errors break our rules.
func newHelpCommand(run func(cmd *cobra.Command, args []string) error) *cobra.Command {
	if run == nil {
		run = showHelp
	}
	cmd := &cobra.Command{
		Use:   "help [COMMAND | options]",
		Short: "Show the help page of a command",
		Long: `Show the help page of a command, as COMMAND --help does. The page options lists
the flags that every command has, and says where settings come from.`,
		Example: `  ocmt help keygen
  ocmt help options`,
		GroupID:           groupHelp,
		ValidArgsFunction: completeCommands,
	}
	cmd.RunE = run
	markWithoutSettings(cmd)
	stateExits(cmd, ui.ExitDone, ui.ExitUsage)
	return cmd
}

// optionsTopic is the page about the flags of every command.
const optionsTopic = "options"

// optionsText is how the page about the flags of every command begins.
const optionsText = `Every command has these options.

A setting comes from the first of these places that has it:
  1. the flag
  2. the environment variable NAME
  3. the file that the environment variable NAME_FILE points at
  4. NAME, then NAME_FILE, in the env file (--env-file, or .env)
  5. ocmt.yaml (--config); never for secrets
  6. the default
A secret is never a flag: every account of a machine can read the arguments of a
process.

With --no-input, or where standard input is no terminal, nothing is asked: what
can be taken back goes on as with --yes, and what cannot is refused unless --yes
is given.

Options:
`

// showHelp shows the help page of the command that the arguments name.
func showHelp(cmd *cobra.Command, args []string) error {
	root := cmd.Root()
	if len(args) == 1 && args[0] == optionsTopic {
		_, err := io.WriteString(cmd.OutOrStdout(), optionsText+flagsText(root.PersistentFlags()))
		return err
	}
	found, rest, err := root.Find(args)
	if err != nil || found == nil || len(rest) > 0 {
		failure := usageError(root, "no help page for "+shown(strings.Join(args, " ")))
		if found != nil && len(rest) > 0 {
			failure.Hints = append(suggestCommands(found, rest[0]), failure.Hints...)
		}
		return failure
	}
	found.InitDefaultHelpFlag()
	return found.Help()
}

// completeCommands completes the words of a command, for ocmt help.
func completeCommands(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	found, rest, err := cmd.Root().Find(args)
	if err != nil || found == nil || len(rest) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, child := range found.Commands() {
		if child.IsAvailableCommand() {
			names = append(names, child.Name()+"\t"+child.Short)
		}
	}
	if len(args) == 0 {
		names = append(names, optionsTopic+"\tthe flags of every command")
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
