package secret

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ocmt/ocmt/pkg/crypto"
)

const (
	keyCharacters = 2 * crypto.KeySize

	fixMakeKey = "make a key with ocmt keygen encryption, and rotate to it"
	fixCopyKey = "copy it again, whole and without spaces, quotes or line ends, from where it is kept"
)

// encryption is the key that values in the database are sealed with.
func encryption() Kind {
	return Kind{Name: "encryption", Generate: generateEncryptionKey, Check: CheckEncryptionKey}
}

func generateEncryptionKey(random io.Reader) (string, error) {
	key, err := crypto.GenerateKey(random)
	if err != nil {
		return "", err
	}
	text := key.Reveal()
	if len(CheckEncryptionKey(text)) > 0 {
		return "", errors.New("making an encryption key: the random source gives bytes that are not random")
	}
	return text, nil
}

// CheckEncryptionKey checks the text of one encryption key: its form, and that
// it was not thought up or copied from the documentation. A key that fits the
// form is reported for at most one weakness, as an Error. A random key is
// reported less than once in 10^11 times; the bound of each rule stands beside
// it.
func CheckEncryptionKey(text string) []Problem {
	if isExample(text) {
		return []Problem{{Code: "documented_example", Severity: Error,
			Message: "is an example from the documentation, which everybody can read", Fix: fixMakeKey}}
	}
	if problem, ok := checkKeyForm(text); !ok {
		return []Problem{problem}
	}
	var problems []Problem
	if weakness, ok := findWeakness(text); ok {
		problems = append(problems, weakness)
	}
	if strings.ToLower(text) != text {
		problems = append(problems, Problem{Code: "uppercase", Severity: Warning,
			Message: "has uppercase letters, where OCMT's documentation asks for lowercase",
			Fix:     "write its letters in lowercase on every server; the key stays the same"})
	}
	return problems
}

// checkKeyForm returns why text is no key at all, or true.
func checkKeyForm(text string) (Problem, bool) {
	problem := Problem{Severity: Error, Fix: fixCopyKey}
	switch bad, first := countNotHex(text); {
	case text == "":
		problem.Code, problem.Message = "missing", "is empty"
		problem.Fix = "set it to the 64 hexadecimal characters of the key"
	case strings.TrimSpace(text) != text:
		problem.Code, problem.Message = "white_space", "has white space before or behind it"
	case len(text) != keyCharacters:
		problem.Code = "length"
		problem.Message = fmt.Sprintf("has %d characters; a key has exactly %d", len(text), keyCharacters)
	case bad > 0:
		problem.Code = "not_hex"
		problem.Message = fmt.Sprintf("has %d characters that are not hexadecimal digits (0-9, a-f), the first at position %d", bad, first)
	default:
		return Problem{}, true
	}
	return problem, false
}

// countNotHex returns how many bytes of text are not hexadecimal digits, and
// where the first of them stands, counted from 1.
func countNotHex(text string) (bad, first int) {
	for i := range len(text) {
		if strings.IndexByte("0123456789abcdefABCDEF", text[i]) >= 0 {
			continue
		}
		bad++
		if first == 0 {
			first = i + 1
		}
	}
	return bad, first
}
