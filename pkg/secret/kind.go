package secret

import (
	"cmp"
	"io"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
)

// Component is a program of an OCMT deployment.
type Component string

// The components (contract, section 2).
const (
	Management Component = "management"
	AdminUI    Component = "admin-ui"
	Agent      Component = "agent"
	GroupVault Component = "group-vault"
	Gateway    Component = "gateway"
	Relay      Component = "relay"
)

// Place is a setting of a component that holds a secret. All places of a kind hold the same secret, and
// no two kinds may have the same: CheckShared looks for that.
type Place struct {
	Component Component
	Setting   string
	// File is the file of the component that has the setting, and Setting the path of a member in it; ""
	// where Setting is a variable of the environment. A file is read before the environment.
	File string
	// Needed says that the component does not start, or does not do its work, without it.
	Needed bool
	// NotFromFile says that the component reads it from its environment alone, and never from an env file.
	NotFromFile bool
	// Unset says what the component does without it, to be read behind its name; "" where nothing is known.
	Unset string
}

// Change is what a new secret costs.
type Change struct {
	Ends    string      // what ends with the old one, as a sentence
	Restart []Component // the components that must restart; none where a restart changes nothing
	Why     string      // why they must, or need not, as a sentence
}

// Kind is one kind of secret.
type Kind struct {
	Name    string // what an operator calls it, such as "encryption"
	Label   string // what reports call it, such as "encryption key"
	Setting string // the setting that it stands in; the first of Places, and "" where it stands in Column
	// VersionSetting holds the version of the secret in Setting, and OlderPrefix with a
	// version number behind it is the setting of an older one. Both are empty where a kind
	// has no versions.
	VersionSetting, OlderPrefix string
	// Places are the settings of each component that hold it.
	Places []Place
	// Address says that the setting is an address, and the secret is the password in it.
	Address bool
	// Path says that the setting is the path of a file, and the secret is in the file.
	Path bool
	// Column is where the database has it, as table and column, one for each user; "" for a setting.
	Column string
	// Maker is who makes it, such as "Google"; "" where the operator does, with Generate.
	Maker string
	// Issued says that Maker is no part of the deployment. A new one is had there, and the old one ended there.
	Issued bool
	// Base64 makes one of all the characters of Base64, whose +, / and = need care in addresses. It is nil
	// where the form has another alphabet.
	Base64 func(random io.Reader) (string, error)
	// Change is what a new one costs.
	Change Change
	// Quarterly and AfterIncident say when a new one is due (contract, section 7).
	Quarterly, AfterIncident bool
	// Proof says what shows that a new one is live, as a sentence.
	Proof string
	// Form says what a new one is made of, such as "32 random bytes".
	Form string
	// Next says what to do with a new one.
	Next string

	// Generate makes a new one from random, which must be a cryptographic source. What it
	// makes passes Check. It is nil where Maker makes them.
	Generate func(random io.Reader) (string, error)
	// Check returns what is wrong with a text as a secret of this kind, worst first;
	// nothing where it is sound. The findings name no place.
	Check func(text string) []finding.Finding
	// CheckSettings returns what is wrong with all settings of the kind. Each finding names
	// its setting.
	CheckSettings func(settings Settings) []finding.Finding
	// Fingerprint names a secret without giving it away; "" where the text is no secret of
	// this kind, or one that could be guessed and then found by its fingerprint.
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

// Kinds returns every kind, in the order in which help pages and reports show them.
func Kinds() []Kind {
	list := slices.Concat([]Kind{encryption(), adminToken(), internalAdminToken(), adminPassword(), agentToken(), groupVaultToken(),
		sessionSecret(), csrfSecret(), signingKey(), gatewayToken(), userGatewayToken(), databasePassword(), redisPassword()}, issuedKinds())
	for i := range list {
		list[i] = list[i].complete()
	}
	return list
}

// complete gives each kind what all of them have.
func (k Kind) complete() Kind {
	if k.CheckSettings == nil {
		check, fix := k.Check, k.fix()
		k.Check = func(text string) []finding.Finding { return withFix(check(text), fix) }
		k.CheckSettings = k.checkPlaces
	}
	return k
}

// fix says how a secret that is no good is replaced.
func (k Kind) fix() string {
	switch {
	case k.VersionSetting != "":
		return fixMakeKey
	case k.Column != "":
		return "make new ones with ocmt rotate " + k.Name
	case k.Issued:
		return "make a new one at " + k.Maker + ", and set it"
	case k.Generate == nil:
		return k.Next
	case k.Address:
		return "make a new one with ocmt keygen " + k.Name + ", and change it at the server and in " + k.Setting + " together"
	}
	return "make a new one with ocmt keygen " + k.Name + ", and set it in " + strings.Join(k.Names(), " and ")
}

// withFix puts what to do into the findings that do not say it.
func withFix(list []finding.Finding, fix string) []finding.Finding {
	for i := range list {
		list[i].Fix = cmp.Or(list[i].Fix, fix)
	}
	return list
}

// Names returns the names of the settings that hold the secret, each once, without those in other files
// than env files.
func (k Kind) Names() (names []string) {
	for _, place := range k.Places {
		if place.File == "" && !slices.Contains(names, place.Setting) {
			names = append(names, place.Setting)
		}
	}
	return names
}

// EqualTo returns the setting that must have the same text as one of the kind's; "" where it has one alone.
func (k Kind) EqualTo(setting string) string {
	for _, name := range k.Names() {
		if name != setting {
			return name
		}
	}
	return ""
}

// VersionedKinds returns the kinds whose secrets have versions.
func VersionedKinds() []Kind {
	return slices.DeleteFunc(Kinds(), func(k Kind) bool { return k.VersionSetting == "" })
}

// MadeKinds returns the kinds that keygen makes: those that OCMT's operator makes, and a setting holds.
func MadeKinds() []Kind {
	return slices.DeleteFunc(Kinds(), func(k Kind) bool { return k.Generate == nil || k.Setting == "" })
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
