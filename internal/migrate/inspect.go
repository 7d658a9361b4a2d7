package migrate

import (
	"errors"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// state is what became of one value when it was looked at.
type state int

const (
	reached   state = iota // under the target version already
	leaving                // under a version that the request leaves
	other                  // under a known version that the request does not speak of
	plaintext              // in the clear, where OCMT itself writes such values
	aside                  // not understood, or without a key
)

// inspect decides what a value is, without opening it. The error is that of an
// aside value.
func inspect(resealer *crypto.Resealer, request Request, ring *crypto.Keyring, column Column, text []byte) (crypto.Ciphertext, state, error) {
	c, err := resealer.Parse(text)
	switch {
	case err != nil && column.PlaintextAllowed && errors.Is(err, crypto.ErrNotCiphertext):
		return c, plaintext, nil
	case err != nil:
		return c, aside, err
	case c.Version == request.To:
		return c, reached, nil
	}
	if _, known := ring.Key(c.Version); !known {
		return c, aside, &crypto.UnknownVersionError{Version: c.Version}
	}
	if request.Leaves(c.Version) {
		return c, leaving, nil
	}
	return c, other, nil
}
