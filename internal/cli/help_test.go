package cli

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// If this fails, a help page runs over the edge of a terminal of 80 columns, or repeats on every page what stands on one.
func TestHelpPagesFitTheTerminal(t *testing.T) {
	t.Parallel()
	walk(t, func(t *testing.T, cmd *cobra.Command) {
		page := runMain(t, append(strings.Fields(cmd.CommandPath())[1:], "--help"))
		if page.code != 0 || page.errors != "" {
			t.Fatalf("code %d: %s", page.code, page.errors)
		}
		for line := range strings.Lines(page.out) {
			if width := len([]rune(strings.TrimRight(line, "\n"))); width > 80 && strings.Contains(strings.TrimSpace(line), " ") && !slices.Contains(strings.Split(cmd.Example, "\n"), strings.TrimRight(line, "\n")) {
				t.Errorf("%d columns: %q", width, line)
			}
		}
		if _, usage, _ := strings.Cut(page.out, "Usage:\n"); len(strings.Split(usage, "\n")) > 1 && strings.Split(usage, "\n")[0] == strings.Split(usage, "\n")[1] {
			t.Errorf("it says twice how it is called: %q", strings.Split(usage, "\n")[0])
		}
		if strings.Contains(page.out, "--no-input") || !strings.Contains(page.out, "ocmt help options") {
			t.Error("the flags of every command stand on it, or it does not say where they are")
		}
	})
	if page := runMain(t, []string{"help", "options"}); page.code != 0 || !strings.Contains(page.out, "--no-input") || !strings.Contains(page.out, "NAME_FILE") {
		t.Errorf("the page of the options: code %d, %s", page.code, page.out)
	}
}

// If this fails, a new command is not found on the first page.
func TestFirstPageHasEveryCommandInAGroup(t *testing.T) {
	t.Parallel()
	page := runMain(t, nil)
	if page.code != 0 || !strings.Contains(page.out, "DATABASE_URL is not set here") {
		t.Errorf("code %d: %s%s", page.code, page.out, page.errors)
	}
	for _, cmd := range Tree("v1").Commands() {
		if cmd.IsAvailableCommand() && (cmd.GroupID == "" || !strings.Contains(page.out, "  "+cmd.Name()+" ")) {
			t.Errorf("%s stands in no group", cmd.Name())
		}
	}
	at := 0
	for _, group := range commandGroups() {
		next := strings.Index(page.out, "\n"+group.Title+":\n")
		if next <= at {
			t.Errorf("the group %s is missing or out of order", group.Title)
		}
		at = next
	}
}

// If this fails, whoever presses the tab key behind a flag is offered the files of the folder as key versions or tables, or
// no file where one belongs.
func TestEveryFlagCompletesItsValues(t *testing.T) {
	t.Parallel()
	walk(t, func(t *testing.T, cmd *cobra.Command) {
		if cmd.HasParent() && cmd.ValidArgs == nil && cmd.ValidArgsFunction == nil && cmd.Name() != "help" {
			t.Error("a shell offers files as its arguments")
		}
		if complete := cmd.ValidArgsFunction; complete != nil && cmd.HasParent() && cmd.Name() != "help" {
			cmd.SetContext(context.Background())
			if _, directive := complete(cmd, []string{"rate=1"}, ""); directive&cobra.ShellCompDirectiveNoFileComp == 0 {
				t.Error("a shell offers files as its second argument")
			}
		}
		check := func(flag *pflag.Flag) {
			list, there := cmd.GetFlagCompletionFunc(flag.Name)
			if flag.Value.Type() == "bool" {
				return
			}
			if !there {
				t.Errorf("--%s has no completion", flag.Name)
				return
			}
			cmd.SetContext(context.Background())
			_, directive := list(cmd, nil, "")
			takesFile := strings.Contains(flag.Usage, "file") || strings.Contains(flag.Usage, "folder") || strings.Contains(flag.Usage, "openclaw.json") ||
				strings.Contains(flag.Usage, "envfile:") || flag.Value.Type() == "file" || flag.Name == "code"
			if offersFiles := directive&cobra.ShellCompDirectiveNoFileComp == 0; offersFiles != takesFile && !slices.Contains([]string{"key", "pgbouncer", "record", "store"}, flag.Name) {
				t.Errorf("--%s (%s): files are offered: %v", flag.Name, flag.Usage, offersFiles)
			}
		}
		cmd.LocalNonPersistentFlags().VisitAll(func(flag *pflag.Flag) {
			if flag.Name != "help" && flag.Name != "version" {
				check(flag)
			}
		})
		if !cmd.HasParent() {
			cmd.PersistentFlags().VisitAll(check)
		}
	})
}

// If this fails, completion offers versions, tables or columns that are not there, or it prints a key.
func TestCompletionKnowsTheDeployment(t *testing.T) {
	t.Parallel()
	key := "b3a4c1d27f5e08869d1c4b7a2e3f5061728394a5b6c7d8e9f00112233445566a"
	for _, test := range []struct{ args, want string }{
		{"rotate --from-version", "0\tkey "},
		{"migrate run --table", "secrets\n"},
		{"migrate run --column", "secrets.value_encrypted\n"},
		{"--output", "human\njson\n"},
		{"migrate run --pace", "auto\nfull\ngentle\n"},
		{"audit --only", "OCMT-PG-001\t"},
		{"audit --fail-on", "critical\n"},
		{"keygen encryption --setting", "ENCRYPTION_KEY\n"},
		{"validate --live --endpoint", "agent=\n"},
		{"help rot", "rotate\t"},
		{"audit explain", "OCMT-PG-001\t"},
		{"migrate set", "rate=\n:6\n"},
		{"migrate set pace=full", "rate=\n:6\n"},
		{"keygen encryption", ":4\n"},
		{"rotate mark-done signing-key", ":4\n"},
	} {
		args := append([]string{cobra.ShellCompRequestCmd}, strings.Fields(test.args)...)
		if !strings.HasPrefix(test.args, "help") {
			args = append(args, "")
		}
		got := runMain(t, args, "ENCRYPTION_KEY="+key, "ENCRYPTION_KEY_VERSION=1", "ENCRYPTION_KEY_V0="+"5d0c7f9a1b3e482617c5d9f0a2b4c6e8d1f3a5b7c9e0d2f4a6b8cadcbefe0112")
		if got.code != 0 || !strings.Contains(got.out, test.want) || strings.Contains(got.out, key) {
			t.Errorf("%s: code %d, %q; want %q", test.args, got.code, got.out, test.want)
		}
	}
}
