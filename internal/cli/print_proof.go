package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/ui"
)

// printProof is the last screen of a rotation: what was verified, and what to do next.
// After a failure it shows as much as there is; the error says what to do.
func printProof(printer *ui.Printer, plan *migrate.Plan, proof *rotation.Proof, failure error) {
	if proof == nil {
		return
	}
	printVerification(printer, plan.Request, proof.Verification)
	printSearch(printer, proof.Search)
	if failure != nil {
		return
	}
	printer.Heading("Next")
	switch {
	case plan.Request.Backwards && plan.Request.Configured > plan.Request.To:
		printRollback(printer, plan.Request)
	case len(proof.Retirable) == 0:
		printKeep(printer, plan.Request, proof.Reasons)
	default:
		printRetirement(printer, plan.Request, proof.Retirable)
	}
}

// printVerification shows what opening every value came to.
func printVerification(printer *ui.Printer, request migrate.Request, found *migrate.Verification) {
	if len(found.Obstacles) > 0 {
		return // nothing was looked at
	}
	printer.Line("\n%s with the key of version %d alone; %s in the clear, as OCMT writes them.",
		ui.Count(found.Opened, "value opens", "values open"), request.To, ui.Count(found.Plaintext, "value stands", "values stand"))
	for _, version := range slices.Sorted(maps.Keys(found.Versions)) {
		printer.Line("%s under version %d.", ui.Count(found.Versions[version], "value is", "values are"), version)
	}
	if len(found.Elsewhere) > 0 {
		printer.Line("\nUnder other versions:")
		table := ui.Table{Columns: []ui.Column{{Title: "COLUMN", Flexible: true}, {Title: "VERSION", Right: true}, {Title: "VALUES", Right: true}, {Title: "A ROW"}}}
		for _, place := range found.Elsewhere {
			table.Rows = append(table.Rows, ui.Row(place.String(), strconv.Itoa(place.Version), ui.Number(place.Values), place.Key))
		}
		printer.Table(table)
	}
	printSetAside(printer, "Not opened:", found.SetAside, found.List)
	printAccepted(printer, found.Accepted)
	if found.Narrowed {
		printer.Line("\nOnly the tables and columns that were named were looked at. Keep every old key until ocmt migrate verify has looked at all of them.")
	}
}

// printSearch shows what looking through the other columns came to.
func printSearch(printer *ui.Printer, report *discover.Report) {
	if report == nil {
		return
	}
	if len(report.Unlisted) > 0 {
		printer.Line("\nIn columns that nothing lists:")
		printFinds(printer, report.Unlisted, true)
	}
	printTrusted(printer, report)
	printer.Line("%s", lookedText(report, "--search full"))
}

// printUnproven says what a verification did not look at. What is wrong is in the error.
func printUnproven(printer *ui.Printer, found []finding.Finding) {
	for _, one := range found {
		if one.Severity == finding.Warning && one.Code != finding.NotWhole {
			printer.Line("No proof: %s: %s.\n  next: %s", ui.Clean(one.Where), ui.Clean(one.Message), ui.Clean(one.Fix))
		}
	}
}

// oldKeyName is the setting of the key that a rotation leaves, or all of them.
func oldKeyName(request migrate.Request) string {
	if request.From == nil {
		return "every other key"
	}
	return "ENCRYPTION_KEY_V" + strconv.Itoa(*request.From)
}

// keyNames are the settings of the keys of versions.
func keyNames(versions []int) string {
	names := make([]string, len(versions))
	for i, version := range versions {
		names[i] = "ENCRYPTION_KEY_V" + strconv.Itoa(version)
	}
	return strings.Join(names, " and ")
}

// maxShownReasons bounds how many reasons the screen lists. JSON has all.
const maxShownReasons = 8

// printKeep says that the old key must stay, and what was not looked at. The error behind it says
// what is wrong.
func printKeep(printer *ui.Printer, request migrate.Request, reasons []finding.Finding) {
	printer.Line("Keep %s on every server: something in the database may still need it.", oldKeyName(request))
	shown := 0
	for _, reason := range reasons {
		if reason.Severity != finding.Warning {
			continue
		}
		if shown++; shown <= maxShownReasons {
			printer.Line("Not looked at: %s: %s.\n  next: %s", ui.Clean(reason.Where), ui.Clean(reason.Message), ui.Clean(reason.Fix))
		}
	}
	if shown > maxShownReasons {
		printer.Line("… and %s more; --output json lists all.", ui.Number(int64(shown-maxShownReasons)))
	}
}

// printRetirement says that the old key may go.
func printRetirement(printer *ui.Printer, request migrate.Request, retirable []int) {
	if request.Backwards {
		printer.Line("The rollback is finished.")
	}
	printer.Line("%s", fmt.Sprintf(`Nothing in the database is under version %s. Once every server runs with
ENCRYPTION_KEY_VERSION=%d, %s may be removed from the servers.
Keep that key offline: database backups made before this run still need it.
ocmt rotate finish takes a key away that ocmt rotate begin has replaced, and keeps the proof.
Watch users.gateway_token: a server without the right key does not fail there, it
takes the encrypted text itself for the token. Run ocmt migrate verify before you
remove the key.`, joinVersions(retirable), request.To, keyNames(retirable)))
}

// printRollback says what to do after going back.
func printRollback(printer *ui.Printer, request migrate.Request) {
	printer.Line("Switch every server back to ENCRYPTION_KEY_VERSION=%d, with the key of that version as", request.To)
	printer.Line("ENCRYPTION_KEY and the newer one as ENCRYPTION_KEY_V%d, and run this once more with these", request.Configured)
	printer.Line("settings: until then they write under the newer version. In the store of a machine, ocmt rotate")
	printer.Line("put-back --to-version %d changes the settings so. Keep the newer key until that run", request.To)
	printer.Line("has proven every value: ocmt rotate rollback --to-version %d", request.To)
}
