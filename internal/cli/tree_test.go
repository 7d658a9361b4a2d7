package cli

import (
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ocmt/ocmt/pkg/secret"
)

// secretFlag matches flag names under which someone would type a secret.
var secretFlag = regexp.MustCompile(`(?i)(password|passwd|secret|token|credential|^key$|encryption-key|private|dsn|database-url|redis-url)`)

func walk(t *testing.T, visit func(*testing.T, *cobra.Command)) {
	t.Helper()
	var down func(*cobra.Command)
	down = func(cmd *cobra.Command) {
		t.Run(strings.ReplaceAll(cmd.CommandPath(), " ", "_"), func(t *testing.T) { visit(t, cmd) })
		for _, child := range cmd.Commands() {
			down(child)
		}
	}
	down(newRootCommand(&App{}))
}

// TestEveryCommandIsDocumented: at 3 a.m. the help page is what an operator has,
// and a script author needs the exit statuses.
func TestEveryCommandIsDocumented(t *testing.T) {
	t.Parallel()
	walk(t, func(t *testing.T, cmd *cobra.Command) {
		if cmd.Short == "" || cmd.Long == "" || cmd.Example == "" {
			t.Error("needs Short, Long and Example")
		}
		if strings.HasSuffix(cmd.Short, ".") {
			t.Error("Short ends in a full stop")
		}
		if cmd.Annotations[exitsAnnotation] == "" {
			t.Error("states no exit statuses")
		}
		if cmd.RunE == nil || cmd.Args == nil && cmd.Name() != "help" {
			t.Error("needs RunE and Args: cobra's own answers are not ours")
		}
		for _, line := range strings.Split(cmd.Long+"\n"+cmd.Example, "\n") {
			if len(line) > 80 {
				t.Errorf("does not fit into 80 columns: %q", line)
			}
		}
		for _, line := range strings.Split(cmd.Example, "\n") {
			if !strings.Contains(line, "ocmt ") {
				t.Errorf("example without ocmt: %q", line)
			}
		}
	})
}

// TestFlags: arguments are public, so no flag may ask for a secret; and a flag
// of a command that hides one of all commands changes what an operator's habit
// means.
func TestFlags(t *testing.T) {
	t.Parallel()
	walk(t, func(t *testing.T, cmd *cobra.Command) {
		seen, short := map[string]bool{}, map[string]bool{}
		check := func(flag *pflag.Flag) {
			if seen[flag.Name] || flag.Shorthand != "" && short[flag.Shorthand] {
				t.Errorf("--%s stands twice", flag.Name)
			}
			seen[flag.Name], short[flag.Shorthand] = true, true
			// A flag without a value takes none, and neither the key of a row nor the name of a setting is one.
			harmless := flag.Value.Type() == "bool" || cmd.Name() == "accept" && flag.Name == "key" || cmd.CommandPath() == "ocmt audit record" && flag.Name == "secret"
			if secretFlag.MatchString(flag.Name) && !harmless {
				t.Errorf("--%s looks as if it took a secret", flag.Name)
			}
			if flag.Usage == "" || strings.HasSuffix(flag.Usage, ".") {
				t.Errorf("--%s: usage %q", flag.Name, flag.Usage)
			}
		}
		cmd.LocalNonPersistentFlags().VisitAll(check)
		cmd.PersistentFlags().VisitAll(check)
		cmd.InheritedFlags().VisitAll(check)
		for parent := cmd.Parent(); parent != nil; parent = parent.Parent() {
			parent.PersistentFlags().VisitAll(func(flag *pflag.Flag) {
				if cmd.LocalNonPersistentFlags().Lookup(flag.Name) != nil {
					t.Errorf("--%s hides that of %s", flag.Name, parent.Name())
				}
			})
		}
	})
}

// If this fails, an operator finds neither a command that changes a secret nor a way to tick it off, or ticks off what a
// command should have changed.
func TestEveryKindIsChangedOrTickedOff(t *testing.T) {
	t.Parallel()
	changing := map[string]bool{"encryption": true} // by the story of the key
	for _, command := range newRotateCommand(&App{}, nil).Commands() {
		changing[command.Name()] = true
	}
	for _, kind := range secret.Kinds() {
		options := markDoneOptions{Args: []string{kind.Name}}
		if ticked := options.Validate() == nil; ticked == changing[kind.Name] {
			t.Errorf("%s: a command changes it: %t, and mark-done takes it: %t", kind.Name, changing[kind.Name], ticked)
		}
	}
}
