package config

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/pkg/secret"
)

// readSecrets reads the settings of every kind of secret. It skips those whose names begin
// like one by chance, but not those with a misspelt version, because validate reports them.
func (s *Settings) readSecrets(r *resolver) error {
	s.secrets, s.shadowed = map[string]Secret{}, map[string]Source{}
	for _, kind := range secret.VersionedKinds() {
		for _, name := range kind.SettingNames(r.listNames) {
			text, err := r.lookup(name, "")
			if err != nil {
				return err
			}
			if !kind.Claims(name, text) {
				delete(r.sources, name)
				continue
			}
			s.secrets[name] = NewSecret(text)
			if r.sources[name].isInEnvFile() {
				continue // a pipe cannot be read twice
			}
			// A file that cannot be read has no value that anybody could use.
			if other, place, err := r.findInEnvFile(name); err == nil && other != "" && other != text {
				s.shadowed[name] = place
			}
		}
	}
	return nil
}

// Text implements secret.Settings.
func (s *Settings) Text(name string) string { return s.secrets[name].Reveal() }

// Names implements secret.Settings.
func (s *Settings) Names(prefix string) []string {
	var names []string
	for name := range s.secrets {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names
}

// minFound is how many characters a secret must have for FindSecretIn to look for it: shorter ones are a
// part of many words. FindLongSecretIn looks for longer ones only: a weak password is a part of many paths.
const (
	minFound     = 4
	minFoundLong = 8
)

// FindSecretIn returns the name of a setting whose secret stands in a text: the value of a secret, a
// token, or the password of an address, as it is or as an address spells it. It returns "" where
// there is none.
func (s *Settings) FindSecretIn(text string) (name string) { return s.findSecretIn(text, minFound) }

// FindLongSecretIn is FindSecretIn for texts such as paths and names, in which a short secret, a word and an example of the
// documents stand by chance: many a password is also the name of the role or of a folder.
func (s *Settings) FindLongSecretIn(text string) (name string) {
	return s.findSecretIn(text, minFoundLong)
}

// listPlainSecrets returns the secrets of OCMT that stand in the environment or in the env file themselves. Files that
// they name are not opened: most commands need none of them.
func listPlainSecrets(environ map[string]string, file *envFile) map[string]Secret {
	list := map[string]Secret{}
	for _, setting := range ocmt.Settings() {
		text := environ[setting.Name]
		if text == "" && file != nil {
			text = file.values[setting.Name]
		}
		if !setting.Path && !setting.Address && text != "" {
			list[setting.Name] = NewSecret(text)
		}
	}
	return list
}

func (s *Settings) findSecretIn(text string, least int) (name string) {
	held := map[string][]string{NameAdminToken: {s.Access.AdminToken.Reveal()}}
	for name, value := range s.secrets {
		held[name] = []string{value.Reveal()}
	}
	for name, address := range map[string]URL{NameDatabaseURL: s.DatabaseURL, NameRedisURL: s.RedisURL} {
		for field := range strings.FieldsSeq(address.Reveal()) {
			held[name] = append(held[name], passwordsOf(field)...)
		}
	}
	for name, value := range s.plainSecrets {
		if text := value.Reveal(); len(text) >= minFoundLong {
			held[name] = append(held[name], text)
		}
	}
	for name, values := range held {
		for _, value := range values {
			if len(value) >= least && strings.Contains(text, value) && (least == minFound || !secret.IsPlaceholder(value) && secret.AndGiven(value) == "") {
				return name
			}
		}
	}
	return ""
}

// passwordForms match the password in an address that is no URL, and one in a URL that cannot be
// parsed.
var passwordForms = []*regexp.Regexp{regexp.MustCompile(`(?i)password='?([^'&]+)`), regexp.MustCompile(`://[^:/]*:(.+)@`)}

// passwordsOf returns the password of an address, in each of its spellings.
func passwordsOf(address string) (passwords []string) {
	if parsed, err := url.Parse(address); err == nil && parsed.User != nil {
		if password, set := parsed.User.Password(); set {
			passwords = append(passwords, password)
		}
	}
	for _, form := range passwordForms {
		if match := form.FindStringSubmatch(address); match != nil {
			passwords = append(passwords, match[1])
		}
	}
	return passwords
}
