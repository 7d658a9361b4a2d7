package validation

import "github.com/ocmt/ocmt/pkg/secret"

// strengthOf returns the strength of a secret: bits, where the text looks random, and the same as people read it.
func strengthOf(text string) (bits int, word string) {
	estimate := secret.Strength(text)
	if estimate.Random {
		bits = estimate.Bits
	}
	return bits, estimate.String()
}
