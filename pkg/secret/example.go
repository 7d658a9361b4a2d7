package secret

import "strings"

// exampleKey is the key in OCMT's documents and .env.example files.
const exampleKey = "a1b2c3d4e5f6789012345678901234567890abcdef1234567890abcdef123456"

// exampleBeginning is how much of exampleKey gives away a key made from it by
// cutting or filling up: 96 bits, which a random key shares once in 2^96.
const exampleBeginning = 24

// placeholders are the other texts that stand for a secret in those documents.
var placeholders = [...]string{
	"YourSecureRandomToken123456789",
	"generate-a-secure-token-here",
	"change-this-to-something-secure",
	"generate-64-hex-chars-32-bytes-key",
	"your-google-client-id",
	"your-google-client-secret",
	"your-secret-token-here",
	"change-me-to-a-long-random-token",
}

// isExample reports whether text is one of the documents' examples, in either
// case and whatever stands around it.
func isExample(text string) bool {
	text = strings.ToLower(strings.Trim(text, " \t\r\n\"'"))
	if strings.HasPrefix(text, exampleKey[:exampleBeginning]) {
		return true
	}
	for _, placeholder := range placeholders {
		if text == strings.ToLower(placeholder) {
			return true
		}
	}
	return false
}
