package rotation

import (
	"fmt"
	"strings"
)

// The phases in which a key itself is wrong, so that nothing else is advised.
const (
	PhaseDiffers  Phase = "differs"  // record, store and settings do not have one and the same key for a version
	PhaseUnusable Phase = "unusable" // the keys of a place cannot be used
)

// IsWrong reports whether a key itself is wrong, or the database.
func (s Status) IsWrong() bool {
	return s.Phase == PhaseDiffers || s.Phase == PhaseUnusable || s.Phase == PhaseNoTables
}

// decideWrong says which key is wrong, or that the database is, and returns whether one is. A change that was cut off between two files of a store
// is gone on with, whatever the keys are meanwhile.
func (a *assessment) decideWrong() (Status, bool) {
	if a.hasNoTables() && !a.Running && a.Holder == nil {
		return Status{Phase: PhaseNoTables, Summary: "None of the tables that hold encrypted values is in this database.",
			Next: []Step{{Text: "check that DATABASE_URL names the OCMT database"}}}, true
	}
	if NewestIn(a.Keys, Pending) != nil || a.isRolledBack() {
		return Status{}, false
	}
	for _, place := range []*Placement{a.Settings, a.Store} {
		if place != nil && place.Problem != "" {
			return Status{Phase: PhaseUnusable, Summary: fmt.Sprintf("The keys of %s cannot be used: %s.", place.Place, place.Problem),
				Next: []Step{{"put the right key there; this says more", validateCommand}}}, true
		}
	}
	var differing []string
	for _, version := range a.versions() {
		if version.Differs {
			differing = append(differing, a.explainDiffering(version.Version))
		}
	}
	return Status{Phase: PhaseDiffers, Summary: strings.Join(differing, " "),
		Next: []Step{{"see which file or variable each key comes from", validateCommand},
			{"see whether the keys of this process open the values; put those that do everywhere", "ocmt migrate verify"}}}, len(differing) > 0
}

// validateCommand shows where each key comes from, and what is wrong with it.
const validateCommand = "ocmt validate"

// explainDiffering says where the keys of a version stand.
func (a *assessment) explainDiffering(version int) string {
	var where []string
	if key := KeyOf(a.Keys, version); key != nil && key.Fingerprint != "" {
		where = append(where, "fingerprint "+key.Fingerprint+" in the record")
	}
	for _, place := range []*Placement{a.Store, a.Settings} {
		if place != nil && place.Keys[version] != "" {
			where = append(where, fmt.Sprintf("fingerprint %s as %s in %s", place.Keys[version], place.settingOf(version), place.Place))
		}
	}
	return fmt.Sprintf("Version %d does not have the same key everywhere: %s.", version, strings.Join(where, ", "))
}
