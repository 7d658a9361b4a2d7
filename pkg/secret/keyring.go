package secret

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// SettingError says which setting keeps a keyring from being made. It holds no key, but
// where Name is misspelt it could hold one by mistake; Error does not show such a name.
type SettingError struct {
	Name    string // the setting as it was given
	Missing bool   // the setting is needed and not set
	Reason  string // what is wrong with it, to be read behind the name
	Advice  string
}

// Error names the setting and what is wrong with it.
func (e *SettingError) Error() string {
	shown := encryption().ShownName(e.Name)
	if e.Missing {
		return shown + " is not set"
	}
	return shown + " " + e.Reason
}

// Keyring makes the keyring that values are opened and sealed with. Values are sealed
// under the current version of the set, or under to where that is given, as for a
// rollback. Keys above the current version belong to the ring as well: the server ignores
// them, but after a rollback the newest values open with them.
//
// Each key must have the form of one. The key to seal with must also be a good one; an
// older key may be weak, since a rotation leaves it. The error is a *SettingError.
func (s KeySet) Keyring(to *int) (*crypto.Keyring, error) {
	configured, known := currentVersion(s.version)
	if !known {
		return nil, &SettingError{Name: NameEncryptionKeyVersion,
			Reason: "must be a plain whole number such as 0 or 1",
			Advice: "set it to the version of the key in ENCRYPTION_KEY, in digits only"}
	}
	keys, err := s.parseKeys(configured)
	if err != nil {
		return nil, err
	}
	current := configured
	if to != nil {
		current = *to
	}
	name := settingOf(current, configured)
	if _, there := keys[current]; !there {
		return nil, &SettingError{Name: name, Missing: true, Advice: fmt.Sprintf("set %s to the key of version %d", name, current)}
	}
	if err := checkSealingKey(name, keys[current]); err != nil {
		return nil, err
	}
	ring, err := crypto.NewKeyring(current, keys)
	var same *crypto.DuplicateKeyError
	if errors.As(err, &same) {
		return nil, duplicateError(same, configured)
	}
	if err != nil {
		return nil, fmt.Errorf("putting the keys together: %w", err)
	}
	return ring, nil
}

// parseKeys returns the keys of the set by version.
func (s KeySet) parseKeys(configured int) (map[int]crypto.Key, error) {
	if s.current.Reveal() == "" {
		return nil, &SettingError{Name: NameEncryptionKey, Missing: true,
			Advice: "set ENCRYPTION_KEY and ENCRYPTION_KEY_VERSION as the OCMT server has them, in the environment, in .env, or in a file named by ENCRYPTION_KEY_FILE"}
	}
	current, err := parseKey(NameEncryptionKey, s.current.Reveal())
	if err != nil {
		return nil, err
	}
	keys := map[int]crypto.Key{configured: current}
	for _, suffix := range slices.Sorted(maps.Keys(s.older)) {
		name := NameOlderEncryptionKey + suffix
		version, plain := plainVersion(suffix)
		if !plain {
			return nil, &SettingError{Name: name, Reason: "has no plain version number behind its V",
				Advice: "rename it to ENCRYPTION_KEY_V and the number, such as ENCRYPTION_KEY_V0"}
		}
		key, err := parseKey(name, s.older[suffix].Reveal())
		if err != nil {
			return nil, err
		}
		if version == configured && !key.Equal(current) {
			return nil, &SettingError{Name: name,
				Reason: fmt.Sprintf("holds another key than ENCRYPTION_KEY, and ENCRYPTION_KEY_VERSION gives both the number %d", configured),
				Advice: "if ENCRYPTION_KEY is the new key, raise ENCRYPTION_KEY_VERSION by one on every server before anything is written with it"}
		}
		keys[version] = key
	}
	return keys, nil
}

func parseKey(name, text string) (crypto.Key, error) {
	key, err := crypto.ParseKey(text)
	if err != nil {
		return crypto.Key{}, &SettingError{Name: name, Reason: "is not a key: " + err.Error(),
			Advice: "set it to the 64 hexadecimal characters that the OCMT server has; run ocmt validate for more"}
	}
	return key, nil
}

// checkSealingKey refuses a key that can be guessed.
func checkSealingKey(name string, key crypto.Key) error {
	for _, found := range CheckEncryptionKey(key.Reveal()) {
		if found.Severity == finding.Error {
			return &SettingError{Name: name, Reason: "must not be sealed with: " + found.Message, Advice: found.Fix}
		}
	}
	return nil
}

func duplicateError(same *crypto.DuplicateKeyError, configured int) error {
	name, other := settingOf(same.A, configured), settingOf(same.B, configured)
	if name == NameEncryptionKey {
		name, other = other, name
	}
	return &SettingError{Name: name, Reason: "holds the same key as " + other,
		Advice: "give each version a key of its own: a rotation to the same key changes nothing"}
}

// settingOf returns the setting that holds the key of a version.
func settingOf(version, configured int) string {
	if version == configured {
		return NameEncryptionKey
	}
	return NameOlderEncryptionKey + strconv.Itoa(version)
}
