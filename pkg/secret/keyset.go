package secret

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// KeySet holds the encryption keys of a server as their settings spell them. It does not
// print. The zero KeySet has no key.
type KeySet struct {
	current Value            // ENCRYPTION_KEY
	version string           // ENCRYPTION_KEY_VERSION; empty is 0
	older   map[string]Value // ENCRYPTION_KEY_V{n} by what stands behind the V
}

// NewKeySet returns the set of the key in ENCRYPTION_KEY, its version as
// ENCRYPTION_KEY_VERSION spells it, and the older keys by what stands behind the V of
// their settings.
func NewKeySet(current, version string, older map[string]string) KeySet {
	set := KeySet{current: NewValue(current), version: version, older: make(map[string]Value, len(older))}
	for suffix, text := range older {
		set.older[suffix] = NewValue(text)
	}
	return set
}

// EncryptionKeySet reads the encryption keys from settings. A misspelt version is part of
// the set, so that a check can name it.
func EncryptionKeySet(settings Settings) KeySet {
	older := map[string]string{}
	for _, name := range encryption().SettingNames(settings.Names)[2:] {
		older[strings.TrimPrefix(name, NameOlderEncryptionKey)] = settings.Text(name)
	}
	return NewKeySet(settings.Text(NameEncryptionKey), settings.Text(NameEncryptionKeyVersion), older)
}

// IsEmpty reports whether no key is set.
func (s KeySet) IsEmpty() bool { return s.current.Reveal() == "" && len(s.older) == 0 }

// Format writes "[redacted]" for every verb.
func (KeySet) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// MarshalText returns "[redacted]".
func (KeySet) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// MarshalJSON returns "[redacted]" as a JSON string.
func (KeySet) MarshalJSON() ([]byte, error) { return []byte(`"[redacted]"`), nil }

// LogValue returns "[redacted]".
func (KeySet) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// CheckEncryptionKeys checks each key of set as CheckEncryptionKey does, the version
// numbers, and whether keys and numbers fit together. Each finding names its setting. The
// order is that of the settings: the current key, its version, then the older ones by
// number.
func CheckEncryptionKeys(set KeySet) []finding.Finding {
	current, known := currentVersion(set.version)
	older := olderKeys(set.older)
	text := set.current.Reveal()

	list := checkCurrentKey(text)
	if !known {
		list = append(list, finding.Finding{Where: NameEncryptionKeyVersion, Code: finding.VersionNumber, Severity: finding.Error,
			Message: "is not a plain whole number; the server reads the digits at its start and ignores the rest",
			Fix:     "set it to the version of the key in " + NameEncryptionKey + ", in digits only"})
	}
	for _, key := range older {
		list = append(list, key.check()...)
		if known && key.plain {
			list = append(list, key.checkAgainst(current, text)...)
		}
	}
	list = append(list, findDuplicates(set.current, current, known, older)...)
	if known {
		list = append(list, findGaps(current, older)...)
	}
	return list
}

func checkCurrentKey(text string) []finding.Finding {
	if text == "" {
		return []finding.Finding{{Where: NameEncryptionKey, Code: finding.Missing, Severity: finding.Error,
			Message: "is not set; a server starts without it and fails at the first value",
			Fix:     "set it to the key that the OCMT servers have, or make the first one with ocmt keygen encryption"}}
	}
	return named(NameEncryptionKey, CheckEncryptionKey(text))
}

// olderKey is one ENCRYPTION_KEY_V… setting.
type olderKey struct {
	name    string
	text    Value
	version int
	plain   bool // whether its name ends with a plain number
}

// olderKeys returns the older keys by version. Those without a version number come last.
func olderKeys(texts map[string]Value) []olderKey {
	keys := make([]olderKey, 0, len(texts))
	for _, suffix := range slices.Sorted(maps.Keys(texts)) {
		version, plain := plainVersion(suffix)
		keys = append(keys, olderKey{name: encryption().ShownName(NameOlderEncryptionKey + suffix), text: texts[suffix], version: version, plain: plain})
	}
	slices.SortStableFunc(keys, func(a, b olderKey) int {
		if a.plain != b.plain {
			if a.plain {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.version, b.version)
	})
	return keys
}

// check returns what is wrong with the key and its name, without regard to other keys.
func (k olderKey) check() []finding.Finding {
	list := named(k.name, CheckEncryptionKey(k.text.Reveal()))
	for i := range list {
		switch {
		case list[i].Code == finding.Length:
			list[i].Message += ", and a server with one of another length opens no value at all"
		case list[i].Fix == fixMakeKey && k.plain:
			list[i].Fix = fmt.Sprintf("move every value off it with ocmt rotate --from-version %d, then remove it", k.version)
		}
	}
	if !k.plain {
		list = append(list, finding.Finding{Where: k.name, Code: finding.VersionNumber, Severity: finding.Error,
			Message: "has no plain version number behind its V, so the server does not read it",
			Fix:     "rename it to " + NameOlderEncryptionKey + " and the number, such as " + NameOlderEncryptionKey + "0"})
	}
	return list
}

// checkAgainst finds keys that the server ignores, because it reads only those
// below its current version.
func (k olderKey) checkAgainst(current int, currentText string) []finding.Finding {
	found := finding.Finding{Where: k.name, Code: finding.Ignored, Severity: finding.Warning}
	switch {
	case k.version < current:
		return nil
	case k.version > current:
		found.Message = fmt.Sprintf("is ignored by the server, whose current version is %d; perhaps %s was not raised", current, NameEncryptionKeyVersion)
		found.Fix = fmt.Sprintf("raise %s if a newer key is in use, or remove this one once no value is under version %d", NameEncryptionKeyVersion, k.version)
	case sameKey(k.text.Reveal(), currentText):
		found.Message = fmt.Sprintf("repeats %s, which is version %d already; the server ignores it", NameEncryptionKey, current)
		found.Fix = "remove it"
	default:
		found.Code, found.Severity = finding.VersionNotRaised, finding.Error
		found.Message = fmt.Sprintf("and %s are two different keys of version %d; it looks as if the key was changed and %s was not raised", NameEncryptionKey, current, NameEncryptionKeyVersion)
		found.Fix = fmt.Sprintf("set %s to %d on every server before anything else is written", NameEncryptionKeyVersion, current+1)
	}
	return []finding.Finding{found}
}

// findDuplicates names each older key that repeats a key of another version.
func findDuplicates(currentText Value, current int, known bool, older []olderKey) []finding.Finding {
	seen := []olderKey{{name: NameEncryptionKey, text: currentText, version: current, plain: known}}
	var list []finding.Finding
	for _, key := range older {
		first := slices.IndexFunc(seen, func(other olderKey) bool {
			sameVersion := key.plain && other.plain && key.version == other.version
			return !sameVersion && sameKey(key.text.Reveal(), other.text.Reveal())
		})
		if first >= 0 {
			list = append(list, finding.Finding{Where: key.name, Code: finding.DuplicateKey, Severity: finding.Error,
				Message: "holds the same key as " + seen[first].name + "; a rotation between them changes nothing",
				Fix:     "give each version a key of its own"})
		}
		seen = append(seen, key)
	}
	return list
}

// findGaps names the versions without a key between the oldest key and the
// current one. Versions below the oldest were retired and are no gap. A gap is
// one finding however wide it is.
func findGaps(current int, older []olderKey) []finding.Finding {
	var list []finding.Finding
	next := -1 // the version that should come now, once there is an oldest
	for _, key := range slices.Concat(older, []olderKey{{version: current, plain: true}}) {
		if !key.plain || key.version > current || key.text.Reveal() == "" && key.version < current {
			continue
		}
		if next >= 0 && key.version > next {
			list = append(list, gap(next, key.version-1))
		}
		next = key.version + 1
	}
	return list
}

func gap(first, last int) finding.Finding {
	found := finding.Finding{Where: NameOlderEncryptionKey + strconv.Itoa(first), Code: finding.Gap, Severity: finding.Warning}
	if first == last {
		found.Message = fmt.Sprintf("is not set; values under version %d, if there are any, cannot be opened", first)
	} else {
		found.Message = fmt.Sprintf("is not set, nor is any up to version %d; values under them, if there are any, cannot be opened", last)
	}
	found.Fix = "set it if any value is still under it; ocmt migrate plan shows which versions are in use"
	return found
}

// sameKey reports whether two texts are one valid key.
func sameKey(a, b string) bool {
	first, err := crypto.ParseKey(a)
	if err != nil {
		return false
	}
	second, err := crypto.ParseKey(b)
	return err == nil && first.Equal(second)
}

// named puts the name of the setting into findings.
func named(name string, list []finding.Finding) []finding.Finding {
	for i := range list {
		list[i].Where = name
	}
	return list
}
