package leak

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
)

// window is the number of bytes that are looked up at once.
const window = 8

// maxStride bounds how far apart two look-ups are, and with that the size of the tables.
const maxStride = 16

// Matcher finds secrets. It is made once and used by any number of goroutines.
type Matcher struct {
	patterns []pattern
	tooShort []string
	longest  int
	table    table
}

// pattern is the bytes of one or more secrets in a form.
type pattern struct {
	bytes  []byte
	owners []owner
}

// owner is a secret that a pattern stands for. Two settings can have the same value.
type owner struct {
	name string
	form Form
}

// New returns a Matcher for secrets. It does not search secrets of fewer than MinLength
// characters; TooShort names them. A secret that is not set is left out.
func New(secrets []Secret) *Matcher {
	m := &Matcher{}
	byBytes := map[string]int{}
	for _, secret := range secrets {
		text := secret.Value.Reveal()
		switch {
		case text == "":
			continue
		case utf8.RuneCountInString(text) < MinLength:
			if !slices.Contains(m.tooShort, secret.Name) {
				m.tooShort = append(m.tooShort, secret.Name)
			}
			continue
		}
		for _, spelled := range spell(text) {
			m.add(byBytes, secret.Name, spelled)
		}
	}
	m.table = newTable(m.patterns)
	return m
}

// add adds a spelling, unless the same secret already has these bytes.
func (m *Matcher) add(byBytes map[string]int, name string, spelled spelling) {
	i, there := byBytes[spelled.bytes]
	if !there {
		i = len(m.patterns)
		byBytes[spelled.bytes] = i
		m.patterns = append(m.patterns, pattern{bytes: []byte(spelled.bytes)})
		m.longest = max(m.longest, len(spelled.bytes))
	}
	p := &m.patterns[i]
	if !slices.ContainsFunc(p.owners, func(o owner) bool { return o.name == name }) {
		p.owners = append(p.owners, owner{name, spelled.form})
	}
}

// TooShort returns the names of the secrets that are not searched because they have fewer than
// MinLength characters.
func (m *Matcher) TooShort() []string { return slices.Clone(m.tooShort) }

// Names returns the names of the secrets that are searched, in order.
func (m *Matcher) Names() []string {
	var names []string
	for _, p := range m.patterns {
		for _, o := range p.owners {
			names = append(names, o.name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Format writes "[redacted]" for every verb, because a Matcher has the secrets.
func (m *Matcher) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// Find returns the secrets that a text has: each secret in each form once, by name and form.
func (m *Matcher) Find(text []byte) []Hit {
	var found finds
	m.search(text, 0, &found)
	return found.hits(m)
}

// finds is where each pattern was found first. It is nil until one is found.
type finds map[int]int64

func (f *finds) add(pattern int, offset int64) {
	if *f == nil {
		*f = finds{}
	}
	if before, there := (*f)[pattern]; !there || offset < before {
		(*f)[pattern] = offset
	}
}

func (f finds) hits(m *Matcher) []Hit {
	first := map[owner]int64{}
	for i, offset := range f {
		for _, o := range m.patterns[i].owners {
			if before, there := first[o]; !there || offset < before {
				first[o] = offset
			}
		}
	}
	var list []Hit
	for o, offset := range first {
		list = append(list, Hit{Name: o.name, Form: o.form, Offset: offset})
	}
	slices.SortFunc(list, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Form, b.Form))
	})
	return list
}

// search looks at 8 bytes in each stride. The stride is such that every occurrence of a pattern
// covers at least one of these windows. The bitmap lets through less than one window in sixty
// that no pattern has.
func (m *Matcher) search(text []byte, base int64, found *finds) {
	t := &m.table
	if t.stride == 0 {
		return
	}
	bitmap, shift, stride := t.bitmap, t.shift, t.stride
	for i := 0; i+window <= len(text); i += stride {
		key := binary.LittleEndian.Uint64(text[i:])
		h := key * multiplier >> (shift & 63)
		if bitmap[h>>6]>>(h&63)&1 != 0 {
			m.verify(text, i, key, base, found)
		}
	}
}

// verify compares the patterns that have this window with the text around it.
func (m *Matcher) verify(text []byte, at int, key uint64, base int64, found *finds) {
	for _, c := range m.table.candidates(key) {
		begin := at - int(c.offset)
		p := m.patterns[c.pattern].bytes
		if begin >= 0 && begin+len(p) <= len(text) && bytes.Equal(text[begin:begin+len(p)], p) {
			found.add(int(c.pattern), base+int64(begin))
		}
	}
}
