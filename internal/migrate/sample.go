package migrate

import (
	"encoding/binary"
	"slices"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// samplesPerVersion is how many values of each column and version the canary opens
// before anything is written. A wrong key fails on the first; the rest finds a
// column in which two keys share one version.
const samplesPerVersion = 64

// sample keeps the values with the lowest ranks among those offered to it. The rank
// of a value comes from its IV, which is random (see pkg/crypto): the sample is
// even, and the same in whatever order and by however many workers the values are
// read.
type sample struct {
	ranks   []uint64
	values  []sampledValue
	highest int // index of the highest rank, once the sample is full
}

// sampledValue is a value of a sample. A large one is opened when it is drawn, so that no sample
// holds its text.
type sampledValue struct {
	text   string
	opened bool // it was opened when it was drawn
	by     int  // then: the version whose key opened it, or -1
}

// largeSampled is how long a text may be that a sample holds.
const largeSampled = 64 << 10

// rankOf returns the rank that an IV of at least 12 bytes gives its value.
func rankOf(iv []byte) uint64 { return binary.BigEndian.Uint64(iv) }

// wants reports whether a rank is low enough for the sample. It keeps one of several copies
// of a ciphertext.
func (s *sample) wants(rank uint64) bool {
	return (len(s.ranks) < samplesPerVersion || rank < s.ranks[s.highest]) && !slices.Contains(s.ranks, rank)
}

// keep adds a value that the sample wants, or replaces the one with the highest rank where it is
// full.
func (s *sample) keep(rank uint64, value sampledValue) {
	if len(s.ranks) == samplesPerVersion {
		s.ranks[s.highest], s.values[s.highest] = rank, value
	} else {
		s.ranks, s.values = append(s.ranks, rank), append(s.values, value)
	}
	s.highest = 0
	for i, other := range s.ranks {
		if other > s.ranks[s.highest] {
			s.highest = i
		}
	}
}

// drawValue returns a value as a sample holds it. The parsed form is that of the text.
func drawValue(opener *crypto.Resealer, ring *crypto.Keyring, parsed crypto.Ciphertext, text []byte) sampledValue {
	if len(text) <= largeSampled {
		return sampledValue{text: string(text)}
	}
	return sampledValue{opened: true, by: openedBy(opener, ring, parsed)}
}

// openedBy returns the version whose key opens the value, -1 where none does.
func (v sampledValue) openedBy(opener *crypto.Resealer, ring *crypto.Keyring) int {
	if v.opened {
		return v.by
	}
	c, err := opener.Parse([]byte(v.text))
	if err != nil {
		return -1 // it was parsed when it was drawn
	}
	return openedBy(opener, ring, c)
}

// openedBy returns the version whose key opens a ciphertext, its own first; -1 where none does.
func openedBy(opener *crypto.Resealer, ring *crypto.Keyring, c crypto.Ciphertext) int {
	if _, err := opener.Open(c); err == nil {
		return c.Version
	}
	if other, ok := openingKey(ring, opener, c); ok {
		return other.Version
	}
	return -1
}
