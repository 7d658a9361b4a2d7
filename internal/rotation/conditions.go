package rotation

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
)

// UnfinishedError says that a run has left values that it should have moved.
type UnfinishedError struct {
	Request  migrate.Request
	Result   *migrate.Result
	Findings []finding.Finding // at least one
}

// Error lists the findings.
func (e *UnfinishedError) Error() string {
	return "the run is not finished: " + finding.Texts(e.Findings)
}

// UnprovenError says that a verification does not prove that one key opens every
// value.
type UnprovenError struct {
	Request      migrate.Request
	Verification *migrate.Verification
	Findings     []finding.Finding // at least one
}

// Error lists the findings.
func (e *UnprovenError) Error() string { return "nothing is proven: " + finding.Texts(e.Findings) }

// Unread reports whether the values could not be looked at.
func (e *UnprovenError) Unread() bool { return len(e.Verification.Obstacles) > 0 }

// OnStandby reports whether the server that was asked is a standby, whose values may
// be behind what the servers have written.
func (e *UnprovenError) OnStandby() bool {
	return slices.ContainsFunc(e.Findings, func(f finding.Finding) bool { return f.Code == finding.Standby })
}

// WholeDatabase returns a request without its narrowing to tables and columns: a key
// may be retired only if nothing in the whole database needs it.
func WholeDatabase(request migrate.Request) migrate.Request {
	request.Tables, request.Columns = nil, nil
	return request
}

// CheckFinished returns an *UnfinishedError where a run has left values.
func CheckFinished(request migrate.Request, result *migrate.Result) error {
	if found := findUnfinished(request, result); len(found) > 0 {
		return &UnfinishedError{Request: request, Result: result, Findings: found}
	}
	return nil
}

// CheckProven returns an *UnprovenError where a verification, or the search of the columns that
// nothing lists, found what is wrong. The report is nil where nothing was searched. A
// verification of a part of the database is held to that part. That something was not looked
// at is no error: FindUnproven returns it.
func CheckProven(request migrate.Request, verification *migrate.Verification, report *discover.Report) error {
	found := FindUnproven(request, verification, report)
	if !slices.ContainsFunc(found, isWrong) {
		return nil
	}
	return &UnprovenError{Request: request, Verification: verification, Findings: found}
}

// FindUnproven returns what a verification and a search lack to be a proof that every value of
// the database opens with the key to reach alone. What was not looked at is a warning, what is
// wrong an error.
func FindUnproven(request migrate.Request, verification *migrate.Verification, report *discover.Report) []finding.Finding {
	found := findUnproven(request, verification)
	if len(verification.Obstacles) > 0 || verification.Narrowed {
		return found
	}
	isOther := func(version int) bool {
		return version < request.To || version > request.To && slices.Contains(verification.KeyVersions, version)
	}
	found = append(found, findUnsearched(request, report, isOther)...)
	found = append(found, findKnownColumns(report, isOther)...)
	return append(found, findUnopened(request, verification, report)...)
}

// isWrong reports whether a finding is about what is wrong, not about what was not looked at.
func isWrong(found finding.Finding) bool { return found.Severity == finding.Error }

// findUnfinished returns what a run has left.
func findUnfinished(request migrate.Request, result *migrate.Result) []finding.Finding {
	var found []finding.Finding
	add := func(code finding.Code, message, evidence, fix string) {
		found = append(found, finding.Finding{Code: code, Severity: finding.Error, Where: "run", Message: message, Evidence: evidence, Fix: fix})
	}
	switch {
	case result.Left > 0 && result.Blocked == result.Left:
		add(finding.RowsLocked, "other transactions held rows until the last pass",
			fmt.Sprintf("%d rows", result.Left),
			"look in pg_stat_activity for a transaction that has not ended, then run this again")
	case result.Left > 0:
		add(finding.RowsLeft, "the last pass still found values under an old version",
			fmt.Sprintf("%d rows in pass %d", result.Left, result.Passes),
			fmt.Sprintf("switch every server to version %d, then run this again", request.To))
	}
	if len(result.NotEnded) > 0 {
		add(finding.NotEnded, "transactions have written to the tables and not ended, so that what they wrote is not visible",
			strings.Join(result.NotEnded, "; "),
			"end them (a prepared one with COMMIT PREPARED or ROLLBACK PREPARED), then run this again")
	}
	if result.SetAside > 0 {
		add(finding.ValuesSetAside, "values were set aside and left as they are",
			numberText(result.SetAside)+" values",
			"keep every old key until they are dealt with: bring them back from a backup, or accept each as lost with ocmt migrate accept; those that another key opens are moved by --repair-labels")
	}
	return found
}

// findUnproven returns what a verification lacks to be a proof.
func findUnproven(request migrate.Request, verification *migrate.Verification) []finding.Finding {
	found := slices.Concat(verification.Obstacles, verification.Doubts)
	if verification.Narrowed {
		found = append(found, finding.Finding{Code: finding.NotWhole, Severity: finding.Warning, Where: "database",
			Message: "only some tables or columns were looked at", Fix: "ocmt migrate verify without --table and --column looks at all of them"})
	}
	for _, version := range slices.Sorted(maps.Keys(verification.Versions)) {
		found = append(found, valuesUnder(request, verification, version))
	}
	if verification.Mislabelled > 0 {
		found = append(found, finding.Finding{Code: finding.Mislabelled, Severity: finding.Error, Where: versionName(request.To),
			Message:  "values are labelled with one version and open with the key of another",
			Evidence: numberText(verification.Mislabelled) + " values",
			Fix:      "ocmt migrate run --repair-labels brings them under the version to reach"})
	}
	if verification.SealedTwice > 0 {
		found = append(found, finding.Finding{Code: finding.SealedTwice, Severity: finding.Error, Where: versionName(request.To),
			Message:  "values contain a ciphertext that needs another key: they were sealed twice",
			Evidence: numberText(verification.SealedTwice) + " values",
			Fix:      "no server reads what is inside: write each anew with the program that wrote it, or accept it as lost with ocmt migrate accept"})
	}
	if unopened := verification.SetAside - verification.Mislabelled - verification.SealedTwice; unopened > 0 {
		found = append(found, finding.Finding{Code: finding.ValuesNotOpened, Severity: finding.Error, Where: versionName(request.To),
			Message:  "values do not open with its key, and might need any other",
			Evidence: numberText(unopened) + " values",
			Fix:      "keep every old key until they are dealt with: bring them back from a backup, or accept each as lost with ocmt migrate accept"})
	}
	return found
}

// valuesUnder says that values are under a version that is not the target.
func valuesUnder(request migrate.Request, verification *migrate.Verification, version int) finding.Finding {
	fix := fmt.Sprintf("ocmt migrate run brings older values to version %d; keep the key of version %d until none is left", request.To, version)
	if version > request.To {
		fix = "values under a newer version were written by servers that have it: set ENCRYPTION_KEY and ENCRYPTION_KEY_VERSION here as they have them"
	}
	return finding.Finding{Code: finding.ValuesUnder, Severity: finding.Error, Where: versionName(version),
		Message: "values are under it", Evidence: placesOf(verification, version), Fix: fix}
}

// placesOf lists the columns that have values under a version.
func placesOf(verification *migrate.Verification, version int) string {
	var parts []string
	for _, place := range verification.Elsewhere {
		if place.Version == version {
			parts = append(parts, fmt.Sprintf("%s: %d", place.Place, place.Values))
		}
	}
	return strings.Join(parts, ", ")
}
