package secret

import (
	"bytes"
	"encoding/hex"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// weakness is one pattern that a key made by a person, or by a mistake, shows.
// Each says how often it finds a random key.
type weakness struct {
	code    finding.Code
	message string
	found   func(key []byte, digits string) bool
}

// weaknesses stand in the order in which they are looked for: the narrower
// first, because only one is reported.
var weaknesses = [...]weakness{
	{finding.AllEqual, "repeats one character", allEqual},
	{finding.Sequential, "counts up or down", sequential},
	{finding.RepeatedBlock, "repeats one short block", repeated},
	{finding.Text, "is readable text written as hexadecimal digits", readable},
	{finding.Words, "is made of words spelt in hexadecimal digits", wordy},
	{finding.FewValues, "is made of very few different bytes", fewValues},
	{finding.LongRun, "holds the same byte many times in a row", longRun},
}

// findWeakness looks at a text of 64 hexadecimal digits.
func findWeakness(text string) (finding.Finding, bool) {
	digits := strings.ToLower(text)
	key, err := hex.DecodeString(digits)
	if err != nil {
		return finding.Finding{}, false
	}
	defer clear(key)
	for _, weak := range weaknesses {
		if weak.found(key, digits) {
			return finding.Finding{Code: weak.code, Severity: finding.Error,
				Message: weak.message + ", which can be guessed", Fix: fixMakeKey}, true
		}
	}
	return finding.Finding{}, false
}

// allEqual finds one digit 64 times. Random: 2^-252.
func allEqual(_ []byte, digits string) bool {
	return strings.Count(digits, digits[:1]) == len(digits)
}

// sequential finds bytes at one distance from each other, up or down (random:
// 2^-240), and digits most of which follow from the one before them, as in
// 0123456789abcdef and 12345678901234567890 (48 of 63 steps; random: 10^-40).
func sequential(key []byte, digits string) bool {
	step := key[1] - key[0]
	constant := step != 0
	for i := 1; i < len(key); i++ {
		constant = constant && key[i]-key[i-1] == step
	}
	up, down := 0, 0
	for i := 1; i < len(digits); i++ {
		if follows(digits[i-1], digits[i]) {
			up++
		}
		if follows(digits[i], digits[i-1]) {
			down++
		}
	}
	return constant || up >= 48 || down >= 48
}

// follows reports whether b is the digit behind a, where f is followed by 0,
// and 9 by both a and 0.
func follows(a, b byte) bool {
	const order = "0123456789abcdef0"
	return order[strings.IndexByte(order, a)+1] == b || a == '9' && b == '0'
}

// repeated finds a block of up to 16 bytes, or 31 digits, over and over.
// Random: 2^-127.
func repeated(_ []byte, digits string) bool {
	for period := 2; period <= crypto.KeySize; period++ {
		if digits[period:] == digits[:len(digits)-period] {
			return true
		}
	}
	return false
}

// readable finds text: at least 31 of the 32 bytes are printable ASCII, white
// space, or a zero to fill up. Random: 4 * 10^-12.
func readable(key []byte, _ string) bool { return countText(key) >= len(key)-1 }

// countText counts the bytes that are printable ASCII, white space, or a zero to fill up.
func countText(data []byte) (text int) {
	for _, b := range data {
		if b >= ' ' && b <= '~' || b == '\t' || b == '\n' || b == '\r' || b == 0 {
			text++
		}
	}
	return text
}

// words are English ones that can be spelt in hexadecimal digits, and the
// numbers that programs fill memory with. A longer word stands before those
// that it begins with.
var words = [...]string{
	"deadbeef", "deadc0de", "deadface", "baadf00d", "8badf00d", "feedface", "feedbabe",
	"cafebabe", "cafed00d", "defec8ed", "badc0ffee", "badc0de", "badcafe", "c0ffee",
	"facade", "decade", "defaced", "deface", "decaf", "faced", "faded", "c0de", "f00d",
	"dead", "beef", "cafe", "babe", "face", "feed", "fade", "bead", "deed", "f00b",
}

// wordStarts are the digits that words begin with.
const wordStarts = "8bcdf"

// wordy finds keys at least half of which are words. Random: 2^-65 (eight of
// four digits, out of some 2^4 words, in 2^27 places).
func wordy(_ []byte, digits string) bool { return coveredByWords(digits) >= len(digits)/2 }

// coveredByWords counts the digits that are part of words.
func coveredByWords(digits string) (covered int) {
	for rest := digits; rest != ""; {
		length := wordAt(rest)
		covered += length
		rest = rest[max(length, 1):]
	}
	return covered
}

func wordAt(digits string) int {
	if strings.IndexByte(wordStarts, digits[0]) < 0 {
		return 0
	}
	for _, word := range words {
		if strings.HasPrefix(digits, word) {
			return len(word)
		}
	}
	return 0
}

// fewValues finds at most 12 different bytes (random: 10^-22), or at most 8
// different digits (random: 2^-50).
func fewValues(key []byte, digits string) bool {
	var values [256]bool
	distinct := 0
	for _, b := range key {
		if !values[b] {
			values[b] = true
			distinct++
		}
	}
	different := 0
	for _, digit := range "0123456789abcdef" {
		if strings.ContainsRune(digits, digit) {
			different++
		}
	}
	return distinct <= 12 || different <= 8
}

// longRun finds one byte 8 times in a row, as a short key that was filled up
// has it. Random: 4 * 10^-16.
func longRun(key []byte, _ string) bool {
	for i := 0; i+8 <= len(key); i++ {
		if bytes.Count(key[i:i+8], key[i:i+1]) == 8 {
			return true
		}
	}
	return false
}
