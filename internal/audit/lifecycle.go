package audit

import "context"

// LifecycleSource is what the checks of this file look at.
type LifecycleSource interface{}

// baselineCheck is the check of the baseline itself. It is asked last.
const baselineCheck = "OCMT-LIF-006"

func lifecycleChecks() []Check {
	return []Check{{
		ID: baselineCheck, Severity: Medium, Title: "An entry of the baseline has expired, or matches nothing",
		Why:      "an entry that matches nothing would hide the fault if it came back; one that has expired was to be mended by then",
		LooksAt:  "ocmt-baseline.yaml, and what the other checks found",
		Right:    "reading the file",
		NotFault: "an entry of a check that could not look is kept",
		Fix:      "ocmt audit baseline show, then take the entry out of ocmt-baseline.yaml or give it a later day",
		look:     lookAtBaseline,
	}}
}

// lookAtBaseline finds entries that have expired, and those that match nothing.
func lookAtBaseline(_ context.Context, sources *Sources) (seen Seen, _ error) {
	if sources.baseline == nil {
		return Seen{Absent: "there is no baseline"}, nil
	}
	seen.Looked = countThings(int64(len(sources.baseline.entries)), "entry", "entries")
	for _, one := range sources.baseline.expiredEntries(sources.now) {
		seen.Faults = append(seen.Faults, Fault{Object: "expired " + one.ID + " " + one.Object, Cause: "expired entries", Message: "have expired",
			Expected: "a last day to come", Actual: "last day " + one.Expires, Places: []string{one.ID + " " + one.Object + " of " + one.Owner}, File: BaselineFile})
	}
	for _, one := range unusedEntries(sources.baseline, sources.results) {
		if !one.expired(sources.now) {
			seen.Faults = append(seen.Faults, Fault{Object: "unused " + one.ID + " " + one.Object, Cause: "entries that match nothing", Message: "match nothing",
				Expected: "a fault that is still there", Actual: "none", Places: []string{one.ID + " " + one.Object + " of " + one.Owner}, File: BaselineFile})
		}
	}
	return seen, nil
}
