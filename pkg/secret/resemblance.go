package secret

import (
	"regexp"
	"strconv"
	"strings"
)

// A run of characters without a break that is as long as this, in characters, may be a
// secret: people rarely choose such names and paths.
const (
	longHex    = 32
	longBase64 = 20
)

// Resembles reports whether a text that stands where no secret belongs, such as a path, the
// name of a table or an argument, may be a secret that got there by mistake: an address with
// a password, or a long run of characters as random sources make them. It says yes where it
// is in doubt, because the answer only decides whether an error repeats the text.
func Resembles(text string) bool {
	if strings.Contains(text, "://") || strings.Contains(text, "@") {
		return true
	}
	for run := range strings.FieldsFuncSeq(text, func(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", r) }) {
		if len(run) >= longHex {
			return true
		}
	}
	for run := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '/' || r == '.' || r == ' ' }) {
		// In a random run about every second character is of another kind than the one
		// before it. In words that were put together few are.
		if len(run) >= longBase64 && changes(run)*3 >= len(run) {
			return true
		}
	}
	return false
}

// plainWord matches a short word in small letters, and a number with or without a unit.
var plainWord = regexp.MustCompile(`^([a-z]+([-_][a-z]+)?|-?[0-9]{1,9}(\.[0-9]{1,3})?[A-Za-z]{0,3})$`)

// longestPlainWord is the length up to which AndGiven repeats a word.
const longestPlainWord = 12

// AndGiven returns the end of an error about a value that is not allowed: what was given in its place. It returns "" for a
// value that is more than a short word or a number, because it could be a secret.
func AndGiven(value string) string {
	if len(value) > longestPlainWord || !plainWord.MatchString(value) {
		return ""
	}
	return ", and " + strconv.Quote(value) + " was given"
}

// longestWord is the length up to which Redact leaves a word alone.
const longestWord = 40

// Redact returns a text from outside, such as an error of a server, without the words that
// may be secrets.
func Redact(text string) string {
	words := strings.Split(text, " ")
	for i, word := range words {
		if Resembles(word) || len(word) > longestWord {
			words[i] = "[not shown]"
		}
	}
	return strings.Join(words, " ")
}

// changes counts how often a text goes from lowercase letters to capitals or to digits, or
// back. Other characters in between do not count.
func changes(text string) (count int) {
	last := 0
	for _, r := range text {
		kind := 0
		switch {
		case 'a' <= r && r <= 'z':
			kind = 1
		case 'A' <= r && r <= 'Z':
			kind = 2
		case '0' <= r && r <= '9':
			kind = 3
		default:
			continue
		}
		if last != 0 && kind != last {
			count++
		}
		last = kind
	}
	return count
}
