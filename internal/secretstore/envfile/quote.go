package envfile

import (
	"strings"

	"github.com/ocmt/ocmt/internal/dotenv"
)

// style is a way to write a value.
type style byte

// The styles are the three quotation marks, none, and double ones with line ends as \n and \r.
const (
	plain    style = 0
	single   style = '\''
	double   style = '"'
	backtick style = '`'
	escaped  style = 'n'
	// bare is as plain, and takes more characters: it is for a value that stood without quotes before.
	bare style = 'b'
	// The loose ones are what dotenv reads and other readers may not. They are for a text that has every kind
	// of quotation mark.
	loose       style = 'L'
	looseSingle style = 'S'
	looseDouble style = 'D'
)

// everywhere are the styles for a value that has none yet, or cannot keep its own, best first. A value without
// quotes is what every program reads alike, and single quotes are what a shell, compose and systemd take as
// it stands.
var everywhere = []style{plain, single, double, backtick, escaped, loose, looseSingle, looseDouble}

// styles returns ways to choose a style for each assignment of a name, best first: each as it is now, then
// all alike.
func (d document) styles(name string) (ways []func(dotenv.Assignment) style) {
	if d.lines(name) != nil {
		ways = append(ways, d.styleOf)
	}
	for _, as := range everywhere {
		ways = append(ways, func(dotenv.Assignment) style { return as })
	}
	return ways
}

// styleOf returns the style of an assignment as it is now.
func (d document) styleOf(one dotenv.Assignment) style {
	start, end := d.coreOf(one)
	switch {
	case start == end:
		return plain
	case end-start > 1 && !one.Unclosed && d.normal[start] == d.normal[end-1] && strings.IndexByte("'\"`", d.normal[start]) >= 0:
		return style(d.normal[start])
	}
	return bare
}

// quote writes a value in a style. It reports false where the style cannot hold it, or where other readers
// of such files would take another value from it; whether dotenv reads it back is seen by reading it.
func quote(value string, as style) (string, bool) {
	switch as {
	case plain:
		return value, value == "" || !strings.ContainsFunc(value, isNotPlain)
	case bare:
		return value, value == "" || !strings.ContainsFunc(value, func(r rune) bool {
			return r <= ' ' || r >= 0x7f || strings.ContainsRune("#'\"`\\$", r)
		})
	case single, backtick:
		return string(as) + value + string(as), !strings.ContainsRune(value, '\r') && !strings.ContainsRune(value, rune(as))
	case double:
		return `"` + value + `"`, !strings.ContainsAny(value, "\"\r$`\\")
	case escaped:
		if strings.Contains(value, `\n`) || strings.Contains(value, `\r`) {
			return "", false
		}
		return `"` + strings.NewReplacer("\n", `\n`, "\r", `\r`).Replace(value) + `"`, true
	}
	return quoteLoosely(value, as)
}

// quoteLoosely writes a value in a style that other readers than dotenv may take for another value.
func quoteLoosely(value string, as style) (string, bool) {
	can := !strings.ContainsAny(value, "\r\n")
	switch as {
	case loose:
		return value, can
	case looseSingle:
		return "'" + value + "'", can
	default:
		return `"` + value + `"`, can
	}
}

// isNotPlain reports whether a character means something to a shell, to compose or to systemd, so that a
// value with it stands in quotes.
func isNotPlain(r rune) bool {
	letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	return !letter && !strings.ContainsRune("_-./:@%+=,", r)
}

// isForeign says why a text is not one that an env file can be edited in; "" where it is.
func isForeign(text string) string {
	switch {
	case strings.HasPrefix(text, "\xff\xfe"), strings.HasPrefix(text, "\xfe\xff"):
		return "it is in UTF-16, as some editors and shells of Windows write it"
	case strings.ContainsRune(text, 0):
		return "it has a NUL byte"
	case strings.ContainsAny(text, lineSeparators):
		return "it has a line separator of Unicode (U+2028 or U+2029), which dotenv takes for a line end and other readers do not"
	}
	return ""
}

// lineSeparators are line ends to JavaScript and to nothing else.
const lineSeparators = "\u2028\u2029"

// byteOrderMark begins a file that some editors of Windows have written. dotenv takes it for white space.
const byteOrderMark = "\ufeff"
