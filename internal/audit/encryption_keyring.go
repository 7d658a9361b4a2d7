package audit

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ocmt/ocmt/pkg/crypto"
	"github.com/ocmt/ocmt/pkg/secret"
)

// valueKeys are the keys that values are opened with: every one that is set and has the form of a key,
// also those that a server ignores. Each is in the ring once. What is wrong with the settings is told by
// the check of the settings alone.
type valueKeys struct {
	current int             // the version that servers write under
	ring    *crypto.Keyring // nil without a key
	ids     map[int]int     // the version of the ring that has the key, by the version of a label
	names   map[int]string  // the setting that holds a key, by its version of the ring
	gap     *Gap            // why values cannot be opened; nil where they can
}

// namedKey is one setting that holds a key.
type namedKey struct {
	name    string
	version int
	key     crypto.Key
}

// readValueKeys reads the keys from the settings.
func readValueKeys(source Source[Settings]) valueKeys {
	keys := valueKeys{ids: map[int]int{}, names: map[int]string{}}
	if !source.there {
		keys.gap = &Gap{What: "the values under " + secret.NameEncryptionKey, Reason: "no settings were given, so that there is no key"}
		return keys
	}
	settings := source.it
	current, ok := parseKeyVersion(settings.Text(secret.NameEncryptionKeyVersion))
	if !ok {
		keys.gap = &Gap{What: "the values under " + secret.NameEncryptionKey, Reason: secret.NameEncryptionKeyVersion + " is not a plain whole number"}
		return keys
	}
	keys.current = current
	keys.add(listKeys(settings, current))
	if keys.ring == nil && keys.gap == nil {
		keys.gap = &Gap{What: "the values under " + secret.NameEncryptionKey, Reason: "no key is set here that has the form of one",
			Grant: "set " + secret.NameEncryptionKey + " and the older keys as the servers have them"}
	}
	return keys
}

// parseKeyVersion reads ENCRYPTION_KEY_VERSION, or what stands behind ENCRYPTION_KEY_V. Empty is 0.
func parseKeyVersion(text string) (version int, ok bool) {
	if text == "" {
		return 0, true
	}
	number, err := strconv.ParseUint(text, 10, 31)
	return int(number), err == nil
}

// listKeys returns the keys that are set, the current one first, then the others by version.
func listKeys(settings Settings, current int) []namedKey {
	var list []namedKey
	if key, err := crypto.ParseKey(settings.Text(secret.NameEncryptionKey)); err == nil {
		list = append(list, namedKey{secret.NameEncryptionKey, current, key})
	}
	var older []namedKey
	for _, name := range settings.Names(secret.NameOlderEncryptionKey) {
		suffix := strings.TrimPrefix(name, secret.NameOlderEncryptionKey)
		version, ok := parseKeyVersion(suffix)
		if key, err := crypto.ParseKey(settings.Text(name)); err == nil && ok && suffix != "" {
			older = append(older, namedKey{name, version, key})
		}
	}
	slices.SortFunc(older, func(a, b namedKey) int { return a.version - b.version })
	return append(list, older...)
}

// add makes the ring. A key under two versions is one key. Two keys under one version are two: the first
// has the label, and the other one gets a version that no label has.
func (k *valueKeys) add(list []namedKey) {
	byID := map[int]crypto.Key{}
	for n, one := range list {
		id, known := one.version, false
		for other, key := range byID {
			if key.Equal(one.key) {
				id, known = other, true
			}
		}
		if _, taken := k.ids[one.version]; !taken {
			k.ids[one.version] = id
		} else if !known {
			id = math.MaxInt32 - n
		}
		if _, taken := byID[id]; !taken {
			byID[id], k.names[id] = one.key, one.name
		}
	}
	if len(list) == 0 {
		return
	}
	ring, err := crypto.NewKeyring(k.ids[list[0].version], byID)
	if err != nil { // the process may not use the ciphers
		k.gap = &Gap{What: "the values under " + secret.NameEncryptionKey, Reason: err.Error()}
		return
	}
	k.ring = ring
}
