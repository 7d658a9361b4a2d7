package secret

import (
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
)

// tokenWeakness is one pattern that a token made by a person, or by a mistake, shows: a sibling of
// weakness for texts of any length and alphabet. Each says how often it finds a random text of 24
// characters, at worst one of hexadecimal digits, and one of 64.
type tokenWeakness struct {
	code    finding.Code
	message string
	found   func(text string) bool
}

// tokenWeaknesses stand in the order in which they are looked for: the narrower first, because only one is
// reported.
var tokenWeaknesses = [...]tokenWeakness{
	{finding.AllEqual, "repeats one character", isOneCharacter},
	{finding.Sequential, "counts up or down", isCount},
	{finding.RepeatedBlock, "repeats one short block", isRepeated},
	{finding.Text, "is readable text written in another form", isEncodedText},
	{finding.Words, "is made of words spelt in hexadecimal digits", isHexWords},
	{finding.FewValues, "is made of very few different characters", hasFewCharacters},
	{finding.LongRun, "holds the same character many times in a row", hasLongRun},
}

// findTokenWeakness looks at a text of any length. Of a text that is shorter than a token it says less,
// because a short random one repeats by chance.
func findTokenWeakness(text string) (finding.Finding, bool) {
	for _, weak := range tokenWeaknesses {
		if len(text) > 1 && weak.found(text) {
			return finding.Finding{Code: weak.code, Severity: finding.Error, Message: weak.message + ", which can be guessed"}, true
		}
	}
	return finding.Finding{}, false
}

// isOneCharacter finds one character over and over, in either case. Random: 2^-69.
func isOneCharacter(text string) bool {
	return strings.Trim(strings.ToLower(text), strings.ToLower(text[:1])) == ""
}

// isCount finds texts three quarters of whose characters follow from the one before them, up or down. Random:
// 2^-57 for 24 hexadecimal digits (18 of 23 steps, each by 1 in 16).
func isCount(text string) bool {
	up, down := 0, 0
	for i := 1; i < len(text); i++ {
		if isNext(text[i-1], text[i]) {
			up++
		}
		if isNext(text[i], text[i-1]) {
			down++
		}
	}
	return len(text) > 4 && max(up, down)*4 >= (len(text)-1)*3
}

// isNext reports whether b is the character behind a, where 0 and a follow 9, and a follows z and f.
func isNext(a, b byte) bool {
	a, b = lowerByte(a), lowerByte(b)
	switch {
	case a == '9':
		return b == '0' || b == 'a'
	case a == 'z':
		return b == 'a' || b == '0'
	case a == 'f' && b == '0':
		return true
	}
	return b == a+1
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// isRepeated finds a block of up to half the text, over and over. Random: 2^-47 for 24 hexadecimal digits.
func isRepeated(text string) bool {
	for period := 2; period <= len(text)/2 && len(text) > 8; period++ {
		if text[period:] == text[:len(text)-period] {
			return true
		}
	}
	return false
}

// isEncodedText finds text in hexadecimal or Base64 of 32 bytes or more, all of them but one printable. Random:
// 4 * 10^-12 for 32 bytes, and nothing is found in shorter ones.
func isEncodedText(text string) bool {
	if key, err := hex.DecodeString(text); err == nil {
		return isReadable(key)
	}
	for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if key, err := alphabet.DecodeString(strings.TrimRight(text, "=")); err == nil {
			return isReadable(key)
		}
	}
	return false
}

// isReadable reports whether bytes are text but for one.
func isReadable(data []byte) bool {
	defer clear(data)
	return len(data) >= tokenBytes && countText(data) >= len(data)-1
}

// isHexWords finds words in hexadecimal digits that make up half of the text, and 24 characters at least. Random:
// 2^-60.
func isHexWords(text string) bool {
	if bad, _ := countNotHex(text); bad > 0 {
		return false
	}
	return coveredByWords(strings.ToLower(text)) >= max(len(text)/2, shortestToken)
}

// hasFewCharacters finds at most 4 different characters in up to 47, or 8 in more. Random: 6 * 10^-12 for 24
// hexadecimal digits, 2^-50 for 64.
func hasFewCharacters(text string) bool {
	most := 4
	if len(text) >= 48 {
		most = 8
	}
	var seen [256]bool
	different := 0
	for i := range len(text) {
		if !seen[text[i]] {
			seen[text[i]] = true
			different++
		}
	}
	return len(text) >= shortestToken && different <= most
}

// hasLongRun finds one character 12 times in a row. Random: 3 * 10^-12 for 64 hexadecimal digits.
func hasLongRun(text string) bool {
	run := 1
	for i := 1; i < len(text); i++ {
		if text[i] == text[i-1] {
			run++
		} else {
			run = 1
		}
		if run >= 12 {
			return true
		}
	}
	return false
}
