package crypto

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// KeySize is the length of a key in bytes. Its text has twice as many hexadecimal
// characters.
const KeySize = 32

const (
	redacted = "[redacted]"

	// fingerprintDomain makes fingerprints differ from any other SHA-256 of the same 32
	// bytes, so that one cannot be mistaken for another or looked up as one.
	fingerprintDomain = "ocmt encryption key fingerprint v1\x00"
	fingerprintBytes  = 8
)

// Key is one 256-bit encryption key. It does not print: every way of formatting, encoding
// or logging it gives "[redacted]", or an address where it is an unexported field of
// another struct. Only Reveal returns its text. The zero Key is no key; see IsZero. A Key
// never changes, and may be copied and used by several goroutines.
type Key struct {
	// The bytes are behind a function because fmt cannot call Format on an unexported
	// field of another package's struct: it walks such a field by itself, and follows an
	// inner pointer where the verb does not fit a pointer, as %s and %q do not. Nothing
	// follows a function. It also makes == a compile error, because the time that ==
	// takes would reveal something of the bytes.
	secret func() *[KeySize]byte
}

// keyOf returns a Key of the bytes of secret, which must not change any more.
func keyOf(secret *[KeySize]byte) Key {
	return Key{secret: func() *[KeySize]byte { return secret }}
}

// ParseKey reads a key from its 64 hexadecimal characters, in either case and
// with nothing around them. The error wraps ErrKeyText and says what is wrong
// without repeating any of the text.
func ParseKey(text string) (Key, error) {
	if len(text) != hex.EncodedLen(KeySize) {
		return Key{}, fmt.Errorf("%w: it has %d characters", ErrKeyText, len(text))
	}
	var secret [KeySize]byte
	if _, err := hex.Decode(secret[:], []byte(text)); err != nil {
		return Key{}, fmt.Errorf("%w: not every character is a hexadecimal digit", ErrKeyText)
	}
	return keyOf(&secret), nil
}

// GenerateKey makes a key from the next 32 bytes of random, which must be a cryptographic
// source such as crypto/rand.Reader.
func GenerateKey(random io.Reader) (Key, error) {
	var secret [KeySize]byte
	if _, err := io.ReadFull(random, secret[:]); err != nil {
		return Key{}, fmt.Errorf("reading random bytes for a key: %w", err)
	}
	if secret == ([KeySize]byte{}) {
		return Key{}, errors.New("reading random bytes for a key: the source gives only zeros")
	}
	return keyOf(&secret), nil
}

// IsZero reports whether k is the zero Key, which holds nothing and opens
// nothing.
func (k Key) IsZero() bool { return k.secret == nil }

// Equal reports whether k and other are the same key, in a time that does not
// depend on where they differ. A zero Key equals only a zero Key.
func (k Key) Equal(other Key) bool {
	if k.secret == nil || other.secret == nil {
		return k.secret == nil && other.secret == nil
	}
	return subtle.ConstantTimeCompare(k.secret()[:], other.secret()[:]) == 1
}

// Fingerprint returns 16 lowercase hexadecimal characters that name the key in reports and
// records, or "" for a zero Key. They are the first 8 bytes of a SHA-256 over a domain text
// and the key. A fingerprint cannot be inverted: the only attack is to try keys, of which
// there are 2^256, and each fingerprint belongs to 2^192 of them. A key that a person has
// invented can be guessed, and the fingerprint then confirms the guess.
func (k Key) Fingerprint() string {
	if k.secret == nil {
		return ""
	}
	hash := sha256.New()
	hash.Write([]byte(fingerprintDomain))
	hash.Write(k.secret()[:])
	return hex.EncodeToString(hash.Sum(nil)[:fingerprintBytes])
}

// Reveal returns the key as 64 lowercase hexadecimal characters, or "" for a zero Key. Call
// it where the text is written, not before.
func (k Key) Reveal() string {
	if k.secret == nil {
		return ""
	}
	return hex.EncodeToString(k.secret()[:])
}

// String returns "[redacted]".
func (k Key) String() string { return redacted }

// GoString returns "[redacted]".
func (k Key) GoString() string { return redacted }

// Format writes "[redacted]" for every verb. Without it, %x and %d would bypass String.
func (k Key) Format(f fmt.State, _ rune) { writeText(f, redacted) }

// MarshalText returns "[redacted]".
func (k Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns "[redacted]" as a JSON string.
func (k Key) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// LogValue returns "[redacted]".
func (k Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// writeText ignores the write error because fmt.State cannot report one.
func writeText(f fmt.State, text string) { _, _ = io.WriteString(f, text) }
