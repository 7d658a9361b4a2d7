package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ocmt/ocmt/internal/ui"
)

// farthest is how many letters a word may differ by and still be taken for a slip; a short one by one letter, because
// two make another word of it.
const (
	farthest  = 2
	shortWord = 4
)

// isSlip reports whether a word may be meant for a name.
func isSlip(word, name string) bool {
	if len(word) <= shortWord {
		return differBy(word, name) <= 1
	}
	return differBy(word, name) <= farthest
}

// unknownCommand says that there is no such command below another, and which may be meant.
func unknownCommand(cmd *cobra.Command, word string) *ui.Error {
	failure := usageError(cmd, "unknown command "+shown(word))
	failure.Hints = append(suggestCommands(cmd, word), failure.Hints...)
	return failure
}

// suggestCommands returns a hint with the commands that a word may mean, or none: those below cmd that
// it is nearly, those of the whole tree that have this very name or are called so elsewhere, and else those of the whole tree that it is nearly.
func suggestCommands(cmd *cobra.Command, word string) []string {
	var here, same, near []string
	visitCommands(cmd.Root(), func(one *cobra.Command) {
		isNear := isSlip(word, one.Name()) || len(word) > farthest && strings.HasPrefix(one.Name(), word)
		switch {
		case one.Name() == word, slices.Contains(one.SuggestFor, word):
			same = append(same, one.CommandPath())
		case isNear && one.Parent() == cmd:
			here = append(here, one.CommandPath())
		case isNear:
			near = append(near, one.CommandPath())
		}
	})
	list := append(same, here...)
	if len(list) == 0 {
		list = near
	}
	if len(list) == 0 {
		return suggestWord(cmd.Root().Name()+" help", word, []string{optionsTopic})
	}
	return []string{"did you mean " + listWords(list) + "?"}
}

// suggestWord returns a hint with the one of the words that an argument of a command may mean, or none.
func suggestWord(command, word string, words []string) []string {
	nearest := slices.MinFunc(words, func(a, b string) int { return differBy(word, a) - differBy(word, b) })
	if differBy(word, nearest) > farthest {
		return nil
	}
	return []string{"did you mean " + command + " " + nearest + "?"}
}

// visitCommands calls visit for every command below another.
func visitCommands(cmd *cobra.Command, visit func(*cobra.Command)) {
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() {
			visit(child)
			visitCommands(child, visit)
		}
	}
}

// findMisspelt looks for a word in a command line that stands where a command should and is none, before the
// flags are read: the flags behind a misspelt command would be complained about first. It returns nil
// where there is none.
func findMisspelt(root *cobra.Command, args []string) error {
	if len(args) > 0 && (strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) || args[0] == "help") {
		return nil
	}
	found, rest, _ := root.Find(args) // its error says less than ours
	if found == nil || !found.HasAvailableSubCommands() {
		return nil
	}
	if word := firstWord(found, rest); word != "" {
		return unknownCommand(found, word)
	}
	return nil
}

// firstWord returns the first argument that is no flag and not the value of one. A flag that is not known ends
// the search, because what stands behind it may be its value.
func firstWord(cmd *cobra.Command, args []string) string {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" || arg == "" {
			return ""
		}
		if arg[0] != '-' || arg == "-" {
			return arg
		}
		flag := flagOf(cmd, arg)
		if flag == nil {
			return ""
		}
		if flag.NoOptDefVal == "" && takesNext(arg) {
			i++
		}
	}
	return ""
}

// flagOf returns the flag that an argument gives, or nil.
func flagOf(cmd *cobra.Command, arg string) *pflag.Flag {
	if name, isLong := strings.CutPrefix(arg, "--"); isLong {
		name, _, _ = strings.Cut(name, "=")
		return cmd.Flag(name)
	}
	letter := arg[1:2]
	if flag := cmd.Flags().ShorthandLookup(letter); flag != nil {
		return flag
	}
	return cmd.Root().PersistentFlags().ShorthandLookup(letter)
}

// takesNext reports whether the value of a flag is the next argument, and not in the same one.
func takesNext(arg string) bool {
	return !strings.Contains(arg, "=") && (strings.HasPrefix(arg, "--") || len(arg) == 2)
}

// suggestFlags returns a hint with the flag that a name may mean, or none.
func suggestFlags(cmd *cobra.Command, name string) []string {
	nearest, least := "", farthest+1
	look := func(flag *pflag.Flag) {
		if far := differBy(name, flag.Name); !flag.Hidden && (far < least || far == least && flag.Name < nearest) {
			nearest, least = flag.Name, far
		}
	}
	cmd.Flags().VisitAll(look)
	cmd.InheritedFlags().VisitAll(look)
	if nearest == "" || least > farthest {
		return nil
	}
	return []string{"did you mean --" + nearest + "?"}
}

// differBy returns by how many letters two words differ: left out, added, wrong, or two beside each other
// exchanged (optimal string alignment distance). Capital letters are the same as small ones.
func differBy(a, b string) int {
	x, y := []rune(strings.ToLower(a)), []rune(strings.ToLower(b))
	if len(x) > maxShown+farthest { // too long for a word that we know
		return len(x)
	}
	before, last := make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		next := make([]int, len(y)+1)
		next[0] = i
		for j := 1; j <= len(y); j++ {
			wrong := 1
			if x[i-1] == y[j-1] {
				wrong = 0
			}
			next[j] = slices.Min([]int{last[j] + 1, next[j-1] + 1, last[j-1] + wrong})
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, last = last, next
	}
	return last[len(y)]
}
