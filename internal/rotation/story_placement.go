package rotation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/pkg/crypto"
	"github.com/ocmt/ocmt/pkg/secret"
)

// Placement is the encryption keys that a place has: a store, or the settings of this process. Keys are
// named by their fingerprints.
type Placement struct {
	Place   string
	Version int            // of the key that new values are written with
	Keys    map[int]string // fingerprints by version
	// Problem says why the keys cannot be put together; "" where they can. It names a setting and no key.
	Problem string

	texts map[string]secret.Value // by the names of their settings
}

// NewPlacement returns the keys of a place by the texts of their settings. Settings of other names are
// passed over, and so are misspelt versions of older keys.
func NewPlacement(place string, texts map[string]secret.Value) Placement {
	found := Placement{Place: place, Keys: map[int]string{}, texts: texts}
	if text := texts[secret.NameEncryptionKeyVersion]; text.IsSet() {
		version, err := secret.ParseVersion(text.Reveal())
		if err != nil {
			found.Problem = secret.NameEncryptionKeyVersion + " is not a plain whole number"
			return found
		}
		found.Version = version
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if version, ours := found.versionOf(name); ours {
			found.add(name, version)
		}
	}
	return found
}

// versionOf returns the version of the key that a setting holds.
func (p *Placement) versionOf(name string) (version int, ours bool) {
	if name == secret.NameEncryptionKey {
		return p.Version, true
	}
	suffix, older := strings.CutPrefix(name, secret.NameOlderEncryptionKey)
	if !older || name == secret.NameEncryptionKeyVersion {
		return 0, false
	}
	version, err := secret.ParseVersion(suffix)
	return version, err == nil
}

// add adds the key of a setting. The server does not read an older setting of the current version.
func (p *Placement) add(name string, version int) {
	if !p.texts[name].IsSet() {
		return
	}
	fingerprint := FingerprintOf(p.texts[name])
	known := p.Keys[version]
	switch {
	case fingerprint == "":
		_, err := crypto.ParseKey(p.texts[name].Reveal())
		p.Problem = fmt.Sprintf("%s is not a key: %v", name, err)
	case known != "" && known != fingerprint:
		p.Problem = fmt.Sprintf("%s and %s hold two keys of version %d", secret.NameEncryptionKey, name, version)
	default:
		p.Keys[version] = fingerprint
	}
}

// FingerprintOf returns the fingerprint of the text of a key, "" where it is none.
func FingerprintOf(text secret.Value) string {
	key, err := crypto.ParseKey(text.Reveal())
	if err != nil {
		return ""
	}
	return key.Fingerprint()
}

// ReadPlacement reads the encryption keys of a store.
func ReadPlacement(ctx context.Context, store secretstore.Store) (Placement, error) {
	names, err := store.Names(ctx)
	if err != nil {
		return Placement{}, fmt.Errorf("reading the names in %s: %w", store.Place(), err)
	}
	texts := map[string]secret.Value{}
	for _, name := range names {
		if name != secret.NameEncryptionKey && !strings.HasPrefix(name, secret.NameOlderEncryptionKey) {
			continue
		}
		if texts[name], err = store.Get(ctx, name); err != nil {
			return Placement{}, fmt.Errorf("reading %s from %s: %w", name, store.Place(), err)
		}
	}
	return NewPlacement(store.Place(), texts), nil
}

// has reports whether the place writes with a version, whose key has a fingerprint.
func (p *Placement) has(version int, fingerprint string) bool {
	return p.Problem == "" && p.Version == version && p.Keys[version] == fingerprint
}

// find returns the text of the key with a fingerprint, from the setting that servers write with or from an
// older one.
func (p *Placement) find(fingerprint string) secret.Value {
	for _, name := range slices.Sorted(maps.Keys(p.texts)) {
		if _, ours := p.versionOf(name); ours && fingerprint != "" && FingerprintOf(p.texts[name]) == fingerprint {
			return p.texts[name]
		}
	}
	return secret.Value{}
}

// changeTo returns the change of a setting, and whether it is one. The store must still hold what the
// placement was read with.
func (p *Placement) changeTo(name string, text secret.Value) (secretstore.Change, bool) {
	old := p.texts[name]
	return secretstore.Change{Name: name, Old: old, New: text}, old.Reveal() != text.Reveal()
}

// changes returns the changes that bring settings to texts, in the order of the names.
func (p *Placement) changes(names []string, texts map[string]secret.Value) (list []secretstore.Change) {
	for _, name := range names {
		if change, needed := p.changeTo(name, texts[name]); needed {
			list = append(list, change)
		}
	}
	return list
}

// SettingOf returns the setting that holds the key of a version where another one is current.
func SettingOf(version int) string { return secret.NameOlderEncryptionKey + strconv.Itoa(version) }

// settingOf returns the setting that holds the key of a version in the place.
func (p *Placement) settingOf(version int) string {
	if version == p.Version {
		return secret.NameEncryptionKey
	}
	return SettingOf(version)
}
