package secret

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
)

const (
	// tokenBytes is how many random bytes a token of hexadecimal digits or of Base64 has.
	tokenBytes = 32
	// tokenCharacters is how many random characters an alphanumeric token has: 256 bits.
	tokenCharacters = 43
	// alphabet has the characters of such tokens. None of them has a meaning in a URL, an env file or a shell.
	alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	// base64Alphabet has the characters of Base64 in both its alphabets, and its padding.
	base64Alphabet = alphabet + "+/-_="
	// shortestToken is how many characters a token needs at least (contract, section 2).
	shortestToken = 24
	// fingerprintBits is how hard a secret must be to guess, in bits, to have a fingerprint. Whoever has the
	// fingerprint can try as many texts as a machine hashes.
	fingerprintBits = 80
)

// The forms of tokens.
const (
	formHex          = "32 random bytes as 64 lowercase hexadecimal characters"
	formAlphanumeric = "43 random letters and digits (256 bits)"
)

// generateHex makes a token of hexadecimal digits.
func generateHex(random io.Reader) (string, error) {
	return generateBytes(random, hex.EncodeToString)
}

// generateBase64 makes a token of Base64 with padding.
func generateBase64(random io.Reader) (string, error) {
	return generateBytes(random, base64.StdEncoding.EncodeToString)
}

func generateBytes(random io.Reader, encode func([]byte) string) (string, error) {
	made := make([]byte, tokenBytes)
	defer clear(made)
	if _, err := io.ReadFull(random, made); err != nil {
		return "", fmt.Errorf("reading the random source: %w", err)
	}
	return encode(made), nil
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
// found by its fingerprint: one that does not look random counts as such, however long it is.
func fingerprintToken(text string) string {
	if _, ok := checkPresent(text); !ok {
		return ""
	}
	if strength := Strength(text); !strength.Random || strength.Bits < fingerprintBits {
		return ""
	}
	digest := sha256.Sum256([]byte("ocmt token fingerprint\n" + text))
	return hex.EncodeToString(digest[:8])
}

// exampleFinding is about a text that everybody can read.
func exampleFinding(message string) finding.Finding {
	return finding.Finding{Code: finding.DocumentedExample, Severity: finding.Error, Message: message}
}

// checkPresent returns why a text is no secret at all, or true.
func checkPresent(text string) (finding.Finding, bool) {
	switch {
	case text == "":
		return finding.Finding{Code: finding.Missing, Severity: finding.Error, Message: "is empty"}, false
	case IsPlaceholder(text):
		return exampleFinding("is an example from the documentation, which everybody can read"), false
	case strings.TrimSpace(text) != text:
		return finding.Finding{Code: finding.WhiteSpace, Severity: finding.Error, Message: "has white space before or behind it, which no header carries",
			Fix: "take the white space off on every server"}, false
	}
	return finding.Finding{}, true
}

// CheckToken checks the text of a token: that it is no example, long enough, and cannot be guessed. It
// reports at most one thing, as an error. A random token of 24 characters or more is reported less than once
// in 10^8 times, and one that keygen makes less than once in 10^11; the bound of each rule stands beside
// the rule.
func CheckToken(text string) []finding.Finding {
	if found, ok := checkPresent(text); !ok {
		return []finding.Finding{found}
	}
	if len(text) < shortestToken {
		return []finding.Finding{{Code: finding.Length, Severity: finding.Error,
			Message: fmt.Sprintf("has %d characters; it needs at least %d", len(text), shortestToken)}}
	}
	if found, ok := findGuessable(text); ok {
		return []finding.Finding{found}
	}
	return nil
}

// checkAdminToken checks a token that must be letters and digits or Base64 (contract, section 2).
func checkAdminToken(text string) []finding.Finding {
	list := CheckToken(text)
	if len(list) == 0 && !isOf(text, base64Alphabet) {
		return []finding.Finding{{Code: finding.Alphabet, Severity: finding.Error, Message: "has characters that are neither letters, digits nor Base64"}}
	}
	return list
}

// checkHexToken checks a token that the documents make of 32 random bytes in hexadecimal. Servers take
// another form too.
func checkHexToken(text string) []finding.Finding {
	list := CheckToken(text)
	if bad, _ := countNotHex(text); len(list) == 0 && (bad > 0 || len(text) != 2*tokenBytes) {
		return []finding.Finding{{Code: finding.OtherForm, Severity: finding.Warning,
			Message: "is not of 64 hexadecimal digits, as OCMT's documentation has it; servers take it all the same"}}
	}
	return list
}

// isOf reports whether all bytes of a text are of an alphabet.
func isOf(text, alphabet string) bool {
	for i := range len(text) {
		if strings.IndexByte(alphabet, text[i]) < 0 {
			return false
		}
	}
	return true
}

// CheckPassword checks the text of a password that a person may have chosen. What can be guessed in fewer
// than 10^8 attempts is an error, in fewer than 10^10 a warning; a server that an attacker reaches answers as
// many in weeks to years, and a copy of its own hashes in minutes.
func CheckPassword(text string) []finding.Finding {
	found, ok := checkPresent(text)
	switch {
	case !ok && found.Code == finding.WhiteSpace:
		found.Severity, found.Message = finding.Warning, "has white space before or behind it, which people and programs lose"
		return []finding.Finding{found}
	case !ok:
		return []finding.Finding{found}
	}
	if weak, ok := findTokenWeakness(text); ok {
		return []finding.Finding{weak}
	}
	switch bits := Strength(text).Bits; {
	case bits < fairBits:
		return []finding.Finding{guessable(finding.Error, "can be guessed: it is short, or made of what people choose")}
	case bits < goodBits:
		return []finding.Finding{guessable(finding.Warning, "can be guessed with time: it is short, or made of what people choose")}
	}
	return nil
}
