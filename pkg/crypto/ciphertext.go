package crypto

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"strconv"
)

const (
	// IVSize is the length in bytes of the IV that OCMT writes.
	IVSize = 16
	// TagSize is the length in bytes of the authentication tag. A shorter tag is refused.
	TagSize = 16

	// shortIVSize is the length in bytes of the IV that most other programs use. The server
	// opens such values and never writes them. They are as safe.
	shortIVSize = 12
)

// Format is how a ciphertext is written as text.
type Format uint8

const (
	// Legacy is iv:tag:body in hexadecimal, always under key version 0.
	Legacy Format = iota + 1
	// Versioned is v{N}:iv:tag:body in Base64, under key version N. It is what
	// OCMT writes today.
	Versioned
)

// String returns "legacy" or "versioned".
func (f Format) String() string {
	switch f {
	case Legacy:
		return "legacy"
	case Versioned:
		return "versioned"
	default:
		return "unknown format " + strconv.Itoa(int(f))
	}
}

// Ciphertext is an encrypted value, divided into its parts. It is not secret, but reports
// never show one, because an attacker could copy its text.
type Ciphertext struct {
	Format  Format
	Version int    // the key version; always 0 for Legacy
	IV      []byte // 16 bytes, or 12 where another program wrote it
	Tag     []byte // 16 bytes
	Body    []byte // the encrypted plaintext; as long as the plaintext, at least one byte

	// Normalised says that the text is not one that OCMT would have written, and was
	// accepted by a rule of the package comment. String may then differ from the text that
	// was parsed.
	Normalised bool
}

// String returns the canonical text: v{N}: and standard padded Base64, or
// lowercase hexadecimal for Legacy.
func (c Ciphertext) String() string { return string(c.Append(nil)) }

// Append adds the canonical text to dst and returns the longer slice. For a
// Ciphertext from Parse that is not Normalised it is the parsed text, byte for
// byte.
func (c Ciphertext) Append(dst []byte) []byte {
	if c.Format == Legacy {
		dst = hex.AppendEncode(dst, c.IV)
		dst = append(dst, ':')
		dst = hex.AppendEncode(dst, c.Tag)
		dst = append(dst, ':')
		return hex.AppendEncode(dst, c.Body)
	}
	dst = append(dst, 'v')
	dst = strconv.AppendInt(dst, int64(c.Version), 10)
	dst = append(dst, ':')
	dst = base64.StdEncoding.AppendEncode(dst, c.IV)
	dst = append(dst, ':')
	dst = base64.StdEncoding.AppendEncode(dst, c.Tag)
	dst = append(dst, ':')
	return base64.StdEncoding.AppendEncode(dst, c.Body)
}

// check applies the rules of Parse about lengths and versions to a Ciphertext that a
// caller put together.
func (c Ciphertext) check() error {
	switch {
	case c.Format != Legacy && c.Format != Versioned:
		return ErrNotCiphertext
	case c.Version < 0 || c.Version > math.MaxInt32 || c.Format == Legacy && c.Version != 0:
		return ErrVersionLabel
	case len(c.IV) != IVSize && len(c.IV) != shortIVSize:
		return ErrIVLength
	case len(c.Tag) != TagSize:
		return ErrTagLength
	case len(c.Body) == 0:
		return ErrEmptyBody
	}
	return nil
}
