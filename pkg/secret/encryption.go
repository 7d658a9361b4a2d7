package secret

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/crypto"
)

const (
	keyCharacters = 2 * crypto.KeySize

	fixMakeKey = "make a key with ocmt keygen encryption, and rotate to it"
	fixCopyKey = "copy it again, whole and without spaces, quotes or line ends, from where it is kept"
)

// The settings of the encryption keys.
const (
	NameEncryptionKey        = "ENCRYPTION_KEY"
	NameEncryptionKeyVersion = "ENCRYPTION_KEY_VERSION"
	NameOlderEncryptionKey   = "ENCRYPTION_KEY_V" // and a version number
)

// encryption returns the kind of the keys that values in the database are sealed with.
func encryption() Kind {
	return Kind{Name: "encryption", Label: "encryption key",
		Setting: NameEncryptionKey, VersionSetting: NameEncryptionKeyVersion, OlderPrefix: NameOlderEncryptionKey,
		Places: []Place{{Component: Management, Setting: NameEncryptionKey, Needed: true}},
		Change: Change{Ends: "values under the old key stay under it until they are moved", Restart: []Component{Management},
			Why: "a server reads its keys once, at its start, and opens no value of a newer version than its own"},
		AfterIncident: true, Proof: "values of the database open with it",
		Form:     "32 random bytes as 64 lowercase hexadecimal characters",
		Next:     "in a new deployment, set it as ENCRYPTION_KEY on every OCMT server; where there is a key already, ocmt rotate begin makes the next one and keeps the old one beside it. Keep an offline copy: what it encrypts cannot be read without it",
		Generate: generateEncryptionKey, Check: CheckEncryptionKey, Fingerprint: fingerprintEncryptionKey,
		CheckSettings: func(settings Settings) []finding.Finding { return CheckEncryptionKeys(EncryptionKeySet(settings)) }}
}

// fingerprintEncryptionKey returns the fingerprint of a key that cannot be guessed, and "" for another text.
func fingerprintEncryptionKey(text string) string {
	key, err := crypto.ParseKey(text)
	if err != nil || IsPlaceholder(text) {
		return ""
	}
	if _, weak := findWeakness(text); weak {
		return ""
	}
	return key.Fingerprint()
}

func generateEncryptionKey(random io.Reader) (string, error) {
	key, err := crypto.GenerateKey(random)
	if err != nil {
		return "", err
	}
	text := key.Reveal()
	if len(CheckEncryptionKey(text)) > 0 {
		return "", errors.New("making an encryption key: the random source gives bytes that are not random")
	}
	return text, nil
}

// CheckEncryptionKey checks the text of one encryption key: its form, and that it was
// neither thought up nor copied from the documentation. A key that has the form is
// reported for at most one weakness, as an error. A random key is reported less than once
// in 10^11 times; the bound of each rule stands beside the rule.
func CheckEncryptionKey(text string) []finding.Finding {
	if IsPlaceholder(text) {
		return []finding.Finding{{Code: finding.DocumentedExample, Severity: finding.Error,
			Message: "is an example from the documentation, which everybody can read", Fix: fixMakeKey}}
	}
	if found, ok := checkKeyForm(text); !ok {
		return []finding.Finding{found}
	}
	var list []finding.Finding
	if weakness, ok := findWeakness(text); ok {
		list = append(list, weakness)
	}
	if strings.ToLower(text) != text {
		list = append(list, finding.Finding{Code: finding.Uppercase, Severity: finding.Warning,
			Message: "has uppercase letters, where OCMT's documentation asks for lowercase",
			Fix:     "write its letters in lowercase on every server; the key stays the same"})
	}
	return list
}

// checkKeyForm returns why text is no key at all, or true.
func checkKeyForm(text string) (finding.Finding, bool) {
	found := finding.Finding{Severity: finding.Error, Fix: fixCopyKey}
	switch bad, first := countNotHex(text); {
	case text == "":
		found.Code, found.Message = finding.Missing, "is empty"
		found.Fix = "set it to the 64 hexadecimal characters of the key"
	case strings.TrimSpace(text) != text:
		found.Code, found.Message = finding.WhiteSpace, "has white space before or behind it"
	case len(text) != keyCharacters:
		found.Code = finding.Length
		found.Message = fmt.Sprintf("has %d characters; a key has exactly %d", len(text), keyCharacters)
	case bad > 0:
		found.Code = finding.NotHex
		found.Message = fmt.Sprintf("has %d characters that are not hexadecimal digits (0-9, a-f), the first at position %d", bad, first)
	default:
		return finding.Finding{}, true
	}
	return found, false
}

// countNotHex returns how many bytes of text are not hexadecimal digits, and
// where the first of them stands, counted from 1.
func countNotHex(text string) (bad, first int) {
	for i := range len(text) {
		if strings.IndexByte("0123456789abcdefABCDEF", text[i]) >= 0 {
			continue
		}
		bad++
		if first == 0 {
			first = i + 1
		}
	}
	return bad, first
}
