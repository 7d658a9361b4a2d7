package files

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// errJSON5 says that a text is no JSON5. It repeats nothing of the text.
var errJSON5 = errors.New("it is no JSON5")

// maxDepth is how deep objects may nest.
const maxDepth = 200

// parseJSON5 reads a text of JSON5 (spec.json5.org). Objects become map[string]any, texts become string, and
// everything else becomes nil: numbers, arrays and words are read and left out, because nothing asks for
// them. The last of equal names counts, as in JavaScript.
func parseJSON5(text string) (any, error) {
	p := json5Parser{rest: strings.TrimPrefix(text, "\ufeff")}
	value, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if err := p.skip(); err != nil || p.rest != "" {
		return nil, errJSON5
	}
	return value, nil
}

// json5Parser has the text that is not read yet.
type json5Parser struct{ rest string }

// skip passes over white space and comments.
func (p *json5Parser) skip() error {
	for {
		p.rest = strings.TrimLeftFunc(p.rest, func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Zs, r) || r == '\ufeff' })
		switch {
		case strings.HasPrefix(p.rest, "//"):
			end := strings.IndexAny(p.rest, "\n\r\u2028\u2029")
			if end < 0 {
				end = len(p.rest)
			}
			p.rest = p.rest[end:]
		case strings.HasPrefix(p.rest, "/*"):
			end := strings.Index(p.rest[2:], "*/")
			if end < 0 {
				return errJSON5
			}
			p.rest = p.rest[2+end+2:]
		default:
			return nil
		}
	}
}

// take removes a character that comes next, and reports whether it did.
func (p *json5Parser) take(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// value reads any value.
func (p *json5Parser) value(depth int) (any, error) {
	if err := p.skip(); err != nil || p.rest == "" || depth > maxDepth {
		return nil, errJSON5
	}
	switch p.rest[0] {
	case '{':
		return p.object(depth)
	case '[':
		return nil, p.array(depth)
	case '"', '\'':
		return p.text()
	default:
		return nil, p.word()
	}
}

// object reads an object.
func (p *json5Parser) object(depth int) (any, error) {
	p.take('{')
	members := map[string]any{}
	for {
		if err := p.skip(); err != nil {
			return nil, err
		}
		if p.take('}') {
			return members, nil
		}
		name, err := p.name()
		if err != nil {
			return nil, err
		}
		if err := p.skip(); err != nil || !p.take(':') {
			return nil, errJSON5
		}
		value, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		members[name] = value
		if err := p.separator('}'); err != nil {
			return nil, err
		}
	}
}

// separator reads a comma, or sees the end.
func (p *json5Parser) separator(end byte) error {
	if err := p.skip(); err != nil {
		return err
	}
	if !p.take(',') && (p.rest == "" || p.rest[0] != end) {
		return errJSON5
	}
	return nil
}

// array reads an array.
func (p *json5Parser) array(depth int) error {
	p.take('[')
	for {
		if err := p.skip(); err != nil {
			return err
		}
		if p.take(']') {
			return nil
		}
		if _, err := p.value(depth + 1); err != nil {
			return err
		}
		if err := p.separator(']'); err != nil {
			return err
		}
	}
}

// name reads the name of a member: a text, or an identifier.
func (p *json5Parser) name() (string, error) {
	if p.rest == "" {
		return "", errJSON5
	}
	if p.rest[0] == '"' || p.rest[0] == '\'' {
		return p.text()
	}
	var name strings.Builder
	for p.rest != "" {
		r, size := utf8.DecodeRuneInString(p.rest)
		switch {
		case strings.HasPrefix(p.rest, `\u`):
			p.rest = p.rest[2:]
			code, err := p.hex(4)
			if err != nil {
				return "", err
			}
			r, size = code, 0
		case !isNameRune(r, name.Len() == 0):
			if name.Len() == 0 {
				return "", errJSON5
			}
			return name.String(), nil
		}
		name.WriteRune(r)
		p.rest = p.rest[size:]
	}
	return name.String(), nil
}

// isNameRune reports whether a character may be in an identifier (ECMA-262, IdentifierName).
func isNameRune(r rune, first bool) bool {
	if unicode.IsLetter(r) || r == '$' || r == '_' {
		return true
	}
	return !first && (unicode.IsDigit(r) || unicode.In(r, unicode.Mn, unicode.Mc) || r == '\u200c' || r == '\u200d')
}

// word reads a number, or one of the words of JSON5.
func (p *json5Parser) word() error {
	end := strings.IndexFunc(p.rest, func(r rune) bool {
		return r > 0x7f || !strings.ContainsRune("+-.0123456789abcdefghijklmnopqrstuvwxyzABCDEFXIN", r)
	})
	if end < 0 {
		end = len(p.rest)
	}
	word := strings.TrimLeft(p.rest[:end], "+-")
	signs := end - len(word)
	known := word == "true" || word == "false" || word == "null"
	number := word == "Infinity" || word == "NaN" || word != "" && (word[0] == '.' || word[0] >= '0' && word[0] <= '9')
	if signs > 1 || known && signs > 0 || !known && !number {
		return errJSON5
	}
	p.rest = p.rest[end:]
	return nil
}

// json5Escapes are the escapes of one character.
var json5Escapes = map[rune]rune{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

// text reads a text in quotes.
func (p *json5Parser) text() (string, error) {
	quote := rune(p.rest[0])
	p.rest = p.rest[1:]
	var text strings.Builder
	for p.rest != "" {
		r, size := utf8.DecodeRuneInString(p.rest)
		p.rest = p.rest[size:]
		switch r {
		case quote:
			return text.String(), nil
		case '\n', '\r':
			return "", errJSON5
		case '\\':
			if err := p.escape(&text); err != nil {
				return "", err
			}
		default:
			text.WriteRune(r)
		}
	}
	return "", errJSON5
}

// escape reads what stands behind a backslash.
func (p *json5Parser) escape(text *strings.Builder) error {
	r, size := utf8.DecodeRuneInString(p.rest)
	if size == 0 {
		return errJSON5
	}
	p.rest = p.rest[size:]
	length := map[rune]int{'x': 2, 'u': 4}[r]
	switch {
	case length > 0:
		code, err := p.hex(length)
		if err != nil {
			return err
		}
		if code, err = p.pair(code); err != nil {
			return err
		}
		text.WriteRune(code)
	case isDigit(r):
		if r != '0' || p.rest != "" && isDigit(rune(p.rest[0])) {
			return errJSON5
		}
		text.WriteByte(0)
	case r == '\r':
		p.take('\n')
	case r == '\n' || r == '\u2028' || r == '\u2029': // the line goes on
	default:
		if meant, known := json5Escapes[r]; known {
			r = meant
		}
		text.WriteRune(r)
	}
	return nil
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

// pair returns the character that two halves of UTF-16 are, where a second half comes next.
func (p *json5Parser) pair(first rune) (rune, error) {
	if !utf16.IsSurrogate(first) || !strings.HasPrefix(p.rest, `\u`) {
		return first, nil
	}
	before := p.rest
	p.rest = p.rest[2:]
	second, err := p.hex(4)
	if err != nil {
		return 0, err
	}
	if both := utf16.DecodeRune(first, second); both != unicode.ReplacementChar {
		return both, nil
	}
	p.rest = before
	return first, nil
}

// hex reads a number of hexadecimal digits.
func (p *json5Parser) hex(length int) (code rune, _ error) {
	if len(p.rest) < length {
		return 0, errJSON5
	}
	for _, digit := range p.rest[:length] {
		value := strings.IndexRune("0123456789abcdef", unicode.ToLower(digit))
		if value < 0 || digit > 0x7f {
			return 0, errJSON5
		}
		code = code<<4 | rune(value) //nolint:gosec // a digit from 0 to 15
	}
	p.rest = p.rest[length:]
	return code, nil
}
