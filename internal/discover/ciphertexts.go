package discover

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"html"
	"io"
	"regexp"
	"strings"
	"unicode"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// located is one ciphertext within a value.
type located struct {
	crypto.Ciphertext
	member    string // member of the outermost JSON object, "" where there is none
	nested    bool   // the ciphertext is a part of the value, not the whole value
	truncated bool   // only its beginning is known, so that no key can open it
}

// findCiphertexts returns the ciphertexts in a value: the value itself, or strings
// at any depth of the JSON that it is.
func findCiphertexts(value []byte) []located {
	if c, truncated, ok := parseShape(value); ok {
		return []located{{Ciphertext: c, truncated: truncated}}
	}
	var found []located
	rest := visitStrings(value, func(member, text string) {
		found = append(found, findInString(member, text)...)
	})
	return append(found, findEmbedded(rest)...) // of what only begins as JSON
}

// OpenInside returns the version of a key of the ring that opens a ciphertext in a value, wherever in it that is.
func OpenInside(ring *crypto.Keyring, value []byte) (version int, ok bool) {
	for _, c := range append(findCiphertexts(value), findEmbedded(value)...) {
		if c.truncated {
			continue
		}
		version, plaintext := ring.OpenAny(c.Ciphertext)
		clear(plaintext)
		if version >= 0 {
			return version, true
		}
	}
	return 0, false
}

// embedded matches a ciphertext anywhere in a text.
var embedded = regexp.MustCompile(`\bv[0-9]{1,12}:[A-Za-z0-9+/_-]{16,22}={0,2}:[A-Za-z0-9+/_-]{22}={0,2}:[A-Za-z0-9+/_-]+={0,2}|\b[0-9A-Fa-f]{32}:[0-9A-Fa-f]{32}:(?:[0-9A-Fa-f]{2})+\b`)

// hexBytes matches bytes as PostgreSQL writes them within a text.
var hexBytes = regexp.MustCompile(`\\x(?:[0-9a-f]{2})+`)

// findEmbedded returns the ciphertexts anywhere in the text of a value that is made of others:
// as they are, with characters by their numbers as in XML, or as bytes in hexadecimal.
func findEmbedded(value []byte) []located {
	if bytes.Contains(value, []byte("&#")) {
		value = []byte(html.UnescapeString(string(value)))
	}
	var found []located
	for _, text := range embedded.FindAll(value, -1) {
		if c, truncated, ok := parseShape(text); ok {
			found = append(found, located{Ciphertext: c, nested: true, truncated: truncated})
		}
	}
	for _, text := range hexBytes.FindAll(value, -1) {
		inner := make([]byte, hex.DecodedLen(len(text)-2))
		if _, err := hex.Decode(inner, text[2:]); err != nil {
			continue // the pattern allows none such
		}
		for _, c := range findCiphertexts(inner) {
			c.nested = true
			found = append(found, c)
		}
	}
	return found
}

// findInString returns the ciphertexts in a string of JSON. JSON that stands as text within JSON is
// followed to its end: each level doubles the marks of escape, so that there can be few.
func findInString(member, text string) []located {
	if c, truncated, ok := parseShape([]byte(text)); ok {
		return []located{{Ciphertext: c, member: member, nested: true, truncated: truncated}}
	}
	var found []located
	rest := visitStrings([]byte(text), func(_, inner string) {
		found = append(found, findInString(member, inner)...)
	})
	for _, c := range findEmbedded(rest) {
		c.member = member
		found = append(found, c)
	}
	return found
}

// parseShape reads a text as a ciphertext of OCMT. The legacy form has no label,
// so IV and tag must have their full lengths: three short hexadecimal numbers are
// no ciphertext. A text of exactly CandidateHead bytes may be the beginning of a
// longer one, and is read without its last incomplete Base64 group.
func parseShape(text []byte) (c crypto.Ciphertext, truncated, ok bool) {
	head := len(text) == CandidateHead
	text = bytes.TrimFunc(text, isBlank)
	c, err := crypto.Parse(string(text))
	if err != nil && bytes.ContainsAny(text, "\r\n") {
		// Node, and so a server, passes over line breaks in Base64.
		c, err = crypto.Parse(strings.NewReplacer("\r", "", "\n", "").Replace(string(text)))
	}
	if err != nil && head {
		last := bytes.LastIndexByte(text, ':') + 1
		c, err = crypto.Parse(string(text[:last+(len(text)-last)/4*4]))
		truncated = true
	}
	full := c.Format == crypto.Versioned || len(c.IV) == crypto.IVSize
	return c, truncated, err == nil && full
}

// isBlank reports whether a character is white space, or a mark that nobody sees.
func isBlank(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' || r == '\u200b' }

// visitStrings visits the strings of a JSON text, also the names of its members, each with
// the member of the outermost object that contains it. It reads tokens, so that neither
// depth nor a repeated name hides a value. Where the text stops being JSON it returns the rest, nil
// where it does not, or does not begin as JSON.
func visitStrings(text []byte, visit func(member, text string)) (rest []byte) {
	text = bytes.TrimLeftFunc(text, isBlank)
	if len(text) == 0 || !bytes.ContainsRune([]byte(`{["`), rune(text[0])) {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var open []bool // whether each open bracket is an object's
	member, name := "", false
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) && len(open) == 0 {
			return nil
		}
		if err != nil {
			return text[min(decoder.InputOffset(), int64(len(text))):]
		}
		switch token := token.(type) {
		case json.Delim:
			if token == '{' || token == '[' {
				open, name = append(open, token == '{'), token == '{'
				continue
			}
			open = open[:len(open)-1]
		case string:
			if name {
				if len(open) == 1 {
					member = ""
				}
				visit(member, token)
				if len(open) == 1 {
					member = token
				}
				name = false
				continue
			}
			visit(member, token)
		}
		name = len(open) > 0 && open[len(open)-1]
	}
}
