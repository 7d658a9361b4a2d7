package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

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
	if failure != nil {
		return
	}
	printer.Heading("Next")
	switch {
	case plan.Request.Backwards:
		printRollback(printer, plan.Request)
	case len(proof.Retirable) == 0:
		printKeep(printer, plan.Request, proof.Reasons)
	default:
		printRetirement(printer, plan.Request)
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
		table := ui.Table{Columns: []ui.Column{{Title: "COLUMN", Flexible: true}, {Title: "VERSION"}, {Title: "VALUES"}, {Title: "A ROW"}}}
		for _, place := range found.Elsewhere {
			table.Rows = append(table.Rows, ui.Row(place.Table+"."+place.Column, strconv.Itoa(place.Version), ui.Number(place.Values), place.Key))
		}
		printer.Table(table)
	}
	printSetAside(printer, "Not opened:", found.SetAside, found.List)
	if found.Narrowed {
		printer.Line("\nOnly the tables and columns that were named were looked at. Keep every old key until ocmt migrate verify has looked at all of them.")
	}
}

// oldKeyName is the setting of the key that a rotation leaves.
func oldKeyName(request migrate.Request) string {
	return "ENCRYPTION_KEY_V" + strconv.Itoa(*request.From)
}

// printKeep says that the old key must stay. The error behind it says why, but for
// columns that are listed as under other keys.
func printKeep(printer *ui.Printer, request migrate.Request, reasons []finding.Finding) {
	printer.Line("Keep %s on every server: something in the database may still need it.", oldKeyName(request))
	for _, reason := range reasons {
		if reason.Code == finding.KnownColumnOpens {
			printer.Line("%s is listed under known, yet opens with it: list it under columns in ocmt.yaml, or bring it\nunder the new key with the program that writes it.", ui.Clean(reason.Where))
		}
	}
}

// printRetirement says that the old key may go.
func printRetirement(printer *ui.Printer, request migrate.Request) {
	printer.Line("%s", fmt.Sprintf(`Nothing in the database is under version %d. Once every server runs with
ENCRYPTION_KEY_VERSION=%d, %s may be removed from the servers.
Keep that key offline: database backups made before this run still need it.
Watch users.gateway_token: a server without the right key does not fail there, it
takes the encrypted text itself for the token. Run ocmt migrate verify before you
remove the key.`, *request.From, request.To, oldKeyName(request)))
}

// printRollback says what to do after going back.
func printRollback(printer *ui.Printer, request migrate.Request) {
	printer.Line("Switch every server back to ENCRYPTION_KEY_VERSION=%d, with the key of that version as", request.To)
	printer.Line("ENCRYPTION_KEY, and run this once more: until then they write under the newer version, which")
	printer.Line("a server that was switched back cannot read. Keep the newer key until that run has proven")
	printer.Line("every value: ocmt rotate rollback --to-version %d", request.To)
}
