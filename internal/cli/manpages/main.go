// Command manpages writes the manual page of each command into a folder, from the same text as its help page:
//
//	go run ./internal/cli/manpages -version v1.2.3 FOLDER
//
// With SOURCE_DATE_EPOCH in the environment the pages have that date, so that the same source makes the same pages.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

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
	header := &doc.GenManHeader{Section: "1", Source: strings.TrimSpace("ocmt " + shorten(version)), Manual: "ocmt"}
	if err := doc.GenManTree(root, header, args[0]); err != nil {
		return fmt.Errorf("writing the pages: %w", err)
	}
	return mendFlags(root, args[0])
}

// untagged matches a version that Go makes of a commit without a tag of its own.
var untagged = regexp.MustCompile(`^v.*[-.]\d{14}-([0-9a-f]{7})[0-9a-f]*`)

// shorten returns a version that leaves the foot of a page room for its date: the tag, or the first characters of the
// commit.
func shorten(version string) string {
	if found := untagged.FindStringSubmatch(version); found != nil {
		return found[1]
	}
	return version
}

// flagForm matches a flag as the library writes it, with its default for a value.
var flagForm = regexp.MustCompile(`(?m)^(.*\\fB--([a-z0-9-]+)\\fP)(\[=.*\]|=.*)$`)

// headForm matches the head of a page.
var headForm = regexp.MustCompile(`(?m)^\.TH .*$`)

// mendFlags writes the flags of every page as they are typed: with the kind of their value, where they take one. It
// keeps names whole, and says that there are commands below a command.
func mendFlags(cmd *cobra.Command, folder string) error {
	if !cmd.IsAvailableCommand() && cmd.HasParent() {
		return nil
	}
	path := filepath.Join(folder, strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1")
	page, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading a page: %w", err)
	}
	mended := flagForm.ReplaceAllStringFunc(string(page), func(line string) string {
		parts := flagForm.FindStringSubmatch(line)
		found := cmd.Flag(parts[2])
		if found == nil || found.NoOptDefVal != "" {
			return parts[1]
		}
		kind, _ := pflag.UnquoteUsage(found)
		return parts[1] + ` \fI` + strings.ToUpper(cmp.Or(kind, found.Value.Type())) + `\fP`
	})
	// The macros turn hyphenation on again behind the head, and a name of a setting with a hyphen in it is another name.
	mended = ".nr HY 0\n" + headForm.ReplaceAllString(mended, "$0\n.nh")
	if cmd.HasAvailableSubCommands() && !strings.Contains(cmd.Use, "COMMAND") {
		mended = strings.Replace(mended, "\n.SH SYNOPSIS\n", "\n.SH SYNOPSIS\n\\fB"+cmd.CommandPath()+" COMMAND [flags]\\fP\n.br\n", 1)
	}
	if err := os.WriteFile(path, []byte(mended), 0o644); err != nil { //nolint:gosec // manual pages are for everybody
		return fmt.Errorf("writing a page: %w", err)
	}
	for _, child := range cmd.Commands() {
		if err := mendFlags(child, folder); err != nil {
			return err
		}
	}
	return nil
}

// shape gives each page what a help page has and the library leaves out: tables that stay tables, the commands below, and exit
// statuses.
func shape(cmd *cobra.Command) {
	var b strings.Builder
	for _, paragraph := range strings.Split(strings.TrimSpace(cmd.Long), "\n\n") {
		if strings.Contains("\n"+paragraph, "\n  ") { // what is indented keeps its lines
			paragraph = "    " + strings.ReplaceAll(paragraph, "\n", "\n    ")
		}
		b.WriteString(paragraph + "\n\n")
	}
	if cmd.HasAvailableSubCommands() {
		b.WriteString("# COMMANDS\n")
		for _, child := range cmd.Commands() {
			if child.IsAvailableCommand() {
				b.WriteString("\n**" + child.CommandPath() + "**\n:   " + child.Short + "\n")
			}
		}
		b.WriteString("\n")
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
