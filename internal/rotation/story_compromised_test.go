package rotation_test

import (
	"errors"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/rotation"
)

// If this fails, an operator cannot say that a key is compromised where the record does not have it yet, or says it of a key
// that is none.
func TestMarkCompromised(t *testing.T) {
	t.Parallel()
	place := rotation.Placement{Place: "the settings", Version: 1, Keys: map[int]string{0: "zero", 1: "one"}}
	old := []rotation.RecordedKey{{Version: 0, Fingerprint: "recorded", State: rotation.Active}}
	for _, test := range []struct {
		what    string
		keys    []rotation.RecordedKey
		version int
		want    rotation.CompromisedMark
	}{
		{"nothing is recorded, and it is the current one", nil, 1, rotation.CompromisedMark{Version: 1, Fingerprint: "one", Current: true}},
		{"nothing is recorded, and it is an older one", nil, 0, rotation.CompromisedMark{Version: 0, Fingerprint: "zero"}},
		{"recorded", old, 0, rotation.CompromisedMark{Version: 0, Fingerprint: "recorded", State: rotation.Active}},
		{
			"recorded so already",
			[]rotation.RecordedKey{{Version: 0, State: rotation.Retired, Compromised: time.Unix(1, 0)}},
			0, rotation.CompromisedMark{Version: 0, Fingerprint: "zero", State: rotation.Retired, Since: time.Unix(1, 0)},
		},
	} {
		if got, err := rotation.MarkCompromised(test.keys, place, test.version); err != nil || got != test.want {
			t.Errorf("%s: %+v, %v", test.what, got, err)
		}
	}
	foreign, err := rotation.MarkCompromised([]rotation.RecordedKey{{Version: 0, State: rotation.Compromised}}, place, 0)
	if err != nil || !foreign.IsRecorded() {
		t.Errorf("another tool has recorded it: %+v, %v", foreign, err)
	}
	if _, err := rotation.MarkCompromised(old, place, 2); !errors.Is(err, rotation.ErrUnknownVersion) {
		t.Errorf("a version that nobody knows: %v", err)
	}
	for code, test := range map[finding.Code]struct {
		keys    []rotation.RecordedKey
		version int
	}{
		finding.UnfinishedRotation: {old, 1}, // in place by hand, and no run has recorded it
		finding.PendingKey:         {[]rotation.RecordedKey{{Version: 1, State: rotation.Pending}}, 1},
	} {
		_, err := rotation.MarkCompromised(test.keys, place, test.version)
		var refused *rotation.RefusedError
		if !errors.As(err, &refused) || refused.Finding.Code != code {
			t.Errorf("%s: %v", code, err)
		}
	}
}
