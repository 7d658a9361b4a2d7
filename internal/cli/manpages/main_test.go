package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/cli"
)

// If this fails, man ocmt-rotate has no page on a machine where ocmt was installed, or the page does not say how the command ends.
func TestEveryCommandHasAManualPage(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "man")
	if err := write("v9", []string{folder}); err != nil {
		t.Fatal(err)
	}
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
		page, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Error(err)
		} else if !strings.Contains(string(page), "EXIT STATUS") || !strings.Contains(string(page), "v9") {
			t.Errorf("%s has no exit statuses or no version", name)
		} else if odd := strings.Index(string(page), `\fP[=`) + strings.Index(string(page), `\fP=`); odd != -2 {
			t.Errorf("%s has a flag with the default of its value for a value", name)
		}
		for _, child := range cmd.Commands() {
			if child.IsAvailableCommand() {
				visit(child)
			}
		}
	}
	visit(cli.Tree("v9"))
}

// If this fails, a name of a setting has a hyphen in it where a line of the page ends, and who copies it sets another one; or
// a page hides the commands below its command.
func TestPagesKeepNamesWholeAndListCommands(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := write("v9", []string{folder}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"ocmt.1":        {"COMMANDS\n", "ocmt session-invalidate\\fP\n"},
		"ocmt-rotate.1": {"\\fBocmt rotate COMMAND [flags]\\fP\n.br\n\\fBocmt rotate [--from-version N] [flags]\\fP\n", "ocmt rotate begin\\fP\n"},
	} {
		page, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range append(want, ".nr HY 0\n", "\"ocmt\"\n.nh\n") {
			if !strings.Contains(string(page), want) {
				t.Errorf("%s lacks %q", name, want)
			}
		}
	}
}

// If this fails, a slip in a build script writes pages into the folder where it stands.
func TestAFolderIsNeeded(t *testing.T) {
	t.Parallel()
	if err := write("v9", nil); err == nil {
		t.Error("no folder was named, and that was no error")
	}
}

// If this fails, the version stands over the date at the foot of each page.
func TestTheVersionIsShort(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{
		"v1.2.3": "v1.2.3", "": "", "v0.0.0-20261126221425-bd4ac10abcde": "bd4ac10", "v1.2.4-0.20261126221425-bd4ac10abcde+dirty": "bd4ac10",
	} {
		if got := shorten(version); got != want {
			t.Errorf("%s is shortened to %q, want %q", version, got, want)
		}
	}
}
