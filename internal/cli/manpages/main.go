// Command manpages writes the manual page of each command into a folder, from the same text as its help page:
//
//	go run ./internal/cli/manpages -version v1.2.3 FOLDER
//
// With SOURCE_DATE_EPOCH in the environment the pages have that date, so that the same source makes the same pages.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/ocmt/ocmt/internal/cli"
)

func main() {
	version := flag.String("version", "", "what the pages say they are of")
	flag.Parse()
	if err := write(*version, flag.Args()); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "manpages:", err)
		os.Exit(1)
	}
}

// write writes the pages into the folder that the arguments name, which is made if it is missing.
func write(version string, args []string) error {
	if len(args) != 1 {
		return errors.New("one folder is needed")
	}
	if err := os.MkdirAll(args[0], 0o755); err != nil { //nolint:gosec // manual pages are for everybody
		return fmt.Errorf("making the folder: %w", err)
	}
	root := cli.Tree(version)
	root.DisableAutoGenTag = true
	shape(root)
	header := &doc.GenManHeader{Section: "1", Source: strings.TrimSpace("ocmt " + version), Manual: "ocmt"}
	if err := doc.GenManTree(root, header, args[0]); err != nil {
		return fmt.Errorf("writing the pages: %w", err)
	}
	return nil
}

// shape gives each page what a help page has and the library leaves out: tables that stay tables, and exit statuses.
func shape(cmd *cobra.Command) {
	var b strings.Builder
	for _, paragraph := range strings.Split(strings.TrimSpace(cmd.Long), "\n\n") {
		if strings.Contains("\n"+paragraph, "\n  ") { // what is indented keeps its lines
			paragraph = "    " + strings.ReplaceAll(paragraph, "\n", "\n    ")
		}
		b.WriteString(paragraph + "\n\n")
	}
	if exits := cli.ExitStatuses(cmd); exits != "" {
		b.WriteString("# EXIT STATUS\n")
		for _, line := range strings.Split(strings.TrimSpace(exits), "\n") {
			code, meaning, _ := strings.Cut(strings.TrimSpace(line), " ")
			b.WriteString("\n**" + code + "**\n:   " + strings.TrimSpace(meaning) + "\n")
		}
	}
	cmd.Long = b.String()
	for _, child := range cmd.Commands() {
		shape(child)
	}
}
