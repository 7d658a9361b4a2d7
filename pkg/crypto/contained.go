package crypto

import "bytes"

// shortestText is the length of the shortest ciphertext in either form.
const shortestText = len("v0:") + 16 + len(":") + 22 + len(":") + 2

// Contained parses a plaintext that is itself a ciphertext: a value that was sealed twice. It reports
// whether it is one. The legacy form has no label, so its IV must have the full length: three short
// hexadecimal numbers are none. It keeps and changes nothing.
func Contained(plaintext []byte) (Ciphertext, bool) {
	if len(plaintext) < shortestText || !mayBegin[plaintext[0]] || bytes.IndexByte(plaintext, ':') < 0 {
		return Ciphertext{}, false
	}
	c, err := Parse(string(bytes.TrimSpace(plaintext)))
	if err != nil || c.Format == Legacy && len(c.IV) != IVSize {
		return Ciphertext{}, false
	}
	return c, true
}

// mayBegin has the bytes that a ciphertext can begin with, in either form or behind white space. Few
// plaintexts do, and every value that is verified is asked.
var mayBegin = func() (table [256]bool) {
	for _, first := range []byte(" \t\r\n\v\fv0123456789abcdefABCDEF\xc2\xe1\xe2\xe3") {
		table[first] = true
	}
	return table
}()
