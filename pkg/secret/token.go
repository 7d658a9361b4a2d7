package secret

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/ocmt/ocmt/internal/finding"
)

const (
	// tokenBytes is how many random bytes a token of hexadecimal digits has.
	tokenBytes = 32
	// tokenCharacters is how many random characters an alphanumeric token has: 256 bits.
	tokenCharacters = 43
	// alphabet has the characters of such tokens. None of them has a meaning in a URL, an env file or a shell.
	alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// The forms of tokens.
const (
	formHex          = "32 random bytes as 64 lowercase hexadecimal characters"
	formAlphanumeric = "43 random letters and digits (256 bits)"
)

// generateHex makes a token of hexadecimal digits.
func generateHex(random io.Reader) (string, error) {
	made := make([]byte, tokenBytes)
	if _, err := io.ReadFull(random, made); err != nil {
		return "", fmt.Errorf("reading the random source: %w", err)
	}
	defer clear(made)
	return hex.EncodeToString(made), nil
}

// generateAlphanumeric makes a token of letters and digits. Bytes that would favour the first characters of
// the alphabet are passed over.
func generateAlphanumeric(random io.Reader) (string, error) {
	const fair = 256 - 256%len(alphabet)
	made := make([]byte, 0, tokenCharacters)
	defer clear(made[:cap(made)])
	block := make([]byte, 64)
	defer clear(block)
	for len(made) < tokenCharacters {
		if _, err := io.ReadFull(random, block); err != nil {
			return "", fmt.Errorf("reading the random source: %w", err)
		}
		for _, b := range block {
			if int(b) < fair && len(made) < tokenCharacters {
				made = append(made, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(made), nil
}

// fingerprintToken names a token by 64 bits of a digest. It is empty for a text that could be guessed, and then
// found by its fingerprint.
func fingerprintToken(text string) string {
	if len(CheckToken(text)) > 0 {
		return ""
	}
	digest := sha256.Sum256([]byte("ocmt token fingerprint\n" + text))
	return hex.EncodeToString(digest[:8])
}

// shortestToken is how many characters a token needs at least.
const shortestToken = 24

// CheckToken checks the text of a token: that it is long enough, and no example.
func CheckToken(text string) []finding.Finding {
	switch {
	case text == "":
		return []finding.Finding{{Code: finding.Missing, Severity: finding.Error, Message: "is empty"}}
	case isExample(text):
		return []finding.Finding{{Code: finding.DocumentedExample, Severity: finding.Error, Message: "is an example from the documentation, which everybody can read"}}
	case len(text) < shortestToken:
		return []finding.Finding{{Code: finding.Length, Severity: finding.Error,
			Message: fmt.Sprintf("has %d characters; it needs at least %d", len(text), shortestToken)}}
	}
	return nil
}
