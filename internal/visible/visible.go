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
// colours or fake lines. What is no UTF-8 becomes the replacement character. A text that is longer than Longest
// is cut, and says so.
func Text(text string) string { return escape(clip(text), IsHidden) }

// Lines does the same, and keeps line breaks.
func Lines(text string) string {
	return escape(clip(text), func(r rune) bool { return r != '\n' && IsHidden(r) })
}

// Longest is how many bytes of a text are shown. No name is as long; a text of others may fill a screen for hours.
const Longest = 16 << 10

// clip cuts a text that is too long, between two characters.
func clip(text string) string {
	if len(text) <= Longest {
		return text
	}
	at := Longest
	for at > 0 && !utf8.RuneStart(text[at]) {
		at--
	}
	return fmt.Sprintf("%s… (%d bytes more)", text[:at], len(text)-at)
}

// blanks are characters that count as graphic and show nothing: fillers, variation selectors, the blank of Braille.
var blanks = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0x034f, Hi: 0x034f, Stride: 1}, {Lo: 0x115f, Hi: 0x1160, Stride: 1}, {Lo: 0x17b4, Hi: 0x17b5, Stride: 1}, {Lo: 0x180b, Hi: 0x180f, Stride: 1},
		{Lo: 0x2800, Hi: 0x2800, Stride: 1}, {Lo: 0x3164, Hi: 0x3164, Stride: 1}, {Lo: 0xfe00, Hi: 0xfe0f, Stride: 1}, {Lo: 0xffa0, Hi: 0xffa0, Stride: 1}},
	R32: []unicode.Range32{{Lo: 0xe0100, Hi: 0xe01ef, Stride: 1}},
}

// IsHidden reports whether a terminal acts on a character, or shows nothing for it.
func IsHidden(r rune) bool { return !unicode.IsGraphic(r) || unicode.Is(blanks, r) }

func escape(text string, hidden func(rune) bool) string {
	if strings.IndexFunc(text, hidden) < 0 && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case !hidden(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
