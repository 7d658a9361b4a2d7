package migrate

import (
	"bytes"
	"encoding/json"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// SuspectHead is how many characters of a value that is too big to travel are
// looked at: more than a label, an IV and a tag take in any form.
const SuspectHead = 200

// deepestText bounds JSON that stands as text within JSON. What OCMT stores is
// one deep; without a bound a hostile value could keep the search busy.
const deepestText = 4

// sighting is one ciphertext within a value.
type sighting struct {
	crypto.Ciphertext
	member string // of the outermost JSON object, "" where there is none
	nested bool   // it is a part of the value, not the whole
	cut    bool   // only its beginning is known, so that no key can open it
}

// sightings returns the ciphertexts in a value: the value itself, or strings at
// any depth of the JSON that it is.
func sightings(value []byte) []sighting {
	if c, cut, ok := shaped(value); ok {
		return []sighting{{Ciphertext: c, cut: cut}}
	}
	var found []sighting
	eachString(value, func(member, text string) {
		found = append(found, within(member, text, 1)...)
	})
	return found
}

// within returns the ciphertexts in a string of JSON.
func within(member, text string, depth int) []sighting {
	if c, cut, ok := shaped([]byte(text)); ok {
		return []sighting{{Ciphertext: c, member: member, nested: true, cut: cut}}
	}
	var found []sighting
	if depth < deepestText {
		eachString([]byte(text), func(_, inner string) {
			found = append(found, within(member, inner, depth+1)...)
		})
	}
	return found
}

// shaped reads a text as a ciphertext of OCMT. The older form has no label, so it
// must have its full lengths: three short hexadecimal numbers are no ciphertext.
func shaped(text []byte) (c crypto.Ciphertext, cut, ok bool) {
	head := len(text) == SuspectHead
	text = bytes.TrimSpace(text)
	c, err := crypto.Parse(string(text))
	if err != nil && head {
		last := bytes.LastIndexByte(text, ':') + 1
		c, err = crypto.Parse(string(text[:last+(len(text)-last)/4*4]))
		cut = true
	}
	full := c.Format == crypto.Versioned || len(c.IV) == crypto.IVSize
	return c, cut, err == nil && full
}

// eachString visits the string values of a JSON text, but not the names of its
// members, each with the member of the outermost object that it is in. It takes
// tokens, so that neither depth nor a name that stands twice hides a value. A
// text that is no JSON ends the visit where it stops being any.
func eachString(text []byte, visit func(member, text string)) {
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

// openedBy returns the version of the ring whose key opens a ciphertext, the one
// that it claims first.
func openedBy(ring *crypto.Keyring, s sighting) (version int, opened bool) {
	if ring == nil || s.cut {
		return 0, false
	}
	if opens(ring, s.Ciphertext) {
		return s.Version, true
	}
	c := s.Ciphertext
	for _, version := range ring.Versions() {
		c.Format, c.Version = crypto.Versioned, version
		if version != s.Version && opens(ring, c) {
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
