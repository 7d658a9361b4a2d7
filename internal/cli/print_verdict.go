package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/ui"
)

// keepEveryKey ends each verdict behind which a key may still be needed.
const keepEveryKey = " Remove no key."

// printVerdict writes the sentence that stands first at the end of a command.
func printVerdict(printer *ui.Printer, request migrate.Request, verdict rotation.Verdict, key string) {
	tone := ui.Caution
	switch {
	case verdict.IsGood():
		tone = ui.Good
	case verdict.IsBad():
		tone = ui.Bad
	}
	printer.Line("%s", printer.Paint(tone, verdictText(request, verdict, key)))
}

// verdictText says what a command has come to. The key is the one that values were opened with, in words.
func verdictText(request migrate.Request, v rotation.Verdict, key string) string {
	opened := ui.Count(v.Opened, "value opens", "values open") + " with " + key + " alone"
	switch v.Kind {
	case rotation.VerdictProven:
		return "Done. " + provenText(v, opened) + "."
	case rotation.VerdictBack:
		return fmt.Sprintf("Done. %s.%s The servers write under version %d until they are switched back.", opened, keepEveryKey, request.Configured)
	case rotation.VerdictOthersLeft:
		return fmt.Sprintf("Nothing needs the key of version %s any more. %s", joinVersions(v.Retirable), othersLeftText(request, v))
	case rotation.VerdictNotWhole:
		return opened + ", and not everything was looked at." + keepEveryKey
	case rotation.VerdictPart:
		return opened + ", in the tables and columns that were named." + keepEveryKey
	case rotation.VerdictNeeded:
		return neededText(request, v) + "." + keepEveryKey
	case rotation.VerdictNeededElsewhere:
		return "Values outside the columns that are moved need another key." + keepEveryKey
	case rotation.VerdictHidden:
		return opened + ", and there may be others that could not be seen." + keepEveryKey
	case rotation.VerdictUnread:
		return "No value was opened." + keepEveryKey
	}
	return runVerdictText(request, v)
}

// runVerdictText says what a run has come to that no proof follows.
func runVerdictText(request migrate.Request, v rotation.Verdict) string {
	moved := ui.Count(v.Moved, "value is", "values are") + " moved"
	switch v.Kind {
	case rotation.VerdictMoved:
		if v.Moved == 0 {
			return fmt.Sprintf("Done. Nothing to do: %s.", noneUnder(request))
		}
		return fmt.Sprintf("Done. %s to version %d, and the last pass found none left to move.", moved, request.To)
	case rotation.VerdictNoneUnder:
		return fmt.Sprintf("Nothing was moved: %s, and %s.", noneUnder(request), strings.Join(underTexts(request, v), ", and ")) + keepEveryKey
	case rotation.VerdictDryRun:
		return dryRunText(v) + "."
	case rotation.VerdictStopped:
		return fmt.Sprintf("Stopped. %s of %s are moved, %s left.", ui.Number(v.Moved), ui.Count(v.Moved+v.Left, "value", "values"),
			ui.Count(v.Left, "is", "are")) + keepEveryKey
	case rotation.VerdictUnfinished:
		return unfinishedText(v, moved) + "." + keepEveryKey
	default:
		return moved + ", and nothing is proven." + keepEveryKey
	}
}

// dryRunText says what a run would do.
func dryRunText(v rotation.Verdict) string {
	text := "Dry run, nothing written: would move " + ui.Count(v.Moved, "value", "values")
	if v.SetAside > 0 {
		text += ", and leave " + ui.Number(v.SetAside) + " as " + iff(v.SetAside == 1, "it is", "they are")
	}
	return text
}

// provenText says that every value opens with one key alone.
func provenText(v rotation.Verdict, opened string) string {
	if v.Opened == 0 && v.Accepted == 0 {
		return "No encrypted value is in the database"
	}
	if v.Accepted > 0 {
		opened += ", save " + ui.Number(int64(v.Accepted)) + " given up as lost"
	}
	return opened
}

// unfinishedText says what a run had to leave.
func unfinishedText(v rotation.Verdict, moved string) string {
	var parts []string
	if v.RowsLeft > 0 {
		parts = append(parts, ui.Count(v.RowsLeft, "row has", "rows have")+" values that were not moved")
	}
	if v.SetAside > 0 {
		parts = append(parts, ui.Count(v.SetAside, "value", "values")+" could not be moved")
	}
	if len(parts) == 0 && v.Moved == 0 {
		return "There may be values that could not be seen"
	}
	if len(parts) == 0 {
		return moved + ", and there may be others that could not be seen"
	}
	return strings.Join(parts, ", and ")
}

// neededText says which values need another key.
func neededText(request migrate.Request, v rotation.Verdict) string {
	parts := underTexts(request, v)
	if v.Unopened > 0 {
		parts = append(parts, ui.Count(v.Unopened, "value does", "values do")+" not open as "+iff(v.Unopened == 1, "it", "they")+" should")
	}
	return strings.Join(parts, ", and ")
}

// underTexts says how many values are under each other version.
func underTexts(request migrate.Request, v rotation.Verdict) (parts []string) {
	for _, version := range slices.Sorted(maps.Keys(v.Under)) {
		word := "still under version"
		if !request.Backwards && version > request.To && !request.Leaves(version) {
			word = "under the newer version"
		}
		parts = append(parts, fmt.Sprintf("%s %s %d", ui.Count(v.Under[version], "value is", "values are"), word, version))
	}
	return parts
}

// othersLeftText says which keys must stay where one may go.
func othersLeftText(request migrate.Request, v rotation.Verdict) string {
	if len(v.Under) == 0 {
		return "Values outside the columns that are moved need another one: keep every other key."
	}
	return strings.Join(underTexts(request, v), ", and ") + ": keep every other key."
}

// iff returns the first text where something is so, else the second.
func iff(so bool, yes, no string) string {
	if so {
		return yes
	}
	return no
}

// newKey names the key to reach at the end of a rotation.
func newKey(request migrate.Request) string {
	if request.Backwards || request.To < request.Configured {
		return keyOfVersion(request)
	}
	return "the new key"
}

// keyOfVersion names the key to reach by its version.
func keyOfVersion(request migrate.Request) string {
	return fmt.Sprintf("the key of version %d", request.To)
}
