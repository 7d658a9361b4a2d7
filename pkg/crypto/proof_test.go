package crypto

import (
	"crypto/rand"
	"errors"
	"testing"
)

// If the proof were skipped, a fault of the machine would replace a secret with a text that
// no key opens. No input can cause such a fault, so this test causes one inside the package:
// it gives the proof another key.
func TestResealHandsOutNothingUnproven(t *testing.T) {
	t.Parallel()
	keys := map[int]Key{}
	for version := range 3 {
		key, err := GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys[version] = key
	}
	ring, err := NewKeyring(0, keys)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ring.Seal([]byte("plaintext"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	target, err := ring.WithCurrent(1)
	if err != nil {
		t.Fatal(err)
	}
	resealer := NewResealer(target, rand.Reader)
	resealer.proof = newCiphers(keys[2])
	text, err := resealer.Reseal([]byte("before"), c)
	if !errors.Is(err, ErrReopen) || string(text) != "before" {
		t.Errorf("handed out %d bytes with the error %v, want what was there before and ErrReopen", len(text), err)
	}
}
