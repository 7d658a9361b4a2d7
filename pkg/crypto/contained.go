package crypto

import "bytes"

// shortestText is the length of the shortest ciphertext in either form.
const shortestText = len("v0:") + 16 + len(":") + 22 + len(":") + 2

// Contained parses a plaintext that is itself a ciphertext: a value that was sealed twice. It reports
// whether it is one. The legacy form has no label, so its IV must have the full length: three short
// hexadecimal numbers are none. It keeps and changes nothing.
func Contained(plaintext []byte) (Ciphertext, bool) {
	if len(plaintext) < shortestText || bytes.Count(plaintext, []byte(":")) < 2 {
		return Ciphertext{}, false
	}
	c, err := Parse(string(bytes.TrimSpace(plaintext)))
	if err != nil || c.Format == Legacy && len(c.IV) != IVSize {
		return Ciphertext{}, false
	}
	return c, true
}
