package ui

import (
	"encoding"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/ocmt/ocmt/internal/visible"
)

// Painted is text that is on its way to a terminal as it is: it has colours or line breaks of ours, and what others
// wrote in it has been cleaned. Whoever makes one of a text answers for that.
type Painted string

// sprintf formats a line. Every argument that could hold text of others is cleaned on its way: the format is ours, the
// arguments come from databases, files, servers and command lines.
func sprintf(format string, args []any, clean func(string) string) string {
	cleaned := make([]any, len(args))
	for i, arg := range args {
		cleaned[i] = cleanArgument(arg, clean)
	}
	return fmt.Sprintf(format, cleaned...)
}

func cleanArgument(arg any, clean func(string) string) any {
	switch arg := arg.(type) {
	case Painted:
		return string(arg)
	case string:
		return clean(arg)
	case error, fmt.Stringer, fmt.Formatter, encoding.TextMarshaler:
		return shownValue{arg, clean}
	case nil, bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64:
		return arg
	}
	return shownValue{arg, clean}
}

// shownValue formats any other value as its format says, and cleans what comes of it.
type shownValue struct {
	value any
	clean func(string) string
}

// Format implements fmt.Formatter.
func (s shownValue) Format(state fmt.State, verb rune) {
	_, _ = fmt.Fprint(state, s.clean(fmt.Sprintf(fmt.FormatString(state, verb), s.value)))
}

// escapeJSON writes the characters of a JSON text that a terminal acts on, or that nobody sees, as JSON escapes them:
// every reader of JSON reads the same text. Outside of strings JSON has none of them.
func escapeJSON(text string) string {
	hidden := func(r rune) bool { return r != '\n' && visible.IsHidden(r) }
	if strings.IndexFunc(text, hidden) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch high, low := utf16.EncodeRune(r); {
		case !hidden(r):
			b.WriteRune(r)
		case high == utf8.RuneError:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		}
	}
	return b.String()
}
