package rotation

import (
	"fmt"
	"slices"
	"time"
)

// Phase is where a deployment is in the story of its key.
type Phase string

// The phases.
const (
	PhaseNoKey      Phase = "no_key"      // no key was found anywhere
	PhaseNoTables   Phase = "no_tables"   // the database has no table of OCMT's
	PhaseSettled    Phase = "settled"     // one key, and nothing to do
	PhaseUnknown    Phase = "unknown"     // not everything could be looked at, and nothing was found to do
	PhaseRunning    Phase = "running"     // a run is at work
	PhaseLocked     Phase = "locked"      // what holds the lock of runs is not at work, or is no run
	PhasePending    Phase = "pending"     // a key was made, and is not known to be in place
	PhaseBehind     Phase = "behind"      // the store has an older version than the record
	PhaseMoving     Phase = "moving"      // values are to be moved to the new key
	PhaseUnproven   Phase = "unproven"    // no value has the old label, and that is not proven
	PhaseProven     Phase = "proven"      // the old key may be taken away
	PhaseRolledBack Phase = "rolled_back" // the values went back, and not everything has followed
)

// View is what is known of a key's story.
type View struct {
	Keys     []RecordedKey
	Look     *Look      // nil where the database was not looked at
	Store    *Placement // nil where there is no store, or it could not be read
	Settings *Placement // of this process; nil where they could not be read
	Running  bool
	Paused   string  // "paused by …" where the run at work is paused
	Holder   *Holder // of the lock of runs, where it is no run at work; nil for none
	Due      []DueItem
	Unknown  []string // kinds that may be due, because no change of them is recorded
	Gaps     []Gap
	// Readiness is what the servers were seen to write under the active version; nil where that was not read.
	Readiness *ReadinessState
	// Unread says that the record could not be read; Keys is empty then.
	Unread bool
}

// DueItem is a secret that is to be changed.
type DueItem struct {
	Name    string    `json:"name"`
	Since   time.Time `json:"since"` // when it is due, or was
	Reason  string    `json:"reason"`
	Command string    `json:"command"`
}

// Status says where a deployment is in the story of its key, and what is next.
type Status struct {
	Phase    Phase           `json:"phase"`
	Summary  string          `json:"summary"` // a sentence
	Versions []VersionStatus `json:"versions"`
	Next     []Step          `json:"next"` // in their order
	Due      []DueItem       `json:"due"`
	Unknown  []string        `json:"unknown"` // kinds that may be due, because no change of them is recorded
	Gaps     []Gap           `json:"gaps"`
}

// VersionStatus is what is known of one key version.
type VersionStatus struct {
	Version     int        `json:"version"`
	Fingerprint string     `json:"fingerprint"` // of the record, or else of the store or the settings
	State       KeyState   `json:"state"`       // "" where the record does not have it, Unknown where that was not read
	Created     *time.Time `json:"created"`
	Proven      *time.Time `json:"proven"`
	// Values is how many are labelled with it, of what was looked at; null where none was seen and not
	// everything was looked at.
	Values   *int64 `json:"values"`
	Store    string `json:"store"`    // the setting that has its key; "" for none
	Settings string `json:"settings"` // likewise, in this process
	// BackupsUntil is the day until which a key that was taken away stays in its escrow; "" for no such key.
	BackupsUntil string `json:"backups_until"`
	// Escrow is what was known of a copy of that key when it was taken away; null for no such key.
	Escrow *KeyEscrow `json:"escrow"`
	// Compromised is when it was recorded that somebody else may have the key; null where it was not.
	Compromised *time.Time `json:"compromised"`
	// Differs says that record, store and settings do not have one and the same key for it.
	Differs bool `json:"differs"`
}

// Step is something to do, and the command for it, if there is one.
type Step struct {
	Text    string `json:"text"`
	Command string `json:"command"`
}

// String returns both in one line.
func (s Step) String() string {
	if s.Command == "" {
		return s.Text
	}
	return s.Text + ": " + s.Command
}

// Assess says where a deployment is, by what is known of it. It decides nothing about keys: each next step
// looks again.
func Assess(view View) Status {
	a := assessment{View: view, labels: map[int]int64{}}
	if view.Look != nil {
		a.labels = view.Look.Labels()
		a.Gaps = append(slices.Clone(a.Gaps), view.Look.Gaps...)
	}
	a.current = a.findCurrent()
	status, wrong := a.decideWrong()
	if !wrong {
		status = a.decide()
	}
	status.Versions = a.versions()
	status.Due, status.Unknown, status.Gaps = append([]DueItem{}, view.Due...), append([]string{}, view.Unknown...), append([]Gap{}, a.Gaps...)
	if status.Next == nil {
		status.Next = []Step{}
	}
	return status
}

// assessment is the state of one Assess.
type assessment struct {
	View
	labels  map[int]int64
	current int // the version that new values are to be written under
}

// place returns the keys of the store, or else of the settings; nil for none.
func (a *assessment) place() *Placement {
	for _, place := range []*Placement{a.Store, a.Settings} {
		if place != nil && place.Keys[place.Version] != "" {
			return place
		}
	}
	return nil
}

// findCurrent returns the version that is active in the record. A newer one of the store that the record
// does not have was put there by hand.
func (a *assessment) findCurrent() int {
	active, place := NewestIn(a.Keys, Active), a.place()
	switch {
	case active == nil && place == nil:
		return 0
	case active == nil, place != nil && place.Version > active.Version && KeyOf(a.Keys, place.Version) == nil:
		return place.Version
	}
	return active.Version
}

// decide returns phase, summary and next steps.
func (a *assessment) decide() Status {
	place, pending := a.place(), NewestIn(a.Keys, Pending)
	switch {
	case a.Running || a.Holder != nil:
		return a.decideRunning()
	case pending != nil:
		return a.decidePending(pending)
	case place == nil && len(a.Keys) == 0 && !a.Unread:
		return Status{Phase: PhaseNoKey, Summary: "No key is set here, and none is recorded.", Next: []Step{{"make the first key", "ocmt keygen encryption"}}}
	case place == nil && NewestIn(a.Keys, Active) != nil:
		return Status{Phase: PhaseBehind, Summary: fmt.Sprintf("Version %d is active in the record, and no key was found here.", a.current),
			Next: []Step{stepToActive(NewestIn(a.Keys, Active))}}
	case a.hasForeignValues():
		return a.decideForeign()
	case a.isRolledBack():
		return a.decideRolledBack()
	case place != nil && place.Version < a.current:
		active := NewestIn(a.Keys, Active)
		return Status{Phase: PhaseBehind, Summary: fmt.Sprintf("The record has version %d as the active one, and %s has version %d.", a.current, place.Place, place.Version),
			Next: []Step{stepToActive(active)}}
	case a.Unread || a.Look == nil:
		return a.decideUnread()
	}
	return a.decideSettled()
}

// hasNoTables reports whether the database was looked at, and has no table that can hold encrypted values: whatever else
// stands there, it says nothing of the keys.
func (a *assessment) hasNoTables() bool {
	return a.Look != nil && len(a.Look.Columns)+len(a.Look.Gaps) == 0
}

// decideSettled says what is next where the active version is in place.
func (a *assessment) decideSettled() Status {
	for _, version := range a.known() {
		if version < a.current && a.isThere(version) {
			return a.decideOlder(version)
		}
	}
	if a.isPartial() {
		return Status{Phase: PhaseUnknown, Summary: fmt.Sprintf("Version %d is the current one as far as is known here. Not everything was looked at.", a.current),
			Next: []Step{a.lookAgain("see what was not looked at, and run this again where it can be")}}
	}
	if key := KeyOf(a.Keys, a.current); key != nil && !key.Compromised.IsZero() {
		return Status{Phase: PhaseSettled, Summary: fmt.Sprintf("Version %d is the only key in use, and somebody else may have it.", a.current) + a.leftOver(),
			Next: []Step{{"replace it", "ocmt rotate begin --escrow FILE"}}}
	}
	return Status{Phase: PhaseSettled, Summary: fmt.Sprintf("Version %d is the only key in use.", a.current) + a.leftOver(),
		Next: []Step{{"a new key, when one is wanted", "ocmt rotate begin --escrow FILE"}}}
}

// leftOver says which newer version a rollback has left, and what becomes of it; "" for none.
func (a *assessment) leftOver() string {
	for _, version := range a.known() {
		key := KeyOf(a.Keys, version)
		if version <= a.current || key == nil || !key.isUnfinished() {
			continue
		}
		if place := a.place(); place == nil || place.Keys[version] == "" {
			return fmt.Sprintf(" Version %d was rolled back, and no value is labelled with it.", version)
		}
		return fmt.Sprintf(" Version %d was rolled back, and no value is labelled with it. Its key stays as %s until the next rotation:"+
			" once that has moved the values, ocmt rotate finish --from-version %d takes it out.", version, SettingOf(version), version)
	}
	return ""
}

// isPartial reports whether something could not be looked at that would say more.
func (a *assessment) isPartial() bool {
	return a.Unread || a.Look == nil || len(a.Look.Gaps) > 0
}

func (a *assessment) decidePending(pending *RecordedKey) Status {
	status := Status{Phase: PhasePending, Summary: fmt.Sprintf("Version %d was begun, and is not known to be in place.", pending.Version)}
	switch place := a.place(); {
	case place != nil && place.has(pending.Version, pending.Fingerprint):
		status.Summary = fmt.Sprintf("Version %d is in place in %s, and not yet recorded so.", pending.Version, place.Place)
		status.Next = []Step{{"record it", "ocmt rotate begin"}}
	case escrowFile(pending) != "":
		status.Next = []Step{{"go on with its offline copy", "ocmt rotate begin --from-escrow " + escrowFile(pending)}, {"or give it up, where its key is lost", abandonCommand}}
	case pending.Begun != nil && pending.Begun.Escrow == EscrowOutput:
		status.Next = []Step{{"go on with its offline copy", "ocmt rotate begin --from-escrow FILE"}, {"or give it up, where its key is lost", abandonCommand}}
	default:
		status.Next = []Step{{"there is no offline copy of it: give it up", abandonCommand}}
	}
	return status
}

// hasForeignValues reports whether values are labelled with a newer version that nothing here knows.
func (a *assessment) hasForeignValues() bool {
	for version, values := range a.labels {
		if version > a.current && values > 0 && KeyOf(a.Keys, version) == nil && (a.place() == nil || a.place().Keys[version] == "") {
			return true
		}
	}
	return false
}

func (a *assessment) decideForeign() Status {
	lacking := "neither the record nor this place has"
	if a.Unread {
		lacking = "this place does not have; the record of key versions was not looked at"
	}
	return Status{Phase: PhaseBehind, Summary: fmt.Sprintf("Values are labelled with a newer version than %d, which %s.", a.current, lacking),
		Next: []Step{{Text: "find the server that has it, and set ENCRYPTION_KEY, ENCRYPTION_KEY_VERSION and the older keys here as it has them"}}}
}

// isRolledBack reports whether something is still with a version that is newer than the active one. Where the record was not
// read, nobody knows which one is active.
func (a *assessment) isRolledBack() bool {
	if a.Unread {
		return false
	}
	for version, values := range a.labels {
		if version > a.current && values > 0 {
			return true
		}
	}
	place := a.place()
	return place != nil && place.Version > a.current
}

func (a *assessment) decideRolledBack() Status {
	status := Status{Phase: PhaseRolledBack, Summary: fmt.Sprintf("Version %d is active again, and a newer one is still there.", a.current)}
	newer := int64(0)
	for version, values := range a.labels {
		if version > a.current {
			newer += values
		}
	}
	if newer > 0 {
		status.Next = append(status.Next, Step{labelledText(newer) + " a newer version: bring them back", rollbackCommand(a.current)})
	}
	if place := a.place(); place != nil && place.Version > a.current {
		status.Next = append(status.Next, Step{"put the older key back, then restart every server", putBackCommand(a.current)},
			Step{"after the restart, once more", rollbackCommand(a.current)})
	}
	return status
}

// decideOlder says what is next for a version that is older than the current one.
func (a *assessment) decideOlder(version int) Status {
	key, values := KeyOf(a.Keys, version), a.labels[version]
	next := nextForOlder(key, version, values)
	status := Status{Next: []Step{next}}
	switch {
	case values > 0:
		status.Phase, status.Summary = PhaseMoving, fmt.Sprintf("Version %d is the new one, and %s version %d.", a.current, labelledText(values), version)
		status.Next = append([]Step{a.restart()}, next)
	case a.isPartial():
		status.Next = append([]Step{a.restart()}, next)
		status.Phase, status.Summary = PhaseMoving, fmt.Sprintf("Version %d is the new one, and version %d is not finished. Not everything was looked at.", a.current, version)
	case key == nil || key.isUnfinished() && key.Proven.IsZero():
		status.Phase, status.Summary = PhaseUnproven, fmt.Sprintf("No value is labelled with version %d any more, and nothing has proven that it is needed nowhere.", version)
	default:
		status.Phase, status.Summary = PhaseProven, fmt.Sprintf("A run has proven that nothing in the database was under version %d. Of what was written since, only the labels were looked at.", version)
		if current := KeyOf(a.Keys, a.current); current != nil && current.Begun == nil {
			if place := a.place(); place != nil && place.Keys[version] == "" {
				next.Text = "record that the old key is gone"
			}
			status.Next = []Step{next}
		}
		isReady := a.Readiness != nil && a.Readiness.IsReady()
		if !isReady && key.State != Retired { // ocmt rotate finish refuses until then
			status.Next = append([]Step{a.restart()}, status.Next...)
		}
	}
	return status
}

// nextForOlder returns the step that brings an older version further.
func nextForOlder(key *RecordedKey, version int, values int64) Step {
	if values > 0 || key == nil || key.State != Retired && key.Proven.IsZero() {
		return Step{"bring every value to the new key, and prove it", fmt.Sprintf("ocmt rotate --from-version %d", version)}
	}
	command := fmt.Sprintf("ocmt rotate finish --from-version %d", version)
	if key.State == Retired && key.BackupsUntil != "" { // taken away in another place, where all of that was said
		return Step{"take the old key away here too", command}
	}
	command += " --backups-until DATE"
	if escrowFile(key) == "" && (key.Escrow == nil || key.Escrow.State == "") {
		command += " --escrow FILE"
	}
	return Step{"take the old key away", command}
}

// restart returns the step that every server must have the new key. Where the record does not have the key yet, there is
// nothing that ocmt rotate readiness could hold the servers to.
func (a *assessment) restart() Step {
	if key := KeyOf(a.Keys, a.current); key == nil || key.Begun == nil && olderThan(a.Keys, a.current) == nil {
		return Step{Text: fmt.Sprintf("see that every server runs with ENCRYPTION_KEY_VERSION=%d", a.current)}
	}
	return restartStep(a.current)
}

// restartStep says that every server must have the new key, and which command looks.
func restartStep(version int) Step {
	return Step{fmt.Sprintf("see that every server writes version %d", version), "ocmt rotate readiness"}
}

// statusCommand shows where the keys stand.
const statusCommand = "ocmt rotate status"

func rollbackCommand(version int) string {
	return fmt.Sprintf("ocmt rotate rollback --to-version %d", version)
}

func putBackCommand(version int) string {
	return fmt.Sprintf("ocmt rotate put-back --to-version %d", version)
}
