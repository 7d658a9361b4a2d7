package config

import "strings"

// Keys are the encryption keys as their settings spell them, unchecked.
type Keys struct {
	Current        Secret            // ENCRYPTION_KEY
	CurrentVersion string            // ENCRYPTION_KEY_VERSION; empty means 0
	Older          map[string]Secret // ENCRYPTION_KEY_V{n} by what stands behind the V
}

// readKeys reads ENCRYPTION_KEY, its version, and every ENCRYPTION_KEY_V…,
// whatever stands behind the V: a misspelt version is for validate to name, not
// to be skipped.
func (s *Settings) readKeys(r *resolver) error {
	current, err := r.lookup(NameKey, "")
	if err != nil {
		return err
	}
	version, err := r.lookup(NameKeyVersion, "")
	if err != nil {
		return err
	}
	s.Keys = Keys{Current: NewSecret(current), CurrentVersion: version, Older: map[string]Secret{}}
	for name := range r.names(NameOlderKey) {
		if name == NameKeyVersion {
			continue
		}
		text, err := r.lookup(name, "")
		if err != nil {
			return err
		}
		s.Keys.Older[strings.TrimPrefix(name, NameOlderKey)] = NewSecret(text)
	}
	return nil
}
