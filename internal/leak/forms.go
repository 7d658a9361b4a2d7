package leak

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Form names how a secret was written down.
type Form string

// The forms that are searched.
const (
	// Plain is the text itself. A key of 64 hex digits is the same key in upper and lower case, and
	// both are Plain.
	Plain Form = "plain"
	// URL is percent-encoding (RFC 3986 section 2.1), in whichever case and of whichever characters.
	URL Form = "URL-encoded"
	// JSON is a string of JSON (RFC 8259 section 7), of whichever characters escaped.
	JSON Form = "JSON"
	// UTF16LE and UTF16BE are UTF-16 without a byte order mark.
	UTF16LE Form = "UTF-16 LE"
	UTF16BE Form = "UTF-16 BE"
	// Hex is the bytes of the text as hex digits, in upper or lower case.
	Hex Form = "hex"
	// Base64 is RFC 4648 section 4 or 5, with the secret at any place of a longer text.
	Base64 Form = "Base64"
	// Raw is the 32 bytes that a key of 64 hex digits stands for, and RawBase64 is their Base64.
	Raw       Form = "raw key"
	RawBase64 Form = "Base64 of the raw key"
)

// spelling is the bytes of a secret in a form.
type spelling struct {
	form  Form
	bytes string
}

// spell returns a secret in all forms. Several spellings can be the same bytes, and the first of
// them has the simplest form.
func spell(secret string) []spelling {
	list := []spelling{{Plain, secret}}
	list = append(list, spellURL(secret)...)
	list = append(list, spellJSON(secret)...)
	list = append(list, spellUTF16(secret)...)
	list = append(list, spellHex(secret)...)
	list = append(list, spellBase64(Base64, secret)...)
	if key, err := hex.DecodeString(secret); err == nil && len(key) == 32 {
		list = append(list, spelling{Plain, strings.ToLower(secret)}, spelling{Plain, strings.ToUpper(secret)},
			spelling{Raw, string(key)})
		list = append(list, spellBase64(RawBase64, string(key))...)
	}
	return list
}

// unescaped is the characters besides letters and digits that an encoder leaves alone: the
// unreserved ones of RFC 3986, and those of JavaScript's encodeURIComponent and encodeURI, of
// forms (WHATWG URL, application/x-www-form-urlencoded), and of Go's and Python's path encoders.
var unescaped = [...]string{"-_.~", "-_.!~*'()", "-_.!~*'();,/?:@&=+$#", "-_.*", "-_.~/", "-_.~$&+=:@"}

func spellURL(secret string) []spelling {
	var list []spelling
	for _, left := range unescaped {
		for _, digits := range [...]string{"0123456789ABCDEF", "0123456789abcdef"} {
			text := escapePercent(secret, left, digits)
			list = append(list, spelling{URL, text}, spelling{URL, strings.ReplaceAll(text, "%20", "+")})
		}
	}
	return list
}

// escapePercent percent-encodes each byte that is no letter, no digit and not in left.
func escapePercent(text, left, digits string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		switch {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', strings.IndexByte(left, c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}

// spellJSON returns the string in JSON as JavaScript writes it, as Go does (which escapes <, > and
// &), as Python does (only ASCII), and each of them with \/ for a slash, as PHP does.
func spellJSON(secret string) []spelling {
	if !utf8.ValidString(secret) {
		return nil
	}
	script, forGo := quoteJSON(secret, false), quoteJSON(secret, true)
	var list []spelling
	for _, text := range [...]string{script, forGo, escapeUnicode(script), escapeUnicode(forGo)} {
		list = append(list, spelling{JSON, text}, spelling{JSON, strings.ReplaceAll(text, "/", `\/`)})
	}
	return list
}

// quoteJSON returns a string of JSON without its quotes.
func quoteJSON(text string, escapeHTML bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(escapeHTML)
	_ = e.Encode(text) // a valid string always can be
	return string(b.Bytes()[1 : b.Len()-2])
}

// escapeUnicode writes each character beyond ASCII as \uXXXX, in UTF-16.
func escapeUnicode(text string) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for _, r := range text {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			b.Write([]byte{'\\', 'u', digits[unit>>12], digits[unit>>8&15], digits[unit>>4&15], digits[unit&15]})
		}
	}
	return b.String()
}

func spellUTF16(secret string) []spelling {
	if !utf8.ValidString(secret) {
		return nil
	}
	var little, big []byte
	for _, unit := range utf16.Encode([]rune(secret)) {
		high, low := byte(unit>>8), byte(unit&0xff)
		little = append(little, low, high)
		big = append(big, high, low)
	}
	return []spelling{{UTF16LE, string(little)}, {UTF16BE, string(big)}}
}

func spellHex(secret string) []spelling {
	digits := hex.EncodeToString([]byte(secret))
	return []spelling{{Hex, digits}, {Hex, strings.ToUpper(digits)}}
}

// spellBase64 returns those characters of the Base64 of a longer text that the secret alone
// decides. A secret can begin at any of three places within a group of three bytes, and its
// first and last bits can share a character with what stands beside it.
func spellBase64(form Form, secret string) []spelling {
	var list []spelling
	for _, encoding := range [...]*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			whole := encoding.EncodeToString(append(make([]byte, before), secret...))
			first, end := (before*8+5)/6, (before+len(secret))*8/6
			list = append(list, spelling{form, whole[first:end]})
		}
	}
	return list
}
