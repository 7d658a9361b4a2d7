package containers

import "strings"

// interpolated is a text of a compose file without its variables.
type interpolated struct {
	text      string // with the defaults of variables, and unknown for those that have none
	variable  bool   // it has a variable without a default
	defaulted bool   // it has a default that is not empty
	fixed     bool   // it has a text besides variables
}

// unknown stands for a variable that has no default.
const unknown = "\x00"

// interpolate reads ${NAME}, ${NAME:-default}, ${NAME-default}, ${NAME:?error}, ${NAME:+other}, $NAME and $$
// (Compose specification, interpolation). A default can have variables itself.
func interpolate(text string) interpolated { return interpolateWithin(text, 10) }

func interpolateWithin(text string, depth int) (result interpolated) {
	var out strings.Builder
	for text != "" {
		at := strings.IndexByte(text, '$')
		if at < 0 || at == len(text)-1 || depth == 0 {
			out.WriteString(text)
			result.fixed = true
			break
		}
		result.fixed = result.fixed || at > 0
		out.WriteString(text[:at])
		text = text[at+1:]
		switch {
		case text[0] == '$':
			out.WriteByte('$')
			result.fixed = true
			text = text[1:]
		case text[0] == '{' && closingBrace(text) > 0:
			end := closingBrace(text)
			out.WriteString(result.add(text[1:end], depth))
			text = text[end+1:]
		case nameLength(text) > 0:
			out.WriteString(unknown)
			result.variable = true
			text = text[nameLength(text):]
		default:
			out.WriteByte('$')
			result.fixed = true
		}
	}
	result.text = out.String()
	return result
}

// add reads what is between braces, and returns the text for it.
func (r *interpolated) add(inner string, depth int) string {
	rest := inner[nameLength(inner):]
	fallback, is := strings.CutPrefix(strings.TrimPrefix(rest, ":"), "-")
	if !is {
		fallback, is = strings.CutPrefix(strings.TrimPrefix(rest, ":"), "+")
	}
	if !is {
		r.variable = true
		return unknown
	}
	inside := interpolateWithin(fallback, depth-1)
	r.variable = r.variable || inside.variable
	r.defaulted = r.defaulted || inside.fixed || inside.defaulted
	return inside.text
}

// closingBrace returns the position of the brace that closes the one at the beginning; 0 for none.
func closingBrace(text string) int {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return 0
}

// nameLength returns the length of the name of a variable at the beginning.
func nameLength(text string) int {
	for i := range len(text) {
		c := text[i]
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return i
		}
	}
	return len(text)
}
