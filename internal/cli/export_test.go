package cli

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// CommandTree returns the path of every command, each with those of its flags
// that take a value, for tests that run the program from outside.
func CommandTree() map[string][]string {
	root := newRootCommand(&App{})
	root.InitDefaultHelpCmd()
	tree := map[string][]string{}
	var down func(*cobra.Command)
	down = func(cmd *cobra.Command) {
		tree[cmd.CommandPath()] = []string{}
		cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
			if flag.NoOptDefVal == "" {
				tree[cmd.CommandPath()] = append(tree[cmd.CommandPath()], flag.Name)
			}
		})
		for _, child := range cmd.Commands() {
			down(child)
		}
	}
	down(root)
	return tree
}
