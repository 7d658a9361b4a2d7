package secret

import (
	"io"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
)

// Kind is one kind of secret.
type Kind struct {
	Name    string // what an operator calls it, such as "encryption"
	Label   string // what reports call it, such as "encryption key"
	Setting string // the setting that it stands in
	// VersionSetting holds the version of the secret in Setting, and OlderPrefix with a
	// version number behind it is the setting of an older one. Both are empty where a kind
	// has no versions.
	VersionSetting, OlderPrefix string
	// Form says what a new one is made of, such as "32 random bytes".
	Form string
	// Next says what to do with a new one.
	Next string

	// Generate makes a new one from random, which must be a cryptographic source. What it
	// makes passes Check.
	Generate func(random io.Reader) (string, error)
	// Check returns what is wrong with a text as a secret of this kind, worst first;
	// nothing where it is sound. The findings name no place.
	Check func(text string) []finding.Finding
	// CheckSettings returns what is wrong with all settings of the kind. Each finding names
	// its setting.
	CheckSettings func(settings Settings) []finding.Finding
	// Fingerprint names a secret without giving it away; "" where the text is no secret of
	// this kind.
	Fingerprint func(text string) string
}

// Settings are the settings of a deployment. A Settings must not print its texts.
type Settings interface {
	// Text returns the text of a setting; "" where it is not set.
	Text(name string) string
	// Names returns the names that are set and begin with a prefix.
	Names(prefix string) []string
}

// SettingNames returns the settings of a kind: the secret, its version, and the older
// ones by name. names returns the names that are set and begin with a prefix.
func (k Kind) SettingNames(names func(prefix string) []string) []string {
	list := []string{k.Setting}
	if k.VersionSetting == "" {
		return list
	}
	list = append(list, k.VersionSetting)
	for _, name := range slices.Sorted(slices.Values(names(k.OlderPrefix))) {
		if name != k.VersionSetting {
			list = append(list, name)
		}
	}
	return list
}

// Claims reports whether a setting that SettingNames lists is one of this kind, or a slip of
// one. Others have names that begin like one by chance: Kubernetes sets
// ENCRYPTION_KEY_VAULT_SERVICE_HOST for a service that is called encryption-key-vault.
func (k Kind) Claims(name, text string) bool {
	if k.OlderPrefix == "" || name == k.VersionSetting || !strings.HasPrefix(name, k.OlderPrefix) {
		return true
	}
	suffix := strings.TrimPrefix(name, k.OlderPrefix)
	isVersionLike := len(suffix) <= longestSlip || strings.ContainsRune("0123456789+-", rune(suffix[0]))
	return isVersionLike || Resembles(suffix) || k.isNearly(text)
}

// longestSlip is the longest suffix that may be a misspelt version, such as the letter O for
// the digit 0.
const longestSlip = 3

// isNearly reports whether a text is a secret of this kind, or nearly so: most of it is
// hexadecimal, and it is half as long as a key or longer.
func (k Kind) isNearly(text string) bool {
	bad, _ := countNotHex(text)
	return k.Fingerprint(text) != "" || len(text) >= keyCharacters/2 && bad*4 <= len(text)
}

// ShownName returns the name of a setting for a report. What an operator put behind the
// prefix of an older secret could be a secret itself.
func (k Kind) ShownName(name string) string {
	suffix, older := strings.CutPrefix(name, k.OlderPrefix)
	if k.OlderPrefix != "" && older && (Resembles(name) || Resembles(suffix)) {
		return k.OlderPrefix + "[not shown]"
	}
	return name
}

// Kinds returns every kind, in the order in which help pages show them.
func Kinds() []Kind {
	return []Kind{encryption()}
}

// Lookup returns the kind of a name, and whether there is one.
func Lookup(name string) (Kind, bool) {
	for _, kind := range Kinds() {
		if kind.Name == name {
			return kind, true
		}
	}
	return Kind{}, false
}
