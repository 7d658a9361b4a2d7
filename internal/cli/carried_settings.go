package cli

import (
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/ui"
)

// settingsFlags are the flags of every command that say which settings and which record it works with.
var settingsFlags = []string{"env-file", "config", "record"}

// withoutSettings marks a command that takes no settings.
const withoutSettings = "ocmt-without-settings"

func markWithoutSettings(cmd *cobra.Command) {
	if cmd.Annotations == nil {
		cmd.Annotations = map[string]string{}
	}
	cmd.Annotations[withoutSettings] = "true"
}

// carrier repeats in advice the flags that say where the settings are, as they were typed: without them, a command
// that is pasted works on another deployment. Where no env file was read, it also names the store that a command needs
// then. The zero value repeats none.
type carrier struct {
	root  *cobra.Command
	flags []carriedFlag
	store storeCarrier
}

// carriedFlag is one flag that was typed.
type carriedFlag struct {
	given *regexp.Regexp // finds it in a command
	text  string         // with its value, quoted for a shell
}

// newCarrier returns a carrier of the flags that were typed behind a command. What stands in the environment or in a
// file holds for the next command too, and is no flag.
func newCarrier(cmd *cobra.Command) carrier {
	carried := carrier{root: cmd.Root()}
	for _, name := range settingsFlags {
		if flag := cmd.Flag(name); flag != nil && flag.Changed && flag.Value.String() != "" {
			carried.flags = append(carried.flags, carriedFlag{given: regexp.MustCompile(`\s--` + name + `(?:[^a-z-]|$)`),
				text: ui.Unbroken("--" + name + " " + ui.Clean(nameAgain(flag.Value.String())))})
		}
	}
	return carried
}

// descriptor finds the name of an open file, as <(…) makes one: it is gone when the command has ended.
var descriptor = regexp.MustCompile(`^/(?:dev/std|dev/fd/|proc/[^/]+/fd/)`)

// nameAgain returns how the next command names a file, FILE where it cannot by the same name.
func nameAgain(path string) string {
	if descriptor.MatchString(path) {
		return "FILE"
	}
	return quoteWord(path)
}

var (
	// program finds where a command can begin.
	program = regexp.MustCompile(`\bocmt\b`)
	// commandWord finds the next word of its name.
	commandWord = regexp.MustCompile(`^ [a-z-]+`)
	// commandEnd finds what belongs to a command at the beginning of what stands behind its name.
	commandEnd = regexp.MustCompile(`^(?:\\.|'[^']*'|[^\\';|()\n])*`)
	// elsewhere finds that a command is to be run on another machine, where the files have other names, or was run before.
	elsewhere = regexp.MustCompile(`^(?: --\S+(?: \S+)?)*(?: shows(?: it)?)? (?:on (?:a server|its machine|the host)|where the container|has written)\b`)
)

// advise returns a text with the flags behind the name of each command that takes settings, unless the command has
// them.
func (c carrier) advise(text string) string {
	if len(c.flags) == 0 && !c.store.needed {
		return text
	}
	var b strings.Builder
	done := 0
	for _, found := range program.FindAllStringIndex(text, -1) {
		cmd, name := c.commandAt(text[found[1]:])
		if end := found[1] + len(name); name != "" && end > done {
			b.WriteString(text[done:end] + c.missing(cmd, text[end:]))
			done = end
		}
	}
	return b.String() + text[done:]
}

// commandAt returns the command that takes settings and whose name begins what stands behind the program, and that
// name; "" for none.
func (c carrier) commandAt(behind string) (cmd *cobra.Command, name string) {
	cmd, end := c.root, 0
	for {
		word := commandWord.FindString(behind[end:])
		child := childOf(cmd, strings.TrimPrefix(word, " "))
		if child == nil {
			break
		}
		cmd, end = child, end+len(word)
	}
	if !cmd.Runnable() || cmd.Annotations[withoutSettings] != "" {
		return nil, ""
	}
	return cmd, behind[:end]
}

// childOf returns the command of a name below another, nil where there is none.
func childOf(parent *cobra.Command, name string) *cobra.Command {
	for _, child := range parent.Commands() {
		if child.Name() == name {
			return child
		}
	}
	return nil
}

// missing returns the flags that a command lacks, by what stands behind its name.
func (c carrier) missing(cmd *cobra.Command, behind string) (flags string) {
	own, _, _ := strings.Cut(commandEnd.FindString(behind), "ocmt ")
	if elsewhere.MatchString(behind) || strings.Contains(own, "--help") {
		return ""
	}
	for _, flag := range c.flags {
		if !flag.given.MatchString(own) {
			flags += " " + flag.text
		}
	}
	return flags + c.store.missing(cmd, own)
}

// advise returns a text as the operator can follow it after this command.
func (a *App) advise(text string) string { return a.carried.advise(text) }
