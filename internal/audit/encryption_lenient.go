package audit

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"math"
	"regexp"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// oddForm says what a value is that crypto.Parse refuses.
type oddForm uint8

const (
	isPlaintext  oddForm = iota // nothing about it is like a ciphertext
	isDamaged                   // it is like a ciphertext, and no server reads it as one
	hasBadLabel                 // a server reads its label as no number, as a negative one, or as one without a key
	opensOddly                  // a server reads it as a ciphertext
	hasShortTag                 // likewise, with a tag of fewer than 16 bytes
	longestLabel = 10           // digits of the largest version
)

// parseOdd reads a value that crypto.Parse refuses as the server does (contract, section 1, and
// testdata/vectors). The Ciphertext is that of the two last forms, with a tag of any length. It must not
// be given to a Keyring where the tag is short.
func parseOdd(text []byte) (crypto.Ciphertext, oddForm) {
	if bytes.IndexByte(text, ':') < 0 { // as every token in the clear, of which there may be millions
		return crypto.Ciphertext{}, isPlaintext
	}
	parts := bytes.Split(text, []byte(":"))
	versioned := text[0] == 'v'
	switch {
	case versioned && len(parts) == 4:
		return parseOddVersioned(parts)
	case !versioned && len(parts) == 3:
		if c, form := parseOddLegacy(parts); form != isDamaged {
			return c, form
		}
	}
	if ciphertextLike.Match(text) {
		return crypto.Ciphertext{}, isDamaged
	}
	return crypto.Ciphertext{}, isPlaintext
}

// ciphertextLike matches a label in front, a label with some Base64 behind it anywhere, the IV of the
// legacy form, and IV and tag in Base64 without a label, as the operators' plan has them.
var ciphertextLike = regexp.MustCompile(`(?i)^\s*v[0-9]\w*:|\bv[0-9]\w*:[a-z0-9+/_=-]{4,}|[0-9a-f]{24,}:|^[a-z0-9+/]{22}==:[a-z0-9+/]{22}==:`)

func parseOddVersioned(parts [][]byte) (crypto.Ciphertext, oddForm) {
	c := crypto.Ciphertext{Format: crypto.Versioned, Normalised: true, IV: nodeBase64(parts[1]), Tag: nodeBase64(parts[2]), Body: nodeBase64(parts[3])}
	version, ok := nodeNumber(parts[0][1:])
	if !ok && len(c.IV) > 0 && len(c.Tag) > 0 {
		return c, hasBadLabel
	}
	c.Version = version
	return c, formOf(c)
}

func parseOddLegacy(parts [][]byte) (crypto.Ciphertext, oddForm) {
	c := crypto.Ciphertext{Format: crypto.Legacy, Normalised: true, IV: nodeHex(parts[0]), Tag: nodeHex(parts[1]), Body: nodeHex(parts[2])}
	if len(parts[2])%2 != 0 { // the server refuses it, but cuts other junk off
		return c, isDamaged
	}
	return c, formOf(c)
}

// formOf judges the lengths. Node takes IVs of any length, and tags of 4, 8 and 12 to 16 bytes. A value
// with an IV that is neither 16 nor 12 bytes long was never written by OCMT.
func formOf(c crypto.Ciphertext) oddForm {
	tag := len(c.Tag)
	switch {
	case len(c.IV) != crypto.IVSize && len(c.IV) != 12, len(c.Body) == 0:
		return isDamaged
	case tag == crypto.TagSize:
		return opensOddly
	case tag == 4, tag == 8, tag >= 12 && tag < crypto.TagSize:
		return hasShortTag
	default:
		return isDamaged
	}
}

// nodeNumber reads a label as parseInt does: digits in front, whatever follows. A negative one is none.
func nodeNumber(text []byte) (int, bool) {
	text = bytes.TrimSpace(text)
	number, digits := 0, 0
	for _, digit := range text {
		if digit < '0' || digit > '9' || digits > longestLabel {
			break
		}
		number, digits = number*10+int(digit-'0'), digits+1
	}
	return number, digits > 0 && number <= math.MaxInt32
}

// nodeBase64 decodes as Node's Buffer does: both alphabets, up to the first =, other characters passed
// over.
func nodeBase64(part []byte) []byte {
	digits, _, _ := bytes.Cut(part, []byte("="))
	digits = bytes.Map(func(r rune) rune {
		switch {
		case r == '-':
			return '+'
		case r == '_':
			return '/'
		case 'A' <= r && r <= 'Z', 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '+', r == '/':
			return r
		default:
			return -1
		}
	}, digits)
	if len(digits)%4 == 1 {
		digits = digits[:len(digits)-1]
	}
	decoded, err := base64.RawStdEncoding.AppendDecode(nil, digits)
	if err != nil {
		return nil
	}
	return decoded
}

// nodeHex decodes as Node's Buffer does: up to the first pair that is none.
func nodeHex(part []byte) []byte {
	decoded := make([]byte, hex.DecodedLen(len(part)))
	n, _ := hex.Decode(decoded, part) // the bytes before the first error are there
	return decoded[:n]
}

// opensWithShortTag reports whether a key of the ring opens a ciphertext with a short tag and a 16-byte
// IV. GCM is a stream cipher: sealing the encrypted bytes again with the same IV gives the plaintext, and
// sealing that gives the whole tag, which the short one must begin.
func opensWithShortTag(ring *crypto.Keyring, id int, c crypto.Ciphertext) bool {
	one, err := ring.WithCurrent(id)
	if err != nil {
		return false
	}
	opened, err := one.Seal(c.Body, bytes.NewReader(c.IV))
	if err != nil {
		return false
	}
	defer clear(opened.Body)
	sealed, err := one.Seal(opened.Body, bytes.NewReader(c.IV))
	return err == nil && bytes.HasPrefix(sealed.Tag, c.Tag)
}
