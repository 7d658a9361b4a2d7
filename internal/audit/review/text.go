package review

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// hidden stands for a value that is not shown.
const hidden = `"[not shown]"`

// hiddenNames are the parts of names of details whose values are never shown.
var hiddenNames = [][]byte{[]byte("token"), []byte("passw"), []byte("secret"), []byte("apikey"), []byte("api_key"), []byte("private"), []byte("authorization"), []byte("cookie"), []byte("shard"),
	[]byte("vaultkey"), []byte("vault_key"), []byte("bearer"), []byte("sessionid"), []byte("session_id"), []byte("recoverycode"), []byte("recovery_code"), []byte("credential"),
	[]byte("signature"), []byte("jwt")}

// hiddenWords are whole names whose values are never shown. As parts they would hide too much: key_version is none.
var hiddenWords = [][]byte{[]byte("key"), []byte("pwd"), []byte("code"), []byte("otp"), []byte("pin")}

// isHiddenName reports whether a name says that its value is a secret.
func isHiddenName(name []byte) bool {
	var room [64]byte // most names fit, so that nothing is allocated for them
	lower := room[:0]
	for _, b := range name {
		if b >= 'A' && b <= 'Z' {
			b += 'a' - 'A'
		}
		lower = append(lower, b)
	}
	for _, part := range hiddenNames {
		if bytes.Contains(lower, part) {
			return true
		}
	}
	lower = bytes.Trim(lower, `"`)
	return slices.ContainsFunc(hiddenWords, func(word []byte) bool { return bytes.Equal(lower, word) })
}

// isHiddenValue reports whether a JSON string is a secret by its form, whatever its name: a key or token of 64
// hexadecimal digits, an API key of OCMT, a JSON web token (RFC 7519), or a URL with one in its query.
func isHiddenValue(value []byte) bool {
	text := bytes.Trim(value, `"`)
	switch {
	case len(text) == 64:
		return bytes.IndexFunc(text, func(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", r) }) < 0
	case bytes.HasPrefix(text, []byte("opw_live_")):
		return true
	case bytes.HasPrefix(text, []byte("eyJ")):
		return bytes.Count(text, []byte(".")) == 2
	}
	at := bytes.IndexByte(text, '?')
	return at >= 0 && (bytes.Contains(text[at:], []byte("token=")) || bytes.Contains(text[at:], []byte("key=")) || bytes.Contains(text[at:], []byte("password=")))
}

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

// appendDetails adds details, which are JSON, with the texts hidden whose names say that they are
// secrets. NULL, and what is not JSON, become a JSON text or null.
func appendDetails(dst, text []byte) []byte {
	if len(text) == 0 {
		return append(dst, "null"...)
	}
	if text[0] != '{' && text[0] != '[' {
		return appendString(dst, text)
	}
	for len(text) > 0 {
		quote := bytes.IndexByte(text, '"')
		if quote < 0 {
			return appendVisible(dst, text, false)
		}
		end := stringEnd(text, quote)
		name := text[quote:end]
		after := bytes.TrimLeft(text[end:], " \t\r\n") // a column of type json has the blanks that were written
		isName := len(after) > 0 && after[0] == ':'
		if !isName && isHiddenValue(name) {
			dst, text = append(appendVisible(dst, text[:quote], false), hidden...), text[end:]
			continue
		}
		dst = appendVisible(dst, text[:end], false)
		text = text[end:]
		if isName && isHiddenName(name) {
			rest := bytes.TrimLeft(after[1:], " \t\r\n")
			if value := hiddenLength(rest); value > 0 {
				dst = append(append(dst, ": "...), hidden...)
				text = rest[value:]
			}
		}
	}
	return dst
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
		if end := bytes.IndexAny(text, ",}] "); end > 0 {
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
