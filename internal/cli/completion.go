package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/ui"
)

// shells are those that completion can be written for.
var shells = [...]string{"bash", "zsh", "fish", "powershell"}

func newCompletionCommand(run func(cmd *cobra.Command, args []string) error) *cobra.Command {
	if run == nil {
		run = writeCompletion
	}
	cmd := &cobra.Command{
		Use:   "completion SHELL",
		Short: "Write completion for a shell",
		Long: `Write the script that teaches a shell to complete the commands, the flags and
their values. SHELL is one of ` + strings.Join(shells[:], ", ") + `.

bash needs the package bash-completion (version 2) for it, and zsh its own
compinit, as "autoload -U compinit; compinit" in ~/.zshrc loads it.`,
		Example: `  source <(ocmt completion bash)
  ocmt completion fish > ~/.config/fish/completions/ocmt.fish`,
		ValidArgs: shells[:],
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usageError(cmd, "one shell is needed: "+strings.Join(shells[:], ", "))
		}
		return nil
	}
	cmd.RunE = run
	markWithoutSettings(cmd)
	stateExits(cmd, ui.ExitDone, ui.ExitFailed, ui.ExitUsage)
	return cmd
}

// writeCompletion writes the script of a shell to the command's output.
func writeCompletion(cmd *cobra.Command, args []string) error {
	out, root := cmd.OutOrStdout(), cmd.Root()
	switch args[0] {
	case "bash":
		return root.GenBashCompletionV2(out, true)
	case "zsh":
		return root.GenZshCompletion(out)
	case "fish":
		return root.GenFishCompletion(out, true)
	case "powershell":
		return root.GenPowerShellCompletionWithDesc(out)
	}
	return usageError(cmd, "unknown shell "+shown(args[0])+": known are "+strings.Join(shells[:], ", "))
}
