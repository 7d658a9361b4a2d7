package crypto

import (
	"fmt"
	"io"
	"slices"
)

// Open returns the plaintext of c: the bytes that were sealed. OCMT seals UTF-8, but any
// bytes are accepted. The error wraps ErrUnknownVersion or ErrAuthentication, or a rule of
// Parse for a Ciphertext that does not come from Parse.
func (k *Keyring) Open(c Ciphertext) ([]byte, error) {
	return k.open(nil, c)
}

// Seal encrypts plaintext under the current version in the versioned form, with a 16-byte
// IV that it reads from random. An empty plaintext gives ErrEmptyPlaintext.
func (k *Keyring) Seal(plaintext []byte, random io.Reader) (Ciphertext, error) {
	iv := make([]byte, IVSize)
	if _, err := io.ReadFull(random, iv); err != nil {
		return Ciphertext{}, fmt.Errorf("reading random bytes for an IV: %w", err)
	}
	return k.seal(nil, iv, plaintext)
}

// Reseal opens c and seals its plaintext under the current version. It does not prove the
// result; a text that replaces another one comes from a Resealer.
func (k *Keyring) Reseal(c Ciphertext, random io.Reader) (Ciphertext, error) {
	plaintext, err := k.Open(c)
	if err != nil {
		return Ciphertext{}, err
	}
	defer clear(plaintext)
	return k.Seal(plaintext, random)
}

// open appends the plaintext of c to dst.
func (k *Keyring) open(dst []byte, c Ciphertext) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	entry, err := k.ciphersOf(c.Version)
	if err != nil {
		return nil, err
	}
	return entry.open(dst, c)
}

// seal encrypts plaintext into the storage of dst, which it overwrites.
func (k *Keyring) seal(dst, iv, plaintext []byte) (Ciphertext, error) {
	if len(plaintext) == 0 {
		return Ciphertext{}, ErrEmptyPlaintext
	}
	entry, err := k.ciphersOf(k.current)
	if err != nil {
		return Ciphertext{}, err
	}
	sealed := entry(iv).Seal(dst[:0], iv, plaintext, nil)
	end := len(plaintext)
	return Ciphertext{
		Format: Versioned, Version: k.current,
		IV: iv, Tag: sealed[end:], Body: sealed[:end:end],
	}, nil
}

// open appends the plaintext of c, whose lengths were checked, to dst. It decrypts in
// place, so that the storage of dst contains nothing else.
func (x ciphers) open(dst []byte, c Ciphertext) ([]byte, error) {
	start := len(dst)
	dst = slices.Grow(dst, len(c.Body)+len(c.Tag))
	dst = append(dst, c.Body...)
	dst = append(dst, c.Tag...)
	plaintext, err := x(c.IV).Open(dst[:start], c.IV, dst[start:], nil)
	if err != nil {
		return nil, ErrAuthentication
	}
	return plaintext, nil
}

// OpenAny opens c with the key of its label or with any other of the ring. It returns the version of
// the key that opens it, and the plaintext; -1 where none does.
func (k *Keyring) OpenAny(c Ciphertext) (version int, plaintext []byte) {
	if plaintext, err := k.Open(c); err == nil {
		return c.Version, plaintext
	}
	label := c.Version
	c.Format = Versioned
	for _, c.Version = range k.Versions() {
		if c.Version == label {
			continue
		}
		if plaintext, err := k.Open(c); err == nil {
			return c.Version, plaintext
		}
	}
	return -1, nil
}
