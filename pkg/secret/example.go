package secret

import (
	"encoding/hex"
	"strings"
)

// exampleKey is the key in OCMT's documents and .env.example files.
const exampleKey = "a1b2c3d4e5f6789012345678901234567890abcdef1234567890abcdef123456"

// The parts of exampleKey that mark a key as made from it, by cutting, filling up or changing its end.
// Each part has exampleLength characters, and begins with one of the first exampleStarts.
const (
	exampleLength = 24
	exampleStarts = 9
)

// placeholders are the other texts that stand for a secret in those documents (contract, section 2).
// They are in lowercase.
var placeholders = [...]string{
	"yoursecurerandomtoken123456789",
	"generate-a-secure-token-here",
	"change-this-to-something-secure",
	"generate-64-hex-chars-32-bytes-key",
	"your-google-client-id",
	"your-google-client-secret",
	"your-secret-token-here",
	"change-me-to-a-long-random-token",
}

const (
	// examplePassword is the password of the addresses in those documents.
	examplePassword = "password"
	// exampleAccount ends the account in those addresses, which is ocmt:password@ or :password@.
	exampleAccount = ":" + examplePassword + "@"
)

// Examples returns the texts that stand for a secret in OCMT's documents and .env.example files.
func Examples() []string {
	return append([]string{exampleKey, "YourSecureRandomToken123456789"}, placeholders[1:]...)
}

// IsPlaceholder reports whether a text is an example of OCMT's documents, or has one in it: in either
// case, with quotes, white space or anything else around it, with _ or a space for -, and inside an
// address as its account or password, percent-encoded or not. The word "password" is an example only
// where it is the whole text or the password of an address.
//
// A random text is one by chance less than once in 2^80 times: the parts of the example key that count
// are 9 of 24 hexadecimal digits (2^-96 each, at 41 places of a key), the shortest of the other texts has
// 21 characters (2^-100 in Base64), and Base64 has no : and no @. A text of all 95 printable characters
// that is 64 long has the account of the example addresses in it once in 2^51 times.
func IsPlaceholder(text string) bool {
	for range mostEncodings {
		if hasExample(text) {
			return true
		}
		decoded := percentDecode(text)
		if decoded == text {
			return false
		}
		text = decoded
	}
	return hasExample(text)
}

// mostEncodings is how often a text may be percent-encoded: once for the address, and once more by
// whoever puts an address into another.
const mostEncodings = 3

func hasExample(text string) bool {
	text = strings.ToLower(text)
	if strings.Trim(text, " \t\r\n\"'`") == examplePassword || strings.Contains(text, exampleAccount) {
		return true
	}
	for start := range exampleStarts {
		if strings.Contains(text, exampleKey[start:start+exampleLength]) {
			return true
		}
	}
	text = strings.NewReplacer("_", "-", " ", "-").Replace(text)
	for _, placeholder := range placeholders {
		if strings.Contains(text, placeholder) {
			return true
		}
	}
	return false
}

// percentDecode replaces each %XX by its byte. It leaves alone what is no such code, where the decoder of
// net/url would refuse the whole text.
func percentDecode(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	decoded := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if one, err := hex.DecodeString(text[i+1 : i+3]); err == nil {
				decoded = append(decoded, one...)
				i += 2
				continue
			}
		}
		decoded = append(decoded, text[i])
	}
	return string(decoded)
}
