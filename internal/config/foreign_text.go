package config

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// findForeignText says what in the text of a secret's file nobody sees, and would be taken for a
// part of the secret: a byte order mark, UTF-16, invisible characters. It returns "" for a plain
// text, and repeats nothing of it but the number of such a character.
func findForeignText(text string) string {
	switch {
	case strings.HasPrefix(text, "\xff\xfe"), strings.HasPrefix(text, "\xfe\xff"), looksLikeUTF16(text):
		return "is in UTF-16, as some editors and shells of Windows write it"
	case strings.HasPrefix(text, "\ufeff"):
		return "begins with a byte order mark, which is no part of a secret"
	}
	for at, r := range text {
		if isInvisible(r) {
			return fmt.Sprintf("has an invisible character (U+%04X) at byte %d", r, at)
		}
	}
	return ""
}

// looksLikeUTF16 reports whether every other byte is zero.
func looksLikeUTF16(text string) bool {
	return len(text) >= 4 && (text[1] == 0 && text[3] == 0 || text[0] == 0 && text[2] == 0)
}

// isInvisible reports whether a character leaves nothing to see, or a space that is not the
// usual one. Line breaks and tabs are seen.
func isInvisible(r rune) bool {
	switch r {
	case '\n', '\r', '\t', ' ', utf8.RuneError:
		return false
	}
	return unicode.Is(unicode.Cf, r) || unicode.IsControl(r) || unicode.IsSpace(r)
}
