package due

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/pkg/secret"
)

// Quarter is how long a secret is good that is to be changed each quarter, with some days to do it.
const Quarter = 100 * 24 * time.Hour

// State says whether a kind is to be changed.
type State string

// The states.
const (
	InTime        State = "in_time"        // a change is recorded, and no other is due yet
	Overdue       State = "overdue"        // its quarter is over
	AfterIncident State = "after_incident" // no change is recorded since the last incident was opened
	Unknown       State = "unknown"        // no change is recorded
)

// IsDue reports whether the kind is to be changed now, by what is recorded.
func (s State) IsDue() bool { return s == Overdue || s == AfterIncident }

// Status is what the record says of a kind.
type Status struct {
	Kind    secret.Kind
	State   State
	Changed time.Time // the last change; zero where none is recorded
	// Due is when the next change is due: the end of its quarter, or the incident. It is zero where no time is set.
	Due time.Time
}

// Record is the tool's own record.
type Record interface {
	// Entries returns entries, newest first, and whether there is a record.
	Entries(ctx context.Context, query chain.Query) (entries []chain.Entry, there bool, err error)
}

// Report is what the record says of kinds.
type Report struct {
	Recorded bool      // there is a record
	Incident time.Time // when the last incident was opened; zero for none
	Kinds    []Status  // in the order of the kinds asked for
}

// keyActions are the actions of entries that tell which key values are under.
var keyActions = []string{chain.ActionKeyInPlace, chain.ActionRunBegun, chain.ActionRollbackBegun, chain.ActionKeyPutBack, chain.ActionKeyRetired}

// Look reads the record, and says of each kind whether it is to be changed at a time. Of what operators reported of a
// kind the last entry counts (chain.LastChange).
func Look(ctx context.Context, record Record, kinds []secret.Kind, now time.Time) (Report, error) {
	entries, there, err := record.Entries(ctx, chain.Query{Actions: append([]string{chain.ActionSecretRotated, chain.ActionIncidentOpened}, keyActions...)})
	if err != nil {
		return Report{}, err
	}
	report := Report{Recorded: there}
	entries = slices.SortedFunc(slices.Values(entries), func(a, b chain.Entry) int { return cmp.Compare(a.Sequence, b.Sequence) })
	rotated := map[string][]chain.Entry{}
	for _, entry := range entries {
		switch entry.Action {
		case chain.ActionSecretRotated:
			rotated[entry.Subject] = append(rotated[entry.Subject], entry)
		case chain.ActionIncidentOpened:
			report.Incident = later(report.Incident, entry.Happened())
		}
	}
	for _, kind := range kinds {
		var changes []chain.Entry
		for _, subject := range Subjects(kind) {
			changes = append(changes, rotated[subject]...)
		}
		changed := chain.LastChange(changes)
		if kind.VersionSetting != "" {
			changed = later(changed, keyChanged(entries))
		}
		report.Kinds = append(report.Kinds, judge(kind, changed, report.Incident, now))
	}
	return report, nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// judge says whether a kind is to be changed. An incident counts before a quarter: it is due at once.
func judge(kind secret.Kind, changed, incident, now time.Time) Status {
	status := Status{Kind: kind, State: InTime, Changed: changed}
	switch {
	case kind.AfterIncident && !incident.IsZero() && !changed.After(incident):
		status.State, status.Due = AfterIncident, incident
	case changed.IsZero():
		status.State = Unknown
	case kind.Quarterly:
		if status.Due = changed.Add(Quarter); now.After(status.Due) {
			status.State = Overdue
		}
	}
	return status
}

// Subjects returns the subjects of entries that tell of a change of a kind: its settings, but for those that another kind
// has too (AUTH_TOKEN is two secrets). A kind without a setting goes by its name.
func Subjects(kind secret.Kind) []string {
	if kind.Setting == "" {
		return []string{kind.Name}
	}
	subjects := []string{kind.Setting}
	for _, place := range kind.Places {
		if !slices.Contains(subjects, place.Setting) && !isShared(kind, place.Setting) {
			subjects = append(subjects, place.Setting)
		}
	}
	return subjects
}

// isShared reports whether another kind has a setting of the name.
func isShared(kind secret.Kind, setting string) bool {
	return slices.ContainsFunc(secret.Kinds(), func(other secret.Kind) bool {
		return other.Name != kind.Name && slices.ContainsFunc(other.Places, func(place secret.Place) bool { return place.Setting == setting })
	})
}

// keyChanged returns when the key came into use that all values are under, by entries in their order: the time of
// the key counts, and not that of the proof, because a key can be older than an incident that its run came
// after. It is zero where no run has proved that nothing is under an older key, or where that was rolled back to a
// key whose beginning is not recorded.
func keyChanged(entries []chain.Entry) (changed time.Time) {
	since := map[string]time.Time{} // when the record first has a version in use
	target := ""                    // the version that values are brought to
	for _, entry := range entries {
		switch entry.Action {
		case chain.ActionKeyInPlace, chain.ActionRunBegun:
			if target = entry.Subject; since[target].IsZero() {
				since[target] = entry.Happened()
			}
		case chain.ActionRollbackBegun, chain.ActionKeyPutBack:
			target = entry.Subject
			changed = since[target]
		case chain.ActionKeyRetired:
			changed = since[target]
		}
	}
	return changed
}
