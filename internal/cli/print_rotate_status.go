package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/ui"
)

// printRotateStatus shows where the story of the key is, on one screen.
func printRotateStatus(printer *ui.Printer, status rotation.Status, now time.Time) {
	tone := ui.Strong
	if status.IsWrong() {
		tone = ui.Bad
	}
	printer.Line("%s", printer.Paint(tone, ui.Clean(status.Summary)))
	if len(status.Versions) > 0 {
		printer.Table(versionsTable(status.Versions, now))
	}
	for _, version := range status.Versions {
		if version.Differs && !status.IsWrong() {
			printer.Line("%s record, store and settings do not have one and the same key for version %d.", printer.Paint(ui.Bad, "error:"), version.Version)
		}
	}
	for _, version := range status.Versions {
		if version.BackupsUntil != "" {
			printer.Line("Backups of the database may need the key of version %d until %s: keep it in its escrow until then.", version.Version, version.BackupsUntil)
			if version.Escrow != nil {
				printer.Line("Copy of that key: %s.", version.Escrow.String())
			}
		}
	}
	printCompromised(printer, status.Versions, now)
	printStatusGaps(printer, status.Gaps)
	if status.Phase != rotation.PhaseNoTables { // another database has no record of them
		printDue(printer, status.Due, status.Unknown)
	}
	if status.IsWrong() { // the error of the command says what to do
		return
	}
	for _, step := range status.Next {
		printer.Line("%s", stepText(step))
	}
}

// printStatusGaps says what was not looked at, in one line for all with the same reason.
func printStatusGaps(printer *ui.Printer, gaps []rotation.Gap) {
	list := make([]finding.Finding, len(gaps))
	for i, gap := range gaps {
		list[i] = finding.Finding{Where: gap.What, Message: gap.Reason.Text}
		printer.Lack(gap.Reason.Missing...)
	}
	for _, reason := range reasonsOf(list) {
		printer.Line("%s %s", printer.Paint(ui.Caution, "not looked at:"), reason)
	}
}

// printCompromised names the versions whose keys somebody else may have, and what that means.
func printCompromised(printer *ui.Printer, versions []rotation.VersionStatus, now time.Time) {
	var names []string
	for _, one := range versions {
		if one.Compromised != nil {
			names = append(names, fmt.Sprintf("version %d, recorded so at %s UTC", one.Version, clockText(*one.Compromised, now)))
		}
	}
	if len(names) > 0 {
		printer.Line("%s %s. %s", printer.Paint(ui.Caution, "compromised:"), strings.Join(names, "; "), compromisedReach)
	}
}

// wrongKey returns the error that a key itself is wrong, or the database, nil where none is. The summary says which.
func wrongKey(status rotation.Status) error {
	if !status.IsWrong() {
		return nil
	}
	wrong := &ui.Error{Message: "record, store and settings do not have one and the same key", Code: ui.ExitFound}
	switch status.Phase {
	case rotation.PhaseUnusable:
		wrong.Message = "a key here cannot be used"
	case rotation.PhaseNoTables:
		wrong.Message = "the database has none of OCMT's tables, so nothing is known of its keys"
	}
	for _, step := range status.Next {
		wrong.Hints = append(wrong.Hints, strings.TrimPrefix(stepText(step), "next: "))
	}
	return wrong
}

// versionsTable shows the key versions, one a line.
func versionsTable(versions []rotation.VersionStatus, now time.Time) ui.Table {
	table := ui.Table{Columns: []ui.Column{{Title: "VERSION", Right: true}, {Title: "STATE"}, {Title: "FINGERPRINT"}, {Title: "VALUES", Right: true},
		{Title: "STORE", HideZero: true}, {Title: "PROCESS", HideZero: true}, {Title: "PROVEN UNUSED", HideZero: true}}}
	for _, one := range versions {
		values, proven := "?", ""
		if one.Values != nil {
			values = ui.Number(*one.Values)
		}
		if one.Proven != nil {
			proven = clockText(*one.Proven, now) + " UTC"
		}
		state := string(one.State)
		if state == "" {
			state = "not recorded"
		}
		if one.Compromised != nil && one.State != rotation.Compromised {
			state += ", " + string(rotation.Compromised)
		}
		settings := one.Settings
		if settings != "" && settings == one.Store && !one.Differs {
			settings = "the same"
		}
		table.Rows = append(table.Rows, ui.Row(strconv.Itoa(one.Version), state, one.Fingerprint, values, one.Store, settings, proven))
	}
	return table
}
