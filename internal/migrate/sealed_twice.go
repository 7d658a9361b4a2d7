package migrate

import (
	"fmt"
	"slices"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// A value can be sealed twice, by a program that took a ciphertext for a plaintext. A run moves what
// is outside. What is inside still needs its own key, and no server opens it.

// errSealedTwice says which key version what is inside a value needs.
type errSealedTwice struct{ inside int }

// Error says what the value is.
func (e *errSealedTwice) Error() string {
	return fmt.Sprintf("it opens, and contains a ciphertext that needs the key of version %d: it was sealed twice", e.inside)
}

// reasonSealedTwice is the word of errSealedTwice in SetAside.Reason.
const reasonSealedTwice = "sealed_twice"

// findInside returns an *errSealedTwice if a plaintext is a ciphertext, or contains one, that needs
// another key than those of some versions. One that no key of the ring opens needs the key of its
// label if that is not there to be tried.
func findInside(ring *crypto.Keyring, plaintext []byte, needed ...int) error {
	inner, found := crypto.Contained(plaintext)
	for found {
		version, opened := ring.OpenAny(inner)
		switch _, tried := ring.Key(inner.Version); {
		case version >= 0 && !slices.Contains(needed, version):
			return &errSealedTwice{version}
		case version < 0 && !tried:
			return &errSealedTwice{inner.Version}
		}
		inner, found = crypto.Contained(opened)
	}
	return nil
}
