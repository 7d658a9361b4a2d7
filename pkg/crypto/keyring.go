package crypto

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strconv"
)

// Keyring holds the keys of a deployment by version, and the version that new values are
// written under. It never changes, may be used by several goroutines, and prints its
// version numbers only.
type Keyring struct {
	current int
	keys    map[int]keyEntry
}

// keyEntry is a key with its prepared ciphers. Preparing a cipher costs more than opening a
// short value.
type keyEntry struct {
	key     Key
	ciphers ciphers
}

// ciphers returns AES-256-GCM under one key, for an IV of either length that opens. It is a
// function for the same reason as Key.secret: a prepared cipher begins with the key, and
// fmt would print it.
type ciphers func(iv []byte) cipher.AEAD

// NewKeyring makes a keyring that seals under the version current. It refuses versions that
// are negative or over 32 bits, zero keys, and a current version without a key
// (*UnknownVersionError). It refuses one key under two versions (*DuplicateKeyError),
// because a value under that key would have two versions. The error is ErrUnsupported where the
// process may not use the ciphers.
func NewKeyring(current int, keys map[int]Key) (*Keyring, error) {
	if err := CheckSupport(); err != nil {
		return nil, fmt.Errorf("making a keyring: %w", err)
	}
	ring := &Keyring{current: current, keys: make(map[int]keyEntry, len(keys))}
	versions := slices.Sorted(maps.Keys(keys))
	for i, version := range versions {
		key := keys[version]
		if version < 0 || version > math.MaxInt32 {
			return nil, fmt.Errorf("making a keyring: version %d: %w", version, ErrVersionLabel)
		}
		if key.IsZero() {
			return nil, fmt.Errorf("making a keyring: version %d: %w", version, ErrKeyText)
		}
		for _, lower := range versions[:i] {
			if key.Equal(keys[lower]) {
				return nil, fmt.Errorf("making a keyring: %w", &DuplicateKeyError{A: lower, B: version})
			}
		}
		ring.keys[version] = keyEntry{key: key, ciphers: newCiphers(key)}
	}
	if _, ok := ring.keys[current]; !ok {
		return nil, fmt.Errorf("making a keyring: %w", &UnknownVersionError{Version: current})
	}
	return ring, nil
}

// Current returns the version that new values are sealed under.
func (k *Keyring) Current() int { return k.current }

// Versions returns the versions that have a key, lowest first.
func (k *Keyring) Versions() []int { return slices.Sorted(maps.Keys(k.keys)) }

// Key returns the key of a version, and whether there is one.
func (k *Keyring) Key(version int) (Key, bool) {
	entry, ok := k.keys[version]
	return entry.key, ok
}

// Only returns a keyring with just these versions, to prove that no other is needed. The
// current version must be among them, so that no other becomes current by accident. Call
// WithCurrent first to choose another one.
func (k *Keyring) Only(versions ...int) (*Keyring, error) {
	ring := &Keyring{current: k.current, keys: make(map[int]keyEntry, len(versions))}
	for _, version := range versions {
		entry, ok := k.keys[version]
		if !ok {
			return nil, fmt.Errorf("narrowing a keyring: %w", &UnknownVersionError{Version: version})
		}
		ring.keys[version] = entry
	}
	if _, ok := ring.keys[ring.current]; !ok {
		return nil, fmt.Errorf("narrowing a keyring: the current version %d must stay in it", ring.current)
	}
	return ring, nil
}

// WithCurrent returns a keyring with the same keys that seals under another
// version. The error is an *UnknownVersionError if that version has no key.
func (k *Keyring) WithCurrent(version int) (*Keyring, error) {
	if _, ok := k.keys[version]; !ok {
		return nil, fmt.Errorf("changing the current version: %w", &UnknownVersionError{Version: version})
	}
	return &Keyring{current: version, keys: k.keys}, nil
}

// ciphersOf returns the ciphers of a version, or an *UnknownVersionError.
func (k *Keyring) ciphersOf(version int) (ciphers, error) {
	entry, ok := k.keys[version]
	if !ok {
		return nil, &UnknownVersionError{Version: version}
	}
	return entry.ciphers, nil
}

// CheckSupport returns an error where this process may not use the ciphers of OCMT's values: under
// FIPS 140-only a 16-byte IV is not approved (NIST SP 800-38D, section 8.2).
func CheckSupport() (err error) {
	defer func() {
		if recover() != nil {
			err = ErrUnsupported
		}
	}()
	newCiphers(keyOf(&[KeySize]byte{}))
	return nil
}

// newCiphers prepares the ciphers of a key that is not zero. It panics only where CheckSupport
// returns an error: a Key has 32 bytes, which AES accepts.
func newCiphers(key Key) ciphers {
	block, err := aes.NewCipher(key.secret()[:])
	if err != nil {
		panic("crypto: AES refuses a 256-bit key")
	}
	iv16, err := cipher.NewGCMWithNonceSize(block, IVSize)
	if err != nil {
		panic("crypto: GCM refuses a 16-byte IV")
	}
	iv12, err := cipher.NewGCM(block)
	if err != nil {
		panic("crypto: GCM refuses a 12-byte IV")
	}
	return func(iv []byte) cipher.AEAD {
		if len(iv) == shortIVSize {
			return iv12
		}
		return iv16
	}
}

// String returns the version numbers: "keyring of versions 0, 1, sealing under 1".
func (k Keyring) String() string {
	text := []byte("keyring of versions ")
	for i, version := range k.Versions() {
		if i > 0 {
			text = append(text, ", "...)
		}
		text = strconv.AppendInt(text, int64(version), 10)
	}
	text = append(text, ", sealing under "...)
	return string(strconv.AppendInt(text, int64(k.current), 10))
}

// GoString returns the text of String.
func (k Keyring) GoString() string { return k.String() }

// Format writes the text of String for every verb.
func (k Keyring) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// MarshalText returns the text of String.
func (k Keyring) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// LogValue returns the text of String.
func (k Keyring) LogValue() slog.Value { return slog.StringValue(k.String()) }
