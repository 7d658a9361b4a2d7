package cli

import (
	"bytes"
	"io"
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

bash completes best with the package bash-completion (version 2). zsh needs its
own compinit, as "autoload -U compinit; compinit" in ~/.zshrc loads it.`,
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

// splitWords is how the library's script for bash takes the command line apart, with a function of the package
// bash-completion.
const splitWords = `    _get_comp_words_by_ref "$@" cur prev words cword
`

// splitWordsAlone does it where the package is missing: bash itself splits words at = and :, which stand within values.
const splitWordsAlone = `    if declare -F _get_comp_words_by_ref >/dev/null 2>&1; then
        _get_comp_words_by_ref "$@" cur prev words cword
        return
    fi
    local i
    words=()
    for ((i = 0; i < ${#COMP_WORDS[@]}; i++)); do
        if ((i > 1)) && [[ ${COMP_WORDS[i]} == [=:]* || ${COMP_WORDS[i-1]} == [=:] ]]; then
            words[${#words[@]}-1]+=${COMP_WORDS[i]}
        else
            words+=("${COMP_WORDS[i]}")
        fi
        ((i == COMP_CWORD)) && cword=$((${#words[@]} - 1))
    done
    cur=${words[cword]}
    prev=${words[cword-1]}
`

// writeBashCompletion writes the library's script for bash, which also works without the package bash-completion.
func writeBashCompletion(root *cobra.Command, out io.Writer) error {
	var script bytes.Buffer
	if err := root.GenBashCompletionV2(&script, true); err != nil {
		return err
	}
	_, err := io.WriteString(out, strings.Replace(script.String(), splitWords, splitWordsAlone, 1))
	return err
}

// writeCompletion writes the script of a shell to the command's output.
func writeCompletion(cmd *cobra.Command, args []string) error {
	out, root := cmd.OutOrStdout(), cmd.Root()
	switch args[0] {
	case "bash":
		return writeBashCompletion(root, out)
	case "zsh":
		return root.GenZshCompletion(out)
	case "fish":
		return root.GenFishCompletion(out, true)
	case "powershell":
		return root.GenPowerShellCompletionWithDesc(out)
	}
	return usageError(cmd, "unknown shell "+shown(args[0])+": known are "+strings.Join(shells[:], ", "))
}
