// Package dotenv reads the text of an env file exactly as Node's dotenv does, which the OCMT servers read
// their .env with, and says where in the text each value stands.
package dotenv

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// jsSpace is the character class \s of JavaScript (ECMA-262, WhiteSpace and
// LineTerminator), which has more members than that of Go.
const jsSpace = `[\t\n\v\f\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}]`

// grammar is one assignment in the grammar of Node's dotenv, which the OCMT
// servers read their .env with: a name, = or a colon with white space, and a value in one
// of three kinds of quotes or up to a # or the end of the line. A value in quotes may take
// several lines. RE2 and JavaScript prefer the same alternative of a match, and the grammar
// has no look-around, so that both find the same matches.
var grammar = regexp.MustCompile(strings.ReplaceAll(
	`(?m)^\s*(?:export\s+)?([0-9A-Za-z_.-]+)(\s*=\s*?|:\s+?)`+
		`(\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`+"`(?:\\\\`|[^`])*`"+`|[^#\r\n]+)?\s*(?:#.*)?$`, `\s`, jsSpace))

// Assignment is one NAME=value of an env file. Positions are bytes of the text with \n in place of every
// kind of line end.
type Assignment struct {
	Name, Value string
	// Begin is where the line of the assignment, or the word export before it, begins: the first byte that
	// is no white space. Start is where the name begins. End is behind the last byte, a comment included.
	Begin, Start, End int
	// RawStart and RawEnd are the text between the separator and the comment, with white space and
	// quotation marks. Both are behind the separator where there is none.
	RawStart, RawEnd int
	// Unclosed says that the value begins with a quotation mark that nothing closes. The servers take it as
	// a part of the value.
	Unclosed bool
}

// Parse reads the text of an env file exactly as Node's dotenv does (versions 16 to 18). The last
// assignment of a name counts. Text that is no assignment is skipped. A line may end with \n, \r\n or \r.
func Parse(text string) []Assignment {
	text = NormaliseLineEnds(text)
	var list []Assignment
	for _, at := range grammar.FindAllStringSubmatchIndex(text, -1) {
		white := text[at[0]:at[1]]
		found := Assignment{Name: text[at[2]:at[3]], Start: at[2], End: at[1], RawStart: at[5], RawEnd: at[5]}
		found.Begin = at[0] + len(white) - len(strings.TrimLeftFunc(white, IsSpace))
		if at[6] >= 0 {
			found.RawStart, found.RawEnd = at[6], at[7]
			found.Value, found.Unclosed = unquote(text[at[6]:at[7]])
		}
		list = append(list, found)
	}
	return list
}

// NormaliseLineEnds turns every kind of line end into \n.
func NormaliseLineEnds(text string) string {
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
}

// unquote returns the value of a raw text: without white space around it, without its
// quotation marks, and in double quotes with \n and \r as line ends. It reports whether the
// text begins with a quotation mark that nothing closes.
func unquote(raw string) (value string, unclosed bool) {
	value = strings.TrimFunc(raw, IsSpace)
	if value == "" || !isQuote(value[0]) {
		return value, false
	}
	quote := value[0]
	unclosed = strings.Count(value, string(quote)) == 1
	value = stripQuotes(value)
	if quote == '"' {
		value = strings.NewReplacer(`\n`, "\n", `\r`, "\r").Replace(value)
	}
	return value, unclosed
}

// stripQuotes removes each pair of quotation marks of which the first is at the beginning
// of a line and the second at the end of the same or a later line, as the multi-line
// expression ^(['"`])([\s\S]*)\1$ of dotenv does.
func stripQuotes(value string) string {
	var b strings.Builder
	rest := 0
	for i := 0; i < len(value); i++ {
		if !isQuote(value[i]) || i > 0 && value[i-1] != '\n' {
			continue
		}
		if end := lastAtLineEnd(value, i); end > i {
			b.WriteString(value[rest:i] + value[i+1:end])
			rest, i = end+1, end
		}
	}
	return b.String() + value[rest:]
}

// lastAtLineEnd returns the position of the last quotation mark at the end of a line that
// is the same as the one at a position, or that position itself.
func lastAtLineEnd(value string, at int) int {
	for end := len(value) - 1; end > at; end-- {
		if value[end] == value[at] && (end == len(value)-1 || value[end+1] == '\n') {
			return end
		}
	}
	return at
}

func isQuote(b byte) bool { return b == '\'' || b == '"' || b == '`' }

// jsSpaceRune matches one character of jsSpace.
var jsSpaceRune = regexp.MustCompile(`^` + jsSpace + `$`)

// IsSpace reports whether JavaScript takes a character for white space.
func IsSpace(r rune) bool {
	return r != utf8.RuneError && jsSpaceRune.MatchString(string(r))
}
