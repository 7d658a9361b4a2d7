package audit

import "context"

// lookAtBaseline finds entries that have expired, and those that match nothing.
func lookAtBaseline(_ context.Context, sources *Sources) (seen Seen, _ error) {
	if sources.baseline == nil {
		return Seen{Absent: "there is no baseline"}, nil
	}
	seen.Looked = countThings(int64(len(sources.baseline.entries)), "entry", "entries")
	for _, one := range sources.baseline.expiredEntries(sources.now) {
		seen.Faults = append(seen.Faults, Fault{Object: "expired " + one.ID + " " + one.Object, Cause: "expired entries", Message: "of the baseline do not count any more",
			Expected: "a last day to come", Actual: "last day " + one.Expires, Places: []string{one.ID + " " + one.Object + " of " + one.Owner}, File: sources.baselineFile})
	}
	for _, one := range unusedEntries(sources.baseline, sources.results) {
		if !one.Expired(sources.now) {
			seen.Faults = append(seen.Faults, Fault{Object: "unused " + one.ID + " " + one.Object, Cause: "entries of the baseline", Message: "match nothing",
				Expected: "a fault that is still there", Actual: "none", Places: []string{one.ID + " " + one.Object + " of " + one.Owner}, File: sources.baselineFile})
		}
	}
	return seen, nil
}
