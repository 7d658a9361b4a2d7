package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/ocmt/ocmt/pkg/crypto"
	"github.com/ocmt/ocmt/pkg/secret"
)

// KeySet returns the keys as texts, for the checks of pkg/secret.
func (k Keys) KeySet() secret.KeySet {
	older := make(map[string]string, len(k.Older))
	for suffix, text := range k.Older {
		older[suffix] = text.Reveal()
	}
	return secret.KeySet{Current: k.Current.Reveal(), CurrentVersion: k.CurrentVersion, Older: older}
}

// Keyring builds the keyring that values are opened and sealed with. Values are
// sealed under the configured version, or under to where it is given: going back
// to an older version is what a rollback does. Keys above the configured version
// belong to the ring as well: the server ignores them, but after a rollback they
// are what the newest values open with.
//
// Each key must be well formed. The key that values are sealed under must also
// be a good one; an older one may be weak, since leaving it is what is wanted.
//
// Errors are *MissingError and *InvalidError; none holds a key.
func (s *Settings) Keyring(to *int) (*crypto.Keyring, error) {
	configured, err := s.configuredVersion()
	if err != nil {
		return nil, err
	}
	keys, err := s.parseKeys(configured)
	if err != nil {
		return nil, err
	}
	current := configured
	if to != nil {
		current = *to
	}
	if _, there := keys[current]; !there {
		return nil, &MissingError{Name: keyName(current, configured),
			Advice: fmt.Sprintf("set %s to the key of version %d", keyName(current, configured), current)}
	}
	if err := s.checkStrength(keyName(current, configured), keys[current]); err != nil {
		return nil, err
	}
	ring, err := crypto.NewKeyring(current, keys)
	var same *crypto.DuplicateKeyError
	if errors.As(err, &same) {
		return nil, s.duplicate(same, configured)
	}
	if err != nil {
		return nil, fmt.Errorf("putting the keys together: %w", err)
	}
	return ring, nil
}

// configuredVersion reads ENCRYPTION_KEY_VERSION more strictly than the server,
// which takes 1abc for 1: what was meant is not for a tool to guess.
func (s *Settings) configuredVersion() (int, error) {
	if s.Keys.CurrentVersion == "" {
		return 0, nil
	}
	version, ok := plainVersion(s.Keys.CurrentVersion)
	if !ok {
		return 0, &InvalidError{Name: NameKeyVersion, Source: s.Source(NameKeyVersion),
			Reason: "must be a plain whole number such as 0 or 1",
			Advice: "set it to the version of the key in ENCRYPTION_KEY, in digits only"}
	}
	return version, nil
}

// plainVersion reads a version number that has one spelling only.
func plainVersion(text string) (int, bool) {
	version, err := strconv.ParseInt(text, 10, 32)
	if err != nil || version < 0 || strconv.FormatInt(version, 10) != text {
		return 0, false
	}
	return int(version), true
}

func (s *Settings) parseKeys(configured int) (map[int]crypto.Key, error) {
	if !s.Keys.Current.IsSet() {
		return nil, &MissingError{Name: NameKey,
			Advice: "set ENCRYPTION_KEY and ENCRYPTION_KEY_VERSION as the OCMT server has them, in the environment, in .env, or in a file named by ENCRYPTION_KEY_FILE"}
	}
	current, err := s.parseKey(NameKey, s.Keys.Current)
	if err != nil {
		return nil, err
	}
	keys := map[int]crypto.Key{configured: current}
	for _, suffix := range slices.Sorted(maps.Keys(s.Keys.Older)) {
		name := NameOlderKey + suffix
		version, ok := plainVersion(suffix)
		if !ok {
			return nil, &InvalidError{Name: name, Source: s.Source(name),
				Reason: "has no plain version number behind its V",
				Advice: "rename it to ENCRYPTION_KEY_V and the number, such as ENCRYPTION_KEY_V0"}
		}
		key, err := s.parseKey(name, s.Keys.Older[suffix])
		if err != nil {
			return nil, err
		}
		if version == configured && !key.Equal(current) {
			return nil, &InvalidError{Name: name, Source: s.Source(name),
				Reason: fmt.Sprintf("holds another key than ENCRYPTION_KEY, and ENCRYPTION_KEY_VERSION gives both the number %d", configured),
				Advice: "if ENCRYPTION_KEY is the new key, raise ENCRYPTION_KEY_VERSION by one on every server before anything is written with it"}
		}
		keys[version] = key
	}
	return keys, nil
}

func (s *Settings) parseKey(name string, text Secret) (crypto.Key, error) {
	key, err := crypto.ParseKey(text.Reveal())
	if err != nil {
		return crypto.Key{}, &InvalidError{Name: name, Source: s.Source(name),
			Reason: "is not a key: " + err.Error(),
			Advice: "set it to the 64 hexadecimal characters that the OCMT server has; run ocmt validate for more"}
	}
	return key, nil
}

func (s *Settings) checkStrength(name string, key crypto.Key) error {
	for _, problem := range secret.CheckEncryptionKey(key.Reveal()) {
		if problem.Severity == secret.Error {
			return &InvalidError{Name: name, Source: s.Source(name),
				Reason: "must not be sealed with: " + problem.Message, Advice: problem.Fix}
		}
	}
	return nil
}

func (s *Settings) duplicate(same *crypto.DuplicateKeyError, configured int) error {
	name, other := keyName(same.A, configured), keyName(same.B, configured)
	if name == NameKey {
		name, other = other, name
	}
	return &InvalidError{Name: name, Source: s.Source(name),
		Reason: "holds the same key as " + other,
		Advice: "give each version a key of its own: a rotation to the same key changes nothing"}
}

// keyName is the setting that holds the key of a version.
func keyName(version, configured int) string {
	if version == configured {
		return NameKey
	}
	return NameOlderKey + strconv.Itoa(version)
}

// ErrVersion: a key version is not written as a plain whole number.
var ErrVersion = errors.New("a key version is a plain whole number such as 0 or 1")

// ParseVersion reads a key version by the rule that ENCRYPTION_KEY_VERSION goes
// through. The error is ErrVersion.
func ParseVersion(text string) (int, error) {
	version, ok := plainVersion(text)
	if !ok {
		return 0, ErrVersion
	}
	return version, nil
}
