// Package json5 reads texts of JSON5 (spec.json5.org), and says where in the text each value stands, so that
// one of them can be replaced and every other byte kept.
package json5

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrForm says that a text is no JSON5. It repeats nothing of the text.
var ErrForm = errors.New("it is no JSON5")

// maxDepth is how deep objects and arrays may nest.
const maxDepth = 200

// Kind is a kind of value.
type Kind uint8

// The kinds.
const (
	Other Kind = iota // a number, or one of the words of JSON5
	Object
	Array
	Text
)

// Value is a value, and where it stands.
type Value struct {
	Kind       Kind
	Start, End int      // the bytes of the text that it takes, quotation marks and brackets included
	Text       string   // of a Text, without quotation marks and escapes
	Members    []Member // of an Object, in their order
}

// Member is a member of an object.
type Member struct {
	Name  string
	Start int // the byte that its name begins with
	Value Value
}

// Member returns the member of a name: the last one, as in JavaScript. It reports how many there are.
func (v Value) Member(name string) (found Value, count int) {
	for _, member := range v.Members {
		if member.Name == name {
			found = member.Value
			count++
		}
	}
	return found, count
}

// Parse reads a text. The elements of arrays are read and left out, because nothing asks for them. Error:
// ErrForm.
func Parse(text string) (Value, error) {
	p := parser{length: len(text), rest: strings.TrimPrefix(text, "\ufeff")}
	value, err := p.value(0)
	if err != nil {
		return Value{}, err
	}
	if err := p.skip(); err != nil || p.rest != "" {
		return Value{}, ErrForm
	}
	return value, nil
}

// parser has the text that is not read yet.
type parser struct {
	length int // of the whole text
	rest   string
}

// at returns how many bytes are read.
func (p *parser) at() int { return p.length - len(p.rest) }

// isSpace reports whether a character is white space or the end of a line (spec.json5.org, section 8).
func isSpace(r rune) bool {
	return strings.ContainsRune("\t\n\v\f\r \u00a0\u2028\u2029\ufeff", r) || unicode.Is(unicode.Zs, r)
}

// skip passes over white space and comments.
func (p *parser) skip() error {
	for {
		p.rest = strings.TrimLeftFunc(p.rest, isSpace)
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
				return ErrForm
			}
			p.rest = p.rest[2+end+2:]
		default:
			return nil
		}
	}
}

// take removes a character that comes next, and reports whether it did.
func (p *parser) take(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// value reads any value.
func (p *parser) value(depth int) (value Value, err error) {
	if err := p.skip(); err != nil || p.rest == "" || depth > maxDepth {
		return Value{}, ErrForm
	}
	value.Start = p.at()
	switch p.rest[0] {
	case '{':
		value.Kind = Object
		value.Members, err = p.object(depth)
	case '[':
		value.Kind = Array
		err = p.array(depth)
	case '"', '\'':
		value.Kind = Text
		value.Text, err = p.text()
	default:
		err = p.word()
	}
	value.End = p.at()
	return value, err
}

// object reads an object.
func (p *parser) object(depth int) (members []Member, err error) {
	p.take('{')
	for {
		if err := p.skip(); err != nil {
			return nil, err
		}
		if p.take('}') {
			return members, nil
		}
		member := Member{Start: p.at()}
		if member.Name, err = p.name(); err != nil {
			return nil, err
		}
		if err := p.skip(); err != nil || !p.take(':') {
			return nil, ErrForm
		}
		if member.Value, err = p.value(depth + 1); err != nil {
			return nil, err
		}
		members = append(members, member)
		if err := p.separator('}'); err != nil {
			return nil, err
		}
	}
}

// separator reads a comma, or sees the end.
func (p *parser) separator(end byte) error {
	if err := p.skip(); err != nil {
		return err
	}
	if !p.take(',') && (p.rest == "" || p.rest[0] != end) {
		return ErrForm
	}
	return nil
}

// array reads an array.
func (p *parser) array(depth int) error {
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
func (p *parser) name() (string, error) {
	if p.rest == "" {
		return "", ErrForm
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
				return "", ErrForm
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
	if unicode.IsLetter(r) || unicode.Is(unicode.Nl, r) || r == '$' || r == '_' {
		return true
	}
	return !first && (unicode.IsDigit(r) || unicode.In(r, unicode.Mn, unicode.Mc, unicode.Pc) || r == '\u200c' || r == '\u200d')
}

// word reads a number, or one of the words of JSON5.
func (p *parser) word() error {
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
		return ErrForm
	}
	p.rest = p.rest[end:]
	return nil
}
