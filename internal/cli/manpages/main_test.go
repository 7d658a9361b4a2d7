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
