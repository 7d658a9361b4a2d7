package cli

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// hideKeys takes out row keys that could be secrets. The tables here are any
// tables: one may well have a token for its key.
func hideKeys(discovery *migrate.Discovery) {
	for _, list := range [][]migrate.Find{discovery.Unlisted, discovery.Known} {
		for i := range list {
			if secret.Resembles(list[i].Key) {
				list[i].Key = "[not shown]"
			}
		}
	}
}

// printDiscovery shows what was found, what was left out and why, and what was
// not looked at.
func printDiscovery(printer *ui.Printer, discovery *migrate.Discovery, keys bool) {
	printer.Heading("Encrypted values in other columns")
	table := ui.Table{Columns: []ui.Column{{Title: "COLUMN", Flexible: true}, {Title: "FOUND"}, {Title: "BY KEY VERSION"}, {Title: "OPEN"}, {Title: "A ROW"}}}
	for _, find := range discovery.Unlisted {
		table.Rows = append(table.Rows, ui.Row(find.String(), ui.Number(find.Values)+" of "+ui.Number(find.LookedAt), versionsOf(find), opensText(find, keys), find.Key))
	}
	if len(table.Rows) > 0 {
		printer.Table(table)
	} else {
		printer.Line("None that nothing lists.")
	}
	for _, find := range discovery.Known {
		printer.Line("known, left alone: %s: %s found%s: %s", ui.Clean(find.String()), ui.Number(find.Values), opensNote(find), ui.Clean(find.Reason))
	}
	for _, unread := range discovery.Unread {
		printer.Line("not looked at: %s: %s", ui.Clean(unread.Where), ui.Clean(unread.Message))
	}
	printer.Line("%s", lookedText(discovery))
}

// lookedText says how much was looked at, so that nothing found is worth what it
// is worth.
func lookedText(discovery *migrate.Discovery) string {
	text := "Looked at " + ui.Count(discovery.LookedAt, "value", "values") + " in " + ui.Count(int64(discovery.Columns), "column", "columns") +
		" of " + ui.Count(int64(discovery.Tables), "table", "tables")
	if !discovery.Full {
		text += ", a sample"
		if discovery.TooLarge > 0 {
			text += " without " + ui.Count(discovery.TooLarge, "large value", "large values")
		}
		text += "; --discover --full looks at everything"
	}
	return text + "."
}

func versionsOf(find migrate.Find) string {
	var parts []string
	for _, version := range slices.Sorted(maps.Keys(find.Versions)) {
		parts = append(parts, "v"+strconv.Itoa(version)+" "+ui.Number(find.Versions[version]))
	}
	return strings.Join(parts, "  ")
}

// opensText says what the keys that are set made of a find.
func opensText(find migrate.Find, keys bool) string {
	switch {
	case !keys:
		return "not tried"
	case find.Opened == 0:
		return "none"
	}
	return ui.Number(find.Opened) + ", key of v" + joined(find.OpenedBy)
}

// opensNote warns where an exclusion says that another key opens what the keys
// that are set do open.
func opensNote(find migrate.Find) string {
	if find.Opened == 0 {
		return ""
	}
	return " (" + ui.Number(find.Opened) + " of them open with the key of version " + joined(find.OpenedBy) + " and would be lost with it)"
}

func joined(versions []int) string {
	texts := make([]string, len(versions))
	for i, version := range versions {
		texts[i] = strconv.Itoa(version)
	}
	return strings.Join(texts, ", ")
}

func discoveryParts(discovery *migrate.Discovery) []string {
	var parts []string
	if n := int64(len(discovery.Unlisted)); n > 0 {
		parts = append(parts, "found encrypted values in "+ui.Count(n, "column", "columns")+" that nothing lists")
	}
	if n := int64(len(discovery.Unread)); n > 0 {
		parts = append(parts, "could not look at everything: "+ui.Count(n, "part of the database was", "parts of the database were")+" not read")
	}
	return parts
}

func discoveryHints(discovery *migrate.Discovery) []string {
	var hints []string
	for _, find := range discovery.Unlisted {
		hints = append(hints, find.String()+": "+find.Fix())
	}
	for _, unread := range discovery.Unread {
		hints = append(hints, unread.Where+": "+unread.Message+": "+unread.Fix)
	}
	return hints
}
