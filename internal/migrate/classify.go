package migrate

import (
	"bytes"
	"regexp"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// valueState is what a run has to do with a value.
type valueState int

const (
	atTarget     valueState = iota // the value is under the target version already
	toMove                         // the value is under a version that the request leaves
	notRequested                   // the value is under a known version that the request does not leave
	inPlaintext                    // the value is plaintext, in a column where OCMT itself writes such values
	notMovable                     // the value is no ciphertext, or there is no key of its version
)

// classify decides what a value is without opening it. The error belongs to the
// state notMovable.
func classify(resealer *crypto.Resealer, request Request, ring *crypto.Keyring, column Column, text []byte) (crypto.Ciphertext, valueState, error) {
	c, err := resealer.Parse(text)
	switch {
	case err != nil && isPlaintext(column, text):
		return c, inPlaintext, nil
	case err != nil:
		return c, notMovable, err
	case c.Version == request.To:
		return c, atTarget, nil
	}
	if _, known := ring.Key(c.Version); !known {
		return c, notMovable, &crypto.UnknownVersionError{Version: c.Version}
	}
	if request.Leaves(c.Version) {
		return c, toMove, nil
	}
	return c, notRequested, nil
}

// isPlaintext reports whether a value that did not parse is plaintext as OCMT itself writes
// it into the column. A value that resembles a ciphertext is not: it may be one that was
// cut, quoted or put behind a word, and its key would go with it.
func isPlaintext(column Column, text []byte) bool {
	if !column.PlaintextAllowed {
		return false
	}
	return bytes.IndexByte(text, ':') < 0 || !ciphertextLike.Match(text)
}

// ciphertextLike matches a label in front, a label with some Base64 behind it anywhere, and
// the IV of the legacy form.
var ciphertextLike = regexp.MustCompile(`(?i)^\s*v[0-9]\w*:|\bv[0-9]\w*:[a-z0-9+/_=-]{4,}|[0-9a-f]{24,}:`)
