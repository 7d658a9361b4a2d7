package rotation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
)

// maxNamedTables is how many tables a finding names.
const maxNamedTables = 5

// findUnsearched returns what a search of the whole database lacks to be a proof: values
// under a version that concerns, and what was not looked at. What was not looked at is a
// warning: nothing is known to be wrong.
func findUnsearched(request migrate.Request, report *discover.Report, concerns func(version int) bool) (found []finding.Finding) {
	if report == nil {
		return []finding.Finding{{Code: finding.NotSearched, Severity: finding.Warning, Where: "database",
			Message: "columns that nothing lists were not looked through", Fix: "run this again with --search full"}}
	}
	found = append(found, findOtherOrigin(request, report)...)
	for _, find := range report.Unlisted {
		if needsVersion(find, concerns) {
			found = append(found, find.Finding())
		}
	}
	for _, find := range report.Late {
		if needsVersion(find, concerns) && !slices.ContainsFunc(report.Unlisted, func(known discover.Find) bool { return known.String() == find.String() }) {
			found = append(found, finding.Finding{Code: finding.MovedMeanwhile, Severity: finding.Error, Where: find.String(), Evidence: find.Evidence(),
				Message: "values were written or moved there while the database was looked at, under an older version or its key",
				Fix:     "run this again; if it is found once more, a server or a job still writes the older version"})
		}
	}
	found = append(found, report.Unread...)
	if !report.Full {
		found = append(found, sampledFinding(report))
	}
	return found
}

// findOtherOrigin finds that a search read from a standby, or from another database.
func findOtherOrigin(request migrate.Request, report *discover.Report) []finding.Finding {
	for _, origin := range report.Origins {
		found := migrate.CheckOrigin(request.Database, migrate.Origin{Standby: origin.Standby, Apart: origin.Apart, Database: migrate.Identity{Name: origin.Name, System: origin.System}})
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// needsVersion reports whether values of a find name a version that concerns, or open with
// its key.
func needsVersion(find discover.Find, concerns func(version int) bool) bool {
	for version := range find.Versions {
		if concerns(version) {
			return true
		}
	}
	return slices.ContainsFunc(find.OpenedBy, concerns)
}

// findsNeed reports whether a search found values anywhere that name a version, or open with its key.
func findsNeed(report *discover.Report, version int) bool {
	isIt := func(other int) bool { return other == version }
	needs := func(find discover.Find) bool { return needsVersion(find, isIt) }
	return slices.ContainsFunc(report.Unlisted, needs) || slices.ContainsFunc(report.Late, needs) || len(findKnownColumns(report, isIt)) > 0
}

// sampledFinding says that some tables were looked at by sample only.
func sampledFinding(report *discover.Report) finding.Finding {
	named := report.Sampled[:min(len(report.Sampled), maxNamedTables)]
	more := ""
	if left := len(report.Sampled) - len(named); left > 0 {
		more = fmt.Sprintf(" and %d more", left)
	}
	return finding.Finding{Code: finding.Sampled, Severity: finding.Warning, Where: "database",
		Message:  fmt.Sprintf("of %d large tables only a sample was looked through for values that nothing lists", len(report.Sampled)),
		Evidence: strings.Join(named, ", ") + more,
		Fix: fmt.Sprintf("run this again with --search full: it looks at all of them, %d MiB, in about %s",
			(report.SampledBytes+1<<20-1)>>20, max(time.Second, time.Duration(report.FullSeconds*float64(time.Second)).Round(time.Second)))}
}

// findUnopened finds columns that nothing lists with values that no key opened which was set, where
// not every older key was there to be tried: a label may say the version to reach and not be true.
func findUnopened(request migrate.Request, verification *migrate.Verification, report *discover.Report) []finding.Finding {
	if report == nil {
		return nil
	}
	var missing []string
	for version := 0; version < request.To && len(missing) <= maxMissingKeys; version++ {
		if !slices.Contains(verification.KeyVersions, version) {
			missing = append(missing, fmt.Sprintf("ENCRYPTION_KEY_V%d", version))
		}
	}
	if len(missing) == 0 || len(missing) > maxMissingKeys {
		return nil
	}
	var found []finding.Finding
	for _, find := range report.Unlisted {
		if find.Unopened > 0 && find.Versions[request.To] > 0 {
			found = append(found, finding.Finding{Code: finding.UnlistedColumn, Severity: finding.Warning, Where: find.String(), Evidence: find.Evidence(),
				Message: "the catalogue does not list it, and values in it open with no key that is set, which may be because an older one is not set",
				Fix:     "set " + strings.Join(missing, " and ") + ", and run this again; " + find.Fix()})
		}
	}
	return found
}

// maxMissingKeys is how many older keys can be asked for. Version numbers that are dates have no
// others in between.
const maxMissingKeys = 20
