package crypto_test

import (
	"bytes"
	"encoding/base64"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// If this fails, the fast parser of the text that OCMT writes returns wrong bytes, and a
// sound value fails to open.
func TestCanonicalTextOfEveryLength(t *testing.T) {
	t.Parallel()
	var random [32]byte
	source := rand.NewChaCha8(random)
	for length := 1; length <= 300; length++ {
		want := crypto.Ciphertext{Format: crypto.Versioned, Version: length,
			IV: make([]byte, crypto.IVSize), Tag: make([]byte, crypto.TagSize), Body: make([]byte, length)}
		for _, part := range [][]byte{want.IV, want.Tag, want.Body} {
			_, _ = source.Read(part) // never fails
		}
		got, err := crypto.Parse(want.String())
		if err != nil || !cmp.Equal(got, want) {
			t.Fatalf("%d bytes: read as something else, %v", length, err)
		}
		// A caller that appends to one part must not write over the next part.
		for _, part := range [][]byte{got.IV, got.Tag, got.Body} {
			if cap(part) != len(part) {
				t.Fatalf("%d bytes: a part of %d has room for %d", length, len(part), cap(part))
			}
		}
	}
}

// If this fails, a damaged text passes for one that OCMT wrote.
func TestCanonicalTextWithOneCharacterChanged(t *testing.T) {
	t.Parallel()
	for length := range 30 {
		c := crypto.Ciphertext{Format: crypto.Versioned, Version: 7, IV: bytes.Repeat([]byte{0xA5}, crypto.IVSize),
			Tag: bytes.Repeat([]byte{0x5A}, crypto.TagSize), Body: bytes.Repeat([]byte{0xC3}, length+1)}
		text := []byte(c.String())
		for position, was := range text {
			for char := range 256 {
				text[position] = byte(char)
				checkAgainstEncodingPackage(t, string(text))
			}
			text[position] = was
		}
	}
}

// checkAgainstEncodingPackage fails unless Parse accepts exactly those texts as not
// normalised that decodeByEncodingPackage accepts, with the same bytes.
func checkAgainstEncodingPackage(t *testing.T, text string) {
	t.Helper()
	decoded, canonical := decodeByEncodingPackage(text)
	c, err := crypto.Parse(text)
	if taken := err == nil && !c.Normalised; taken != canonical {
		t.Fatalf("%q: taken as OCMT's own: %t, want %t (%v)", text, taken, canonical, err)
	}
	if canonical && (!bytes.Equal(c.IV, decoded[0]) || !bytes.Equal(c.Tag, decoded[1]) || !bytes.Equal(c.Body, decoded[2])) {
		t.Fatalf("%q: read as other bytes", text)
	}
}

// decodeByEncodingPackage decodes IV, tag and body of a text with encoding/base64. canonical
// says that the label has one digit, and that each part has the right length and the
// canonical spelling.
func decodeByEncodingPackage(text string) (decoded [3][]byte, canonical bool) {
	parts := strings.Split(text, ":")
	canonical = len(parts) == 4
	for i := range decoded {
		if canonical {
			var err error
			decoded[i], err = base64.StdEncoding.DecodeString(parts[i+1])
			canonical = err == nil && base64.StdEncoding.EncodeToString(decoded[i]) == parts[i+1]
		}
	}
	canonical = canonical && len(decoded[0]) == crypto.IVSize && len(decoded[1]) == crypto.TagSize && len(decoded[2]) > 0 &&
		len(parts[0]) == 2 && parts[0][0] == 'v' && parts[0][1] >= '0' && parts[0][1] <= '9'
	return decoded, canonical
}
