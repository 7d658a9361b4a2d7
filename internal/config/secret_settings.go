package config

import (
	"strings"

	"github.com/ocmt/ocmt/pkg/secret"
)

// readSecrets reads the settings of every kind of secret. It skips those whose names begin
// like one by chance, but not those with a misspelt version, because validate reports them.
func (s *Settings) readSecrets(r *resolver) error {
	s.secrets, s.shadowed = map[string]Secret{}, map[string]Source{}
	for _, kind := range secret.Kinds() {
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
