package secret

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/ocmt/ocmt/pkg/crypto"
)

const (
	nameKey        = "ENCRYPTION_KEY"
	nameKeyVersion = "ENCRYPTION_KEY_VERSION"
	nameOlderKey   = "ENCRYPTION_KEY_V" // and a version number
)

// KeySet holds the encryption keys of a server as their settings spell them.
type KeySet struct {
	Current        string            // ENCRYPTION_KEY
	CurrentVersion string            // ENCRYPTION_KEY_VERSION; empty is 0
	Older          map[string]string // ENCRYPTION_KEY_V{n} by what stands behind the V
}

// CheckEncryptionKeys checks each key of set as CheckEncryptionKey does, the
// version numbers, and whether the keys and numbers fit together. Every Problem
// names its setting. The order is that of the settings: the current key, its
// version, then the older ones by number.
func CheckEncryptionKeys(set KeySet) []Problem {
	current, known := currentVersion(set.CurrentVersion)
	older := olderKeys(set.Older)

	problems := checkCurrentKey(set.Current)
	if !known {
		problems = append(problems, Problem{Name: nameKeyVersion, Code: "version_number", Severity: Error,
			Message: "is not a plain whole number; the server reads the digits at its start and ignores the rest",
			Fix:     "set it to the version of the key in " + nameKey + ", in digits only"})
	}
	for _, key := range older {
		problems = append(problems, key.check()...)
		if known && key.plain {
			problems = append(problems, key.checkAgainst(current, set.Current)...)
		}
	}
	problems = append(problems, findDuplicates(set.Current, current, known, older)...)
	if known {
		problems = append(problems, findGaps(current, older)...)
	}
	return problems
}

func checkCurrentKey(text string) []Problem {
	if text == "" {
		return []Problem{{Name: nameKey, Code: "missing", Severity: Error,
			Message: "is not set; a server starts without it and fails at the first value",
			Fix:     "set it to the key that the OCMT servers have, or make the first one with ocmt keygen encryption"}}
	}
	return named(nameKey, CheckEncryptionKey(text))
}

// olderKey is one ENCRYPTION_KEY_V… setting.
type olderKey struct {
	name    string
	text    string
	version int
	plain   bool // whether its name ends with a plain number
}

// olderKeys sorts by version; names without a number come last.
func olderKeys(texts map[string]string) []olderKey {
	keys := make([]olderKey, 0, len(texts))
	for _, suffix := range slices.Sorted(maps.Keys(texts)) {
		version, plain := plainVersion(suffix)
		keys = append(keys, olderKey{name: nameOlderKey + printable(suffix), text: texts[suffix], version: version, plain: plain})
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

// check looks at the setting by itself.
func (k olderKey) check() []Problem {
	problems := named(k.name, CheckEncryptionKey(k.text))
	for i := range problems {
		switch {
		case problems[i].Code == "length":
			problems[i].Message += ", and a server with one of another length opens no value at all"
		case problems[i].Fix == fixMakeKey && k.plain:
			problems[i].Fix = fmt.Sprintf("move every value off it with ocmt rotate --from-version %d, then remove it", k.version)
		}
	}
	if !k.plain {
		problems = append(problems, Problem{Name: k.name, Code: "version_number", Severity: Error,
			Message: "has no plain version number behind its V, so the server does not read it",
			Fix:     "rename it to " + nameOlderKey + " and the number, such as " + nameOlderKey + "0"})
	}
	return problems
}

// checkAgainst finds keys that the server ignores, because it reads only those
// below its current version.
func (k olderKey) checkAgainst(current int, currentText string) []Problem {
	problem := Problem{Name: k.name, Code: "ignored", Severity: Warning}
	switch {
	case k.version < current:
		return nil
	case k.version > current:
		problem.Message = fmt.Sprintf("is ignored by the server, whose current version is %d; perhaps %s was not raised", current, nameKeyVersion)
		problem.Fix = fmt.Sprintf("raise %s if a newer key is in use, or remove this one once no value is under version %d", nameKeyVersion, k.version)
	case sameKey(k.text, currentText):
		problem.Message = fmt.Sprintf("repeats %s, which is version %d already; the server ignores it", nameKey, current)
		problem.Fix = "remove it"
	default:
		problem.Code, problem.Severity = "version_not_raised", Error
		problem.Message = fmt.Sprintf("and %s are two different keys of version %d; it looks as if the key was changed and %s was not raised", nameKey, current, nameKeyVersion)
		problem.Fix = fmt.Sprintf("set %s to %d on every server before anything else is written", nameKeyVersion, current+1)
	}
	return []Problem{problem}
}

// findDuplicates names each older key that repeats a key of another version.
func findDuplicates(currentText string, current int, known bool, older []olderKey) []Problem {
	seen := []olderKey{{name: nameKey, text: currentText, version: current, plain: known}}
	var problems []Problem
	for _, key := range older {
		first := slices.IndexFunc(seen, func(other olderKey) bool {
			sameVersion := key.plain && other.plain && key.version == other.version
			return !sameVersion && sameKey(key.text, other.text)
		})
		if first >= 0 {
			problems = append(problems, Problem{Name: key.name, Code: "duplicate_key", Severity: Error,
				Message: "holds the same key as " + seen[first].name + "; a rotation between them changes nothing",
				Fix:     "give each version a key of its own"})
		}
		seen = append(seen, key)
	}
	return problems
}

// findGaps names the versions without a key between the oldest key and the
// current one. Versions below the oldest were retired and are no gap. A gap is
// one Problem however wide it is.
func findGaps(current int, older []olderKey) []Problem {
	var problems []Problem
	next := -1 // the version that should come now, once there is an oldest
	for _, key := range slices.Concat(older, []olderKey{{version: current, plain: true}}) {
		if !key.plain || key.version > current || key.text == "" && key.version < current {
			continue
		}
		if next >= 0 && key.version > next {
			problems = append(problems, gap(next, key.version-1))
		}
		next = key.version + 1
	}
	return problems
}

func gap(first, last int) Problem {
	problem := Problem{Name: nameOlderKey + strconv.Itoa(first), Code: "gap", Severity: Warning}
	if first == last {
		problem.Message = fmt.Sprintf("is not set; values under version %d, if there are any, cannot be opened", first)
	} else {
		problem.Message = fmt.Sprintf("is not set, nor is any up to version %d; values under them, if there are any, cannot be opened", last)
	}
	problem.Fix = "set it if any value is still under it; ocmt migrate plan shows which versions are in use"
	return problem
}

// currentVersion reads the current version as the server defaults it.
func currentVersion(text string) (version int, plain bool) {
	if text == "" {
		return 0, true
	}
	return plainVersion(text)
}

// plainVersion reads a version number that has one spelling only: the server
// takes 1abc for 1, and what was meant is not for a tool to guess.
func plainVersion(text string) (version int, plain bool) {
	number, err := strconv.ParseInt(text, 10, 32)
	if err != nil || number < 0 || strconv.FormatInt(number, 10) != text {
		return 0, false
	}
	return int(number), true
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

// named puts the setting's name into problems.
func named(name string, problems []Problem) []Problem {
	for i := range problems {
		problems[i].Name = name
	}
	return problems
}
