package secret

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
)

// checkPlaces checks the settings of a kind: each by itself, and that they have the same text.
func (k Kind) checkPlaces(settings Settings) (list []finding.Finding) {
	first := ""
	for _, name := range k.Names() {
		text := settings.Text(name)
		switch {
		case text == "" || k.Path: // the file is the secret, not its path
			continue
		case k.Address:
			list = append(list, named(name, k.checkAddress(text))...)
			continue
		case first != "" && settings.Text(first) != text:
			if k.isOfOther(name, text, settings) {
				continue
			}
			list = append(list, finding.Finding{Where: name, Code: finding.PairDiffers, Severity: finding.Error,
				Message: "is another text than " + first + ", and both must be the same",
				Fix:     "set it to the text of " + first + ", or make one for both with ocmt keygen " + k.Name})
		}
		first = cmp.Or(first, name)
		list = append(list, named(name, k.Check(text))...)
	}
	return list
}

// checkAddress checks the passwords in an address. An address without one is no secret.
func (k Kind) checkAddress(text string) []finding.Finding {
	if IsPlaceholder(text) {
		return withFix([]finding.Finding{exampleFinding("has an example from the documentation in it, which everybody can read")}, k.fix())
	}
	var list []finding.Finding
	for _, password := range AddressPasswords(text) {
		for _, found := range k.Check(password) {
			found.Message = "has a password that " + found.Message
			list = append(list, found)
		}
	}
	return list
}

// isOfOther reports whether a setting is that of another kind in these settings. Agent servers and group
// vaults both call theirs AUTH_TOKEN (contract, section 2). The text says whose it is. One that is
// neither's is compared with the first kind that has a text.
func (k Kind) isOfOther(name, text string, settings Settings) bool {
	for _, other := range Kinds() {
		if other.Name == k.Name || !slices.Contains(other.Names(), name) {
			continue
		}
		partner := settings.Text(other.EqualTo(name))
		if partner == text || partner != "" && isBefore(other.Name, k.Name) {
			return true
		}
	}
	return false
}

// isBefore reports whether Kinds has one kind before another.
func isBefore(one, other string) bool {
	for _, kind := range Kinds() {
		if kind.Name == one || kind.Name == other {
			return kind.Name == one
		}
	}
	return false
}

// heldSecret is a secret in a setting, and the kinds that have the setting.
type heldSecret struct {
	setting string
	text    Value
	kinds   []Kind
}

// CheckShared returns an error for each setting that has the same secret as a setting of another kind.
// Whoever learns one of them has both, and a change of one is none of the other. Secrets that others
// make may be those of one account.
func CheckShared(settings Settings) (list []finding.Finding) {
	held := heldSecrets(settings)
	for i, one := range held {
		for _, earlier := range held[:i] {
			if !one.mayEqual(earlier) && one.text.Reveal() == earlier.text.Reveal() {
				list = append(list, finding.Finding{Where: one.setting, Code: finding.SharedSecret, Severity: finding.Error,
					Message: "has the same secret as " + earlier.setting + ", so whoever learns one has both",
					Fix:     shareFix(one.kinds[0], earlier.kinds[0])})
				break
			}
		}
	}
	return list
}

// heldSecrets returns the secrets of the settings, with those in addresses taken out. The digits of
// encryption keys are in lowercase, because they mean the same in either case.
func heldSecrets(settings Settings) (list []heldSecret) {
	for _, kind := range Kinds() {
		for _, name := range kind.secretNames(settings) {
			known := slices.IndexFunc(list, func(h heldSecret) bool { return h.setting == name })
			if known >= 0 {
				list[known].kinds = append(list[known].kinds, kind)
				continue
			}
			for _, text := range kind.secretsIn(settings.Text(name)) {
				list = append(list, heldSecret{setting: name, text: NewValue(text), kinds: []Kind{kind}})
			}
		}
	}
	return list
}

// secretNames returns the settings that hold the secret, older ones included.
func (k Kind) secretNames(settings Settings) []string {
	if k.VersionSetting == "" {
		return k.Names()
	}
	return slices.DeleteFunc(k.SettingNames(settings.Names), func(name string) bool {
		return name == k.VersionSetting || k.ShownName(name) != name
	})
}

// secretsIn returns the secrets in the text of a setting.
func (k Kind) secretsIn(text string) []string {
	switch {
	case text == "" || k.Path:
		return nil
	case k.Address:
		return AddressPasswords(text)
	case k.VersionSetting != "":
		return []string{strings.ToLower(text)}
	}
	return []string{text}
}

// mayEqual reports whether two settings may have one secret.
func (h heldSecret) mayEqual(other heldSecret) bool {
	for _, one := range h.kinds {
		for _, two := range other.kinds {
			if one.Name == two.Name || one.Issued && two.Issued {
				return true
			}
		}
	}
	return false
}

// shareFix says which of two kinds gets a new secret: the one that the operator makes.
func shareFix(one, earlier Kind) string {
	if one.Generate == nil || one.VersionSetting != "" {
		return earlier.fix()
	}
	return one.fix()
}
