package rotation

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// Direction is the way from one key version to another.
type Direction struct {
	From           *int // the version to leave; nil for every version below To
	To             int  // the version to reach
	Configured     int  // ENCRYPTION_KEY_VERSION
	AllowDowngrade bool // going backwards is meant
}

// RefusedError says why a rotation is not begun. Nothing was read or written.
type RefusedError struct {
	Finding finding.Finding
	Or      string // another way than that of the finding; "" where there is none
}

// Error says what is wrong.
func (e *RefusedError) Error() string { return e.Finding.Message }

// Check refuses a direction that the servers could not follow, that goes nowhere, or
// that goes backwards although that is not meant. The error is a *RefusedError.
func (d Direction) Check() error {
	switch {
	case d.To > d.Configured:
		return d.refuse(finding.NewerVersion,
			fmt.Sprintf("version %d is newer than ENCRYPTION_KEY_VERSION, which is %d", d.To, d.Configured),
			"servers on an older version cannot read it: switch them all first, then set ENCRYPTION_KEY_VERSION here as they have it")
	case d.From != nil && *d.From == d.To:
		return d.refuse(finding.SameVersion,
			fmt.Sprintf("--from-version %d is the version that values are to be brought to", d.To),
			"set ENCRYPTION_KEY and ENCRYPTION_KEY_VERSION to the new key, as the servers have them, and ENCRYPTION_KEY_V0 and so on to the older ones")
	case d.AllowDowngrade:
		return nil
	case d.To < d.Configured:
		return d.refuse(finding.Downgrade,
			fmt.Sprintf("version %d is older than ENCRYPTION_KEY_VERSION, which is %d", d.To, d.Configured),
			"add --allow-downgrade to go backwards")
	case d.From != nil && *d.From > d.To:
		return d.refuse(finding.Downgrade,
			fmt.Sprintf("from version %d to version %d goes backwards", *d.From, d.To),
			"add --allow-downgrade if that is meant; else check ENCRYPTION_KEY_VERSION")
	}
	return nil
}

func (d Direction) refuse(code finding.Code, message, fix string) error {
	return &RefusedError{Finding: finding.Finding{Code: code, Severity: finding.Error, Where: versionName(d.To), Message: message, Fix: fix}}
}

// CheckFingerprint refuses a key to reach that does not have the fingerprint that the
// operator expects. An empty fingerprint expects nothing. The error is a
// *RefusedError.
func CheckFingerprint(expected string, ring *crypto.Keyring) error {
	key, _ := ring.Key(ring.Current())
	if expected == "" || strings.EqualFold(expected, key.Fingerprint()) {
		return nil
	}
	return &RefusedError{Finding: finding.Finding{Code: finding.OtherKey, Severity: finding.Error, Where: versionName(ring.Current()),
		Message: fmt.Sprintf("the key of version %d has the fingerprint %s, and --expect-key says another one", ring.Current(), key.Fingerprint()),
		Fix:     "ocmt validate shows the fingerprints here; run it on a server too, and compare"}}
}

// CheckPlaces refuses keys that are put together from two places, unless the operator has
// named the key to reach by its fingerprint. The error is a *RefusedError.
func CheckPlaces(found []finding.Finding, confirmed bool) error {
	if len(found) == 0 || confirmed {
		return nil
	}
	refused := found[0]
	refused.Severity = finding.Error
	refused.Message = refused.Where + " " + refused.Message
	refused.Fix += "; if it is meant, add --expect-key with the fingerprint that ocmt validate shows on a server"
	return &RefusedError{Finding: refused}
}

func versionName(version int) string { return "key version " + strconv.Itoa(version) }
