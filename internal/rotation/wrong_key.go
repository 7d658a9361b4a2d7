package rotation

import (
	"fmt"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
)

// WrongKeyError says that the values under a version do not open because the key of this process is not the one that
// they need, as far as can be told: the record has another fingerprint for it, or not one of them opens. No value is
// known to be lost then, and no label to be wrong.
type WrongKeyError struct {
	Version     int
	Setting     string // that has the key
	Fingerprint string // of that key
	Recorded    string // the fingerprint that the record has for the version; "" for none
	Refused     int64  // how many values under the version do not open with it
	NoneOpens   bool   // and none does
	Findings    []finding.Finding
}

// Error says which key it is.
func (e *WrongKeyError) Error() string {
	text := fmt.Sprintf("values under version %d do not open", e.Version)
	switch {
	case e.NoneOpens && e.Refused == 1:
		text = fmt.Sprintf("the only value under version %d does not open", e.Version)
	case e.NoneOpens:
		text = fmt.Sprintf("none of the %s values under version %d opens", numberText(e.Refused), e.Version)
	}
	if e.IsOther() {
		return text + fmt.Sprintf(": %s is another key (fingerprint %s) than the record has (fingerprint %s)", e.Setting, e.Fingerprint, e.Recorded)
	}
	return text + fmt.Sprintf(" with %s (fingerprint %s)", e.Setting, e.Fingerprint)
}

// IsOther reports whether the record has another key for the version.
func (e *WrongKeyError) IsOther() bool { return e.Recorded != "" && e.Recorded != e.Fingerprint }

// FindWrongKey returns a *WrongKeyError where a verification failed because of a key itself, else nil. The recorded keys
// are nil where the record could not be read. Where it has the very key, single values were changed, or sealed with
// another one.
func FindWrongKey(request migrate.Request, verification *migrate.Verification, settings Placement, recorded []RecordedKey) *WrongKeyError {
	for _, version := range verification.KeyVersions {
		opened := verification.Versions[version]
		if version == request.To {
			opened = verification.Opened
		}
		wrong := &WrongKeyError{Version: version, Setting: settings.settingOf(version), Fingerprint: settings.Keys[version],
			Refused: verification.Refused[version], NoneOpens: verification.SealedTwice == 0 && opened == 0}
		if key := KeyOf(recorded, version); key != nil {
			wrong.Recorded = key.Fingerprint
		}
		isUnknown := version == request.To && wrong.NoneOpens && wrong.Recorded == ""
		if wrong.Refused > 0 && wrong.Fingerprint != "" && (wrong.IsOther() || isUnknown) {
			wrong.Findings = wrong.findings(request, verification)
			return wrong
		}
	}
	return nil
}

// findings returns the finding about the key, and those of the verification that do not follow from it.
func (e *WrongKeyError) findings(request migrate.Request, verification *migrate.Verification) []finding.Finding {
	found := []finding.Finding{{Code: finding.WrongKey, Severity: finding.Error, Where: versionName(e.Version), Message: e.Error(),
		Evidence: numberText(e.Refused) + " values", Fix: "ocmt validate shows which file or variable each key comes from; set the one that the servers have"}}
	for _, one := range findUnproven(request, verification) {
		if one.Code != finding.ValuesNotOpened && one.Code != finding.Mislabelled {
			found = append(found, one)
		}
	}
	return found
}
