package secret

import "strings"

// What is written without a break and is as long as this may be a secret: a
// name or a path that people choose is rarely so.
const (
	longHex    = 32
	longBase64 = 20
)

// Resembles reports whether a text that stands where no secret belongs, such as
// a path, a table's name or an argument, may be one that got there by mistake:
// an address with a password, or a long run of characters as random sources
// make them. It errs on the side of yes; the answer decides whether an error
// repeats the text, and nothing else.
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
		// In a random run every second character or so is of another kind than
		// the one before; in words that were put together few are.
		if len(run) >= longBase64 && changes(run)*3 >= len(run) {
			return true
		}
	}
	return false
}

// printable is a text for a report, unless it may be a secret.
func printable(text string) string {
	if Resembles(text) {
		return "[not shown]"
	}
	return text
}

// longestWord is the length up to which Redact leaves a word alone.
const longestWord = 40

// Redact returns a text of others, such as an error of a server, without the
// words in it that may be secrets.
func Redact(text string) string {
	words := strings.Split(text, " ")
	for i, word := range words {
		if Resembles(word) || len(word) > longestWord {
			words[i] = "[not shown]"
		}
	}
	return strings.Join(words, " ")
}

// changes counts where a text goes from small letters to capitals, to digits, or
// back, past whatever else there is.
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
