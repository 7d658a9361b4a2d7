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
