package config

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// jsSpace is the character class \s of JavaScript (ECMA-262, WhiteSpace and
// LineTerminator), which has more members than that of Go.
const jsSpace = `[\t\n\v\f\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}]`

// dotenvAssignment is one assignment in the grammar of Node's dotenv, which the OCMT
// servers read their .env with: a name, = or a colon with white space, and a value in one
// of three kinds of quotes or up to a # or the end of the line. A value in quotes may take
// several lines. RE2 and JavaScript prefer the same alternative of a match, and the grammar
// has no look-around, so that both find the same matches.
var dotenvAssignment = regexp.MustCompile(strings.ReplaceAll(
	`(?m)^\s*(?:export\s+)?([0-9A-Za-z_.-]+)(?:\s*=\s*?|:\s+?)`+
		`(\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`+"`(?:\\\\`|[^`])*`"+`|[^#\r\n]+)?\s*(?:#.*)?$`, `\s`, jsSpace))

// assignment is one NAME=value of an env file.
type assignment struct {
	name, value string
	// start and end are the bytes of the text that the assignment takes, from the line of
	// its name to the end of its last line.
	start, end int
	// unclosed says that the value begins with a quotation mark that nothing closes. The
	// servers take it as a part of the value.
	unclosed bool
}

// parseDotenv reads the text of an env file exactly as Node's dotenv does (versions 16 to
// 18). The last assignment of a name counts. Text that is no assignment is skipped. A line
// may end with \n, \r\n or \r; positions are those of the text with \n in place of these.
func parseDotenv(text string) []assignment {
	text = normaliseLineEnds(text)
	var list []assignment
	for _, at := range dotenvAssignment.FindAllStringSubmatchIndex(text, -1) {
		found := assignment{name: text[at[2]:at[3]], start: at[2], end: at[1]}
		if at[4] >= 0 {
			found.value, found.unclosed = unquote(text[at[4]:at[5]])
		}
		list = append(list, found)
	}
	return list
}

// normaliseLineEnds turns every kind of line end into \n.
func normaliseLineEnds(text string) string {
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
}

// unquote returns the value of a raw text: without white space around it, without its
// quotation marks, and in double quotes with \n and \r as line ends. It reports whether the
// text begins with a quotation mark that nothing closes.
func unquote(raw string) (value string, unclosed bool) {
	value = strings.TrimFunc(raw, isJSSpace)
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

// isJSSpace reports whether JavaScript takes a character for white space.
func isJSSpace(r rune) bool {
	return r != utf8.RuneError && jsSpaceRune.MatchString(string(r))
}
