package review

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// hidden stands for a value that is not shown.
const hidden = `"[not shown]"`

// appendString adds a text as a JSON string. Characters that a terminal would act on, or that
// reorder text, are escaped.
func appendString(dst, text []byte) []byte {
	dst = append(dst, '"')
	dst = appendVisible(dst, text, true)
	return append(dst, '"')
}

// appendVisible adds a text with \u escapes for what is not visible. With quotes, what JSON escapes in
// a string is escaped too.
func appendVisible(dst, text []byte, quotes bool) []byte {
	for start, at := 0, 0; ; {
		for at < len(text) && (text[at] >= ' ' && text[at] < 0x7f) && (!quotes || text[at] != '"' && text[at] != '\\') {
			at++
		}
		dst = append(dst, text[start:at]...)
		if at == len(text) {
			return dst
		}
		size := 1
		if b := text[at]; b == '"' || b == '\\' {
			dst = append(dst, '\\', b)
		} else {
			r := rune(0)
			r, size = utf8.DecodeRune(text[at:])
			dst = appendRune(dst, r, text[at:at+size])
		}
		at += size
		start = at
	}
}

const hexDigits = "0123456789abcdef"

// appendRune adds a character, or its escapes where it is not visible.
func appendRune(dst []byte, r rune, text []byte) []byte {
	switch {
	case unicode.IsGraphic(r) && r != utf8.RuneError:
		return append(dst, text...)
	case r > 0xffff:
		r -= 0x10000
		dst = appendEscape(dst, 0xd800+r>>10)
		r = 0xdc00 + r&0x3ff
	}
	return appendEscape(dst, r)
}

func appendEscape(dst []byte, r rune) []byte {
	return append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}

// jsonSpace are the characters that JSON may have between its parts.
const jsonSpace = " \t\r\n"

// appendDetails adds details, which are JSON, with the texts hidden whose names, or whose looks, say that
// they are secrets. NULL, and what is not JSON, become a JSON text or null.
func appendDetails(dst, text []byte) []byte {
	if text = bytes.TrimLeft(text, jsonSpace); len(text) == 0 {
		return append(dst, "null"...)
	}
	if text[0] != '{' && text[0] != '[' {
		return append(dst, hideInText(appendString(nil, text))...)
	}
	for len(text) > 0 {
		quote := bytes.IndexByte(text, '"')
		if quote < 0 {
			return appendBetween(dst, text)
		}
		end := stringEnd(text, quote)
		name := text[quote:end]
		dst = appendBetween(dst, text[:quote])
		dst = appendVisible(dst, hideInText(name), false)
		text = text[end:]
		rest := bytes.TrimLeft(text, jsonSpace)
		if len(rest) > 0 && rest[0] == ':' && isHiddenName(name) {
			rest = bytes.TrimLeft(rest[1:], jsonSpace)
			if value := hiddenLength(rest); value > 0 {
				dst = append(append(dst, ": "...), hidden...)
				text = rest[value:]
			}
		}
	}
	return dst
}

// appendBetween adds what stands between the strings of JSON, on one line.
func appendBetween(dst, text []byte) []byte {
	for start, at := 0, 0; ; at++ {
		if at < len(text) && text[at] != '\t' && text[at] != '\r' && text[at] != '\n' {
			continue
		}
		dst = appendVisible(dst, text[start:at], false)
		if at == len(text) {
			return dst
		}
		dst = append(dst, ' ')
		start = at + 1
	}
}

// stringEnd returns where the JSON string that begins at a quote ends, after its closing quote.
func stringEnd(text []byte, quote int) int {
	for at := quote + 1; at < len(text); at++ {
		switch text[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return len(text)
}

// hiddenLength returns the length of the value at the start of a text, 0 for one that holds no text
// or number: true, false and null tell no secret.
func hiddenLength(text []byte) int {
	if len(text) == 0 {
		return 0
	}
	switch b := text[0]; {
	case b == '"':
		return stringEnd(text, 0)
	case b == '{' || b == '[':
		return nestedLength(text)
	case b == '-' || b >= '0' && b <= '9':
		if end := bytes.IndexAny(text, ",}]"+jsonSpace); end > 0 {
			return end
		}
		return len(text)
	}
	return 0
}

// nestedLength returns the length of the object or list at the start of a text.
func nestedLength(text []byte) int {
	depth := 0
	for at := 0; at < len(text); at++ {
		switch text[at] {
		case '"':
			at = stringEnd(text, at) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return at + 1
			}
		}
	}
	return len(text)
}
