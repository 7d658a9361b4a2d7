package usertoken

import (
	"crypto/sha256"
	"errors"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// Form is the form in which a token stands in its row.
type Form string

// The forms.
const (
	Sealed        Form = "sealed"  // a ciphertext that a key of the keyring opens
	Clear         Form = "clear"   // 64 hexadecimal characters
	Unknown       Form = "unknown" // the text "unknown", which the server writes where it learnt no token
	NotUnderstood Form = "not_understood"
)

// tokenLength is how many hexadecimal characters a token has (contract, section 1).
const tokenLength = 64

// The reasons of NotUnderstood beside those of pkg/crypto.
const (
	reasonEmpty   = "empty"
	reasonNoToken = "no_token"
)

// token is what stands in a row, as far as it is understood.
type token struct {
	form    Form
	version int    // of the key, of a sealed one
	reason  string // why it is not understood, as a code
	digest  digest // of the token itself, whatever its form
}

// digest stands for a token in memory. A token is 256 random bits, so nothing is guessed from it.
type digest [16]byte

func digestOf(text []byte) digest {
	sum := sha256.Sum256(text)
	return digest(sum[:16])
}

// parse says what a stored text is.
func parse(text string, ring *crypto.Keyring) token {
	switch {
	case text == "":
		return token{form: NotUnderstood, reason: reasonEmpty}
	case text == string(Unknown):
		return token{form: Unknown}
	case isToken(text):
		return token{form: Clear, digest: digestOf([]byte(text))}
	}
	ciphertext, err := crypto.Parse(text)
	if errors.Is(err, crypto.ErrNotCiphertext) {
		return token{form: NotUnderstood, reason: reasonNoToken}
	}
	if err != nil {
		return token{form: NotUnderstood, reason: crypto.Reason(err)}
	}
	plaintext, err := ring.Open(ciphertext)
	if err != nil {
		return token{form: NotUnderstood, reason: crypto.Reason(err)}
	}
	defer clear(plaintext)
	if string(plaintext) == string(Unknown) {
		return token{form: Unknown}
	}
	return token{form: Sealed, version: ciphertext.Version, digest: digestOf(plaintext)}
}

// isToken reports whether a text has the form of a token in the clear.
func isToken(text string) bool {
	if len(text) != tokenLength {
		return false
	}
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
		default:
			return false
		}
	}
	return true
}

// ExplainReason says in words why a text is not understood.
func ExplainReason(reason string) string {
	switch reason {
	case reasonEmpty:
		return "it is empty"
	case reasonNoToken:
		return "it is neither 64 hexadecimal characters nor a ciphertext"
	case crypto.Reason(crypto.ErrUnknownVersion):
		return "there is no key of its version"
	case crypto.Reason(crypto.ErrAuthentication):
		return "no key that is set opens it, or it was changed"
	}
	return "it is a ciphertext that is not whole (" + reason + ")"
}
