package rotation

import (
	"fmt"
	"slices"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
)

// Decide says which key versions nothing in the database needs any more, and for each
// condition that is not met a reason to keep the old keys. It names a version only if
// there is no reason at all. The verification and the report of the search must be of the
// whole database (see WholeDatabase), and later than the run; the report is nil where nothing
// was searched.
func Decide(plan *migrate.Plan, result *migrate.Result, verification *migrate.Verification, report *discover.Report) (retirable []int, reasons []finding.Finding) {
	request := plan.Request
	request.Database = plan.Outline.Database
	leaving := leavingVersions(plan)
	if request.Configured > request.To {
		reasons = append(reasons, finding.Finding{Code: finding.GoingBack, Severity: finding.Error, Where: versionName(request.To),
			Message: "the values went to an older version, and the servers write under the newer one until they are switched",
			Fix: fmt.Sprintf("switch every server back to version %d, then run ocmt rotate rollback --to-version %d once more, with the settings that they have then",
				request.To, request.To)})
	}
	reasons = append(reasons, findUnfinished(request, result)...)
	for _, found := range findUnproven(request, verification) {
		if !concernsOther(found, plan, leaving) || isMisdirected(plan, result) {
			reasons = append(reasons, found)
		}
	}
	isLeaving := func(version int) bool { return slices.Contains(leaving, version) }
	reasons = append(reasons, findUnsearched(request, report, isLeaving)...)
	if report == nil {
		report = plan.Discovery
	}
	reasons = append(reasons, findKnownColumns(report, isLeaving)...)
	reasons = append(reasons, findUntriedColumns(report, isLeaving)...)
	reasons = append(reasons, findUnopened(request, verification, report)...)
	if len(reasons) > 0 {
		return []int{}, reasons
	}
	return leaving, nil
}

// leavingVersions returns the versions that the run was to leave: the one of the request,
// or every version below the target that a key is set for.
func leavingVersions(plan *migrate.Plan) []int {
	if plan.Request.From != nil {
		return []int{*plan.Request.From}
	}
	versions := []int{}
	for _, key := range plan.Outline.Keys {
		if key.Version != plan.Request.To && plan.Request.Leaves(key.Version) {
			versions = append(versions, key.Version)
		}
	}
	return versions
}

// concernsOther reports whether a finding is about values under a version that the run
// was not to leave, and that opened with its key: they need no key that the run leaves.
func concernsOther(found finding.Finding, plan *migrate.Plan, leaving []int) bool {
	return found.Code == finding.ValuesUnder && slices.ContainsFunc(plan.Outline.Keys, func(key migrate.KeyFingerprint) bool {
		return found.Where == versionName(key.Version) && !slices.Contains(leaving, key.Version)
	})
}

// isMisdirected reports whether a run was to leave one version and found no value under it. Where values are under
// others, the operator may have meant one of those, and a key that nobody thinks of is not the one to name.
func isMisdirected(plan *migrate.Plan, result *migrate.Result) bool {
	return plan.Request.From != nil && result.Passes > 0 && result.Moved == 0 && plan.Pending() == 0
}

// findKnownColumns finds columns that are listed as under other keys, and so were not
// moved, although values in them open with the key of a version that concerns.
func findKnownColumns(report *discover.Report, concerns func(version int) bool) []finding.Finding {
	if report == nil {
		return nil
	}
	var found []finding.Finding
	for _, find := range report.Known {
		for _, version := range find.OpenedBy {
			if !concerns(version) {
				continue
			}
			found = append(found, finding.Finding{Code: finding.KnownColumnOpens, Severity: finding.Error, Where: find.String(),
				Message:  fmt.Sprintf("it is listed under known, and values in it open with the key of version %d", version),
				Evidence: numberText(find.Opened) + " values open",
				Fix:      "it does not belong under known: " + find.Move()})
		}
	}
	return found
}

// findUntriedColumns finds columns that are listed as under other keys and name a version that
// concerns, and that could not be tried with its key because that is not set.
func findUntriedColumns(report *discover.Report, concerns func(version int) bool) []finding.Finding {
	if report == nil {
		return nil
	}
	var found []finding.Finding
	for _, find := range report.Known {
		for _, version := range find.Untried {
			if concerns(version) {
				found = append(found, finding.Finding{Code: finding.KnownColumnUntried, Severity: finding.Warning, Where: find.String(),
					Message: fmt.Sprintf("it is listed under known, its values name version %d, and no key of that is set to try them with", version),
					Fix:     fmt.Sprintf("set ENCRYPTION_KEY_V%d, then run this again", version)})
			}
		}
	}
	return found
}
