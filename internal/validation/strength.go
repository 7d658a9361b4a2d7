package validation

import (
	"fmt"
	"math"

	"github.com/ocmt/ocmt/pkg/secret"
)

// strengthOf returns the strength of a secret: bits for one that was generated, and a word.
func strengthOf(kind secret.Kind, text string) (bits int, word string) {
	if len(kind.Check(text)) > 0 {
		return 0, "weak"
	}
	for _, form := range []struct {
		name string
		size float64
	}{{"hex", 16}, {"alnum", 62}, {"base64", 64}} {
		if wordFor(text) == form.name {
			bits = int(float64(len(text)) * math.Log2(form.size))
			return bits, fmt.Sprintf("%d bits", bits)
		}
	}
	return 0, ""
}
