package discover

import (
	"bytes"
	"encoding/json"
	"regexp"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// deepestText bounds how deep JSON is followed that stands as text within JSON.
// What OCMT stores is one deep; without a bound a hostile value could keep the
// search busy.
const deepestText = 4

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
	visitStrings(value, func(member, text string) {
		found = append(found, findInString(member, text, 1)...)
	})
	return found
}

// embedded matches a ciphertext anywhere in a text.
var embedded = regexp.MustCompile(`\bv[0-9]{1,12}:[A-Za-z0-9+/_-]{16,22}={0,2}:[A-Za-z0-9+/_-]{22}={0,2}:[A-Za-z0-9+/_-]+={0,2}|\b[0-9A-Fa-f]{32}:[0-9A-Fa-f]{32}:(?:[0-9A-Fa-f]{2})+\b`)

// findEmbedded returns the ciphertexts anywhere in the text of a value that is made of others.
func findEmbedded(value []byte) []located {
	var found []located
	for _, text := range embedded.FindAll(value, -1) {
		if c, truncated, ok := parseShape(text); ok {
			found = append(found, located{Ciphertext: c, nested: true, truncated: truncated})
		}
	}
	return found
}

// findInString returns the ciphertexts in a string of JSON.
func findInString(member, text string, depth int) []located {
	if c, truncated, ok := parseShape([]byte(text)); ok {
		return []located{{Ciphertext: c, member: member, nested: true, truncated: truncated}}
	}
	var found []located
	if depth < deepestText {
		visitStrings([]byte(text), func(_, inner string) {
			found = append(found, findInString(member, inner, depth+1)...)
		})
	}
	return found
}

// parseShape reads a text as a ciphertext of OCMT. The legacy form has no label,
// so IV and tag must have their full lengths: three short hexadecimal numbers are
// no ciphertext. A text of exactly CandidateHead bytes may be the beginning of a
// longer one, and is read without its last incomplete Base64 group.
func parseShape(text []byte) (c crypto.Ciphertext, truncated, ok bool) {
	head := len(text) == CandidateHead
	text = bytes.TrimSpace(text)
	c, err := crypto.Parse(string(text))
	if err != nil && head {
		last := bytes.LastIndexByte(text, ':') + 1
		c, err = crypto.Parse(string(text[:last+(len(text)-last)/4*4]))
		truncated = true
	}
	full := c.Format == crypto.Versioned || len(c.IV) == crypto.IVSize
	return c, truncated, err == nil && full
}

// visitStrings visits the string values of a JSON text, but not the names of its
// members, each with the member of the outermost object that contains it. It reads
// tokens, so that neither depth nor a repeated name hides a value. The visit ends
// where the text stops being JSON.
func visitStrings(text []byte, visit func(member, text string)) {
	start := bytes.TrimLeft(text, " \t\r\n")
	if len(start) == 0 || !bytes.ContainsRune([]byte(`{["`), rune(start[0])) {
		return
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var open []bool // whether each open bracket is an object's
	member, name := "", false
	for {
		token, err := decoder.Token()
		if err != nil {
			return
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

// openingVersion returns the version of the ring whose key opens a ciphertext. It
// tries the version that the ciphertext names first.
func openingVersion(ring *crypto.Keyring, c located) (version int, opened bool) {
	if ring == nil || c.truncated {
		return 0, false
	}
	if opens(ring, c.Ciphertext) {
		return c.Version, true
	}
	other := c.Ciphertext
	for _, version := range ring.Versions() {
		other.Format, other.Version = crypto.Versioned, version
		if version != c.Version && opens(ring, other) {
			return version, true
		}
	}
	return 0, false
}

func opens(ring *crypto.Keyring, c crypto.Ciphertext) bool {
	plaintext, err := ring.Open(c)
	clear(plaintext)
	return err == nil
}
