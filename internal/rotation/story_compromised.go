package rotation

import (
	"errors"
	"fmt"
	"time"

	"github.com/ocmt/ocmt/internal/finding"
)

// CompromisedMark says that somebody else may have the key of a version.
type CompromisedMark struct {
	Version     int
	Fingerprint string
	State       KeyState  // of the record before; "" where the record does not have the version
	Since       time.Time // when it was recorded already; the zero time where it was not
	// Current says that the record does not have the version, and that new values are written under it.
	Current              bool
	Operator, Host, Note string
}

// ErrUnknownVersion says that neither the record nor the place has a key of a version.
var ErrUnknownVersion = errors.New("neither the record nor the settings have a key of that version")

// isUnfinished reports whether a version is still to be finished. One that another tool has recorded as compromised, long ago
// perhaps, keeps no other rotation waiting: its key may be nowhere any more.
func (k RecordedKey) isUnfinished() bool {
	return k.State == DecryptOnly || k.State == Compromised && !k.Compromised.IsZero()
}

// IsRecorded reports whether the record has it already that the version is compromised, by this tool or another one.
func (m CompromisedMark) IsRecorded() bool { return m.State == Compromised || !m.Since.IsZero() }

// MarkCompromised returns what is to be recorded so that a version is known to be compromised. A version that the record
// does not have yet, as before the first rotation, is taken from a place. The errors are ErrUnknownVersion and *RefusedError.
func MarkCompromised(keys []RecordedKey, place Placement, version int) (CompromisedMark, error) {
	mark := CompromisedMark{Version: version, Fingerprint: place.Keys[version]}
	active := NewestIn(keys, Active)
	switch key := KeyOf(keys, version); {
	case key != nil && key.State == Pending:
		return mark, refuse(finding.PendingKey, version, fmt.Sprintf("version %d was begun, and is not known to be in place", version),
			"ocmt rotate begin records it where it is in place; "+abandonCommand+" gives it up")
	case key != nil:
		mark.State, mark.Since = key.State, key.Compromised
		if key.Fingerprint != "" {
			mark.Fingerprint = key.Fingerprint
		}
		return mark, nil
	case mark.Fingerprint == "":
		return mark, ErrUnknownVersion
	case active != nil && version > active.Version:
		return mark, refuse(finding.UnfinishedRotation, version, fmt.Sprintf("version %d is in place, and the record has version %d as the active one", version, active.Version),
			statusCommand+" says what records it; then run this again")
	}
	mark.Current = active == nil && version == place.Version
	return mark, nil
}
