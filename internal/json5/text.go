package json5

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// escapes are the escapes of one character.
var escapes = map[rune]rune{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

// text reads a text in quotes.
func (p *parser) text() (string, error) {
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
			return "", ErrForm
		case '\\':
			if err := p.escape(&text); err != nil {
				return "", err
			}
		default:
			text.WriteRune(r)
		}
	}
	return "", ErrForm
}

// escape reads what stands behind a backslash.
func (p *parser) escape(text *strings.Builder) error {
	r, size := utf8.DecodeRuneInString(p.rest)
	if size == 0 {
		return ErrForm
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
			return ErrForm
		}
		text.WriteByte(0)
	case r == '\r':
		p.take('\n')
	case r == '\n' || r == '\u2028' || r == '\u2029': // the line goes on
	default:
		if meant, known := escapes[r]; known {
			r = meant
		}
		text.WriteRune(r)
	}
	return nil
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

// pair returns the character that two halves of UTF-16 are, where a second half comes next.
func (p *parser) pair(first rune) (rune, error) {
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
func (p *parser) hex(length int) (code rune, _ error) {
	if len(p.rest) < length {
		return 0, ErrForm
	}
	for _, digit := range p.rest[:length] {
		value := strings.IndexRune("0123456789abcdef", unicode.ToLower(digit))
		if value < 0 || digit > 0x7f {
			return 0, ErrForm
		}
		code = code<<4 | rune(value) //nolint:gosec // a digit from 0 to 15
	}
	p.rest = p.rest[length:]
	return code, nil
}

// Quote writes a text in a kind of quotation mark, so that Parse reads it back. In double ones the result is
// JSON too.
func Quote(text string, mark byte) string {
	var b strings.Builder
	b.WriteByte(mark)
	for _, r := range text {
		switch {
		case r == rune(mark) || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == '\u2028' || r == '\u2029':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte(mark)
	return b.String()
}
