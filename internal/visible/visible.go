// Package visible makes characters of foreign text visible that a terminal, a page or a reader would act on. It
// imports the standard library only.
package visible

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text makes control characters and invisible characters visible, among them line breaks and those that
// reorder text (Unicode category Cf), so that text from a database or a file cannot move the cursor, change
// colours or fake lines.
func Text(text string) string { return escape(text, isHidden) }

// Lines does the same, and keeps line breaks.
func Lines(text string) string {
	return escape(text, func(r rune) bool { return r != '\n' && isHidden(r) })
}

func isHidden(r rune) bool { return !unicode.IsGraphic(r) }

func escape(text string, hidden func(rune) bool) string {
	if strings.IndexFunc(text, hidden) < 0 && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case !hidden(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
