package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/ui"
)

// printRotation is the last screen of a rotation: the verdict, what the run did, what was verified, and what to do next.
// After a failure, and where something is wrong, the error says what to do. The proof is nil where none was made.
func printRotation(printer *ui.Printer, plan *migrate.Plan, result *migrate.Result, proof *rotation.Proof, failure error) rotation.Verdict {
	verdict := rotation.JudgeProof(plan, result, proof, failure)
	printer.Line("")
	printVerdict(printer, plan.Request, verdict, newKey(plan.Request))
	if isIdle(result) && len(result.Accepted) == 0 && (scopeText(plan.Request) != "" || !verdict.IsBad()) {
		printer.Line("Nothing to do: %s.", noneUnder(plan.Request))
	}
	printResult(printer, plan.Request, result)
	if proof == nil || proof.Verification.SetAside == 0 { // what does not open is listed once
		printSetAside(printer, "Set aside, left as they are:", result.SetAside, result.List)
	}
	if proof == nil {
		return verdict
	}
	printVerification(printer, plan.Request, proof.Verification)
	printSearch(printer, proof.Search)
	switch {
	case failure != nil:
	case len(proof.Retirable) > 0:
		printRetirement(printer, plan.Request, proof)
		if !verdict.IsBad() {
			printer.Line("")
			printRetirementSteps(printer, proof)
		}
	case plan.Request.Configured > plan.Request.To && !verdict.IsBad():
		printWayBack(printer, plan.Request)
	default:
		printUnlooked(printer, proof.Reasons)
	}
	return verdict
}

// maxNamedRows is how many values a column may have under another version for the screen to name a row of them. One of
// many helps nobody, and its key makes the table wider than a terminal. JSON has it.
const maxNamedRows = 10

// printVerification shows what the verdict does not say of the values that were looked at.
func printVerification(printer *ui.Printer, request migrate.Request, found *migrate.Verification) {
	if len(found.Obstacles) > 0 {
		return // nothing was looked at
	}
	if found.Plaintext > 0 {
		printer.Line("%s in the clear, as OCMT writes them.", ui.Count(found.Plaintext, "value stands", "values stand"))
	}
	if len(found.Elsewhere) > 0 {
		if found.Opened > 0 {
			printer.Line("%s with the key of version %d.", ui.Count(found.Opened, "value opens", "values open"), request.To)
		}
		printer.Line("Under other versions:")
		table := ui.Table{Columns: []ui.Column{{Title: "COLUMN", Flexible: true}, {Title: "VERSION", Right: true}, {Title: "VALUES", Right: true}, {Title: "A ROW", HideZero: true}}}
		for _, place := range found.Elsewhere {
			key := place.Key
			if place.Values > maxNamedRows {
				key = ""
			}
			table.Rows = append(table.Rows, ui.Row(place.String(), strconv.Itoa(place.Version), ui.Number(place.Values), key))
		}
		printer.Table(table)
	}
	printSetAside(printer, "Not opened:", found.SetAside, found.List)
	printAccepted(printer, found.Accepted)
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
	printGaps(printer, "No proof", slices.DeleteFunc(slices.Clone(found), func(one finding.Finding) bool { return one.Code == finding.NotWhole }))
}

// keyNames are the settings of the keys of versions.
func keyNames(versions []int) string {
	names := make([]string, len(versions))
	for i, version := range versions {
		names[i] = "ENCRYPTION_KEY_V" + strconv.Itoa(version)
	}
	return strings.Join(names, " and ")
}

// printUnlooked says what was not looked at. What is wrong is in the error.
func printUnlooked(printer *ui.Printer, reasons []finding.Finding) {
	printGaps(printer, "Not looked at", reasons)
}

// maxShownReasons bounds how many reasons the screen lists. JSON has all.
const maxShownReasons = 8

// printGaps says what was not looked at, in one line for all places at which the same is to be done. The statements that
// give rights stand at the end of the command, and none of them is left out.
func printGaps(printer *ui.Printer, label string, found []finding.Finding) {
	var groups [][]finding.Finding
	for _, one := range found {
		if one.Severity != finding.Warning {
			continue
		}
		printer.Lack(one.Rights...)
		at := slices.IndexFunc(groups, func(group []finding.Finding) bool {
			return group[0].Message == one.Message && (len(one.Rights) > 0 || group[0].Fix == one.Fix)
		})
		if at < 0 {
			at, groups = len(groups), append(groups, nil)
		}
		groups[at] = append(groups[at], one)
	}
	for _, group := range groups[:min(len(groups), maxShownReasons)] {
		printer.Line("%s: %s.", label, reasonsOf(group)[0])
		if len(group[0].Rights) == 0 {
			printer.Line("  next: %s", group[0].Fix)
		}
	}
	if left := len(groups) - maxShownReasons; left > 0 {
		printer.Line("… and %s more; --output json lists all.", ui.Number(int64(left)))
	}
}

// printRetirement says that the old key may go, and how.
func printRetirement(printer *ui.Printer, request migrate.Request, proof *rotation.Proof) {
	if request.Backwards {
		printer.Line("The rollback is finished.")
	}
	if len(proof.Gone) > 0 {
		printer.Line("Nothing in the database is under version %s, which is recorded as retired. The settings here still have %s.",
			joinVersions(proof.Gone), keyNames(proof.Gone))
	}
	retirable := proof.Staying()
	if len(retirable) == 0 {
		return
	}
	printer.Line("Nothing in the database is under version %s. %s may be removed once every server runs with ENCRYPTION_KEY_VERSION=%d.",
		joinVersions(retirable), keyNames(retirable), request.To)
	printer.Line("Keep that key offline: database backups made before this run still need it.")
	printer.Line("A server without the right key does not fail at users.gateway_token: it takes the encrypted text itself for the token. ocmt rotate readiness shows which version the servers write.")
}

// printRetirementSteps says what is to be done with keys that nothing needs.
func printRetirementSteps(printer *ui.Printer, proof *rotation.Proof) {
	for _, version := range proof.Gone {
		printStep(printer, rotation.Step{Command: fmt.Sprintf("ocmt rotate finish --from-version %d", version), Text: "takes the key out of this place too"})
	}
	if len(proof.Staying()) > 0 {
		printStep(printer, rotation.Step{Command: "ocmt migrate verify", Text: "once more, before the key is removed"})
		printStep(printer, rotation.Step{Command: "ocmt rotate status", Text: "what comes next, and what takes the key away"})
	}
}

// printWayBack says what to do after going back.
func printWayBack(printer *ui.Printer, request migrate.Request) {
	printer.Line("")
	printStep(printer, rotation.Step{Text: fmt.Sprintf("switch every server back to ENCRYPTION_KEY_VERSION=%d, with the key of that version as ENCRYPTION_KEY and the newer one as ENCRYPTION_KEY_V%d",
		request.To, request.Configured)})
	printStep(printer, rotation.Step{Command: fmt.Sprintf("ocmt rotate put-back --to-version %d", request.To), Text: "changes the settings so, in the store of a machine"})
	printStep(printer, rotation.Step{Command: fmt.Sprintf("ocmt rotate rollback --to-version %d", request.To), Text: "once more, with the settings that the servers have then; keep the newer key until it has proven every value"})
}

// printStep writes what is next.
func printStep(printer *ui.Printer, step rotation.Step) { printer.Line("%s", stepText(step)) }
