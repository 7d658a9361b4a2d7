package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/ocmt"
)

// Deployment has the settings of a whole deployment that are secrets: those of all its components, as far
// as they are set here. Its texts do not print.
type Deployment struct {
	secrets map[string]Secret
	sources map[string]Source
	// Unread has the settings whose files cannot be read, with the error.
	Unread map[string]error

	resolve func(name string) (string, Source, error)
}

// Deployment reads the settings of all components that are secrets. DATABASE_URL and REDIS_URL are those of
// the env file where it has them: the servers read them there, and an operator has accounts of their own in
// the environment. Files that settings name are read now. What was read already is not read again, because a pipe cannot be.
func (s *Settings) Deployment() *Deployment {
	d := &Deployment{secrets: maps.Clone(s.secrets), sources: maps.Clone(s.sources), Unread: map[string]error{}, resolve: s.resolve}
	d.secrets[NameDatabaseURL], d.secrets[NameRedisURL] = NewSecret(s.DatabaseURL.Reveal()), NewSecret(s.RedisURL.Reveal())
	for _, name := range []string{NameDatabaseURL, NameRedisURL} {
		if text, source, err := s.inEnvFile(name); err == nil && text != "" {
			d.secrets[name], d.sources[name] = NewSecret(text), source
		}
	}
	for _, setting := range ocmt.Settings() {
		d.read(setting.Name)
	}
	return d
}

// read looks a setting up, unless that was done.
func (d *Deployment) read(name string) {
	if _, known := d.secrets[name]; known || d.resolve == nil {
		return
	}
	text, source, err := d.resolve(name)
	if err != nil {
		d.Unread[name] = err
	}
	d.secrets[name], d.sources[name] = NewSecret(text), source
}

// Text returns the text of any setting of the deployment; "" where it is not set.
func (d *Deployment) Text(name string) string {
	d.read(name)
	return d.secrets[name].Reveal()
}

// Names returns the names that are set and begin with a prefix, in order.
func (d *Deployment) Names(prefix string) []string {
	var names []string
	for name, text := range d.secrets {
		if strings.HasPrefix(name, prefix) && text.IsSet() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Place names where a setting was found, for people.
func (d *Deployment) Place(name string) string { return d.sources[name].String() }

// File returns the path of the file that has a setting; "" where it is from no file.
func (d *Deployment) File(name string) string { return d.sources[name].Path }

// InEnvFile reports whether a setting was found in the env file, or in a file that the env file names for it.
func (d *Deployment) InEnvFile(name string) bool { return d.sources[name].isInEnvFile() }
