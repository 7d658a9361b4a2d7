package secret

import "strings"

// exampleKey is the key in OCMT's documents and .env.example files.
const exampleKey = "a1b2c3d4e5f6789012345678901234567890abcdef1234567890abcdef123456"

// exampleBeginning is how many characters of exampleKey a key must begin with to be taken for
// one that was made from it by cutting or filling up: 96 bits. A random key does so once in
// 2^96 times.
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

// Examples returns the texts that stand for a secret in OCMT's documents and .env.example files.
func Examples() []string { return append([]string{exampleKey}, placeholders[:]...) }

// isExample reports whether text is an example of the documents, in either case, with or
// without white space and quotes around it.
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
