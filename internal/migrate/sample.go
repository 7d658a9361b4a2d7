package migrate

import (
	"encoding/binary"
	"slices"
)

// samplesPerVersion is how many values of each column and version are opened
// before anything is written. A wrong key fails on the first; the rest is for a
// column in which two keys share one label.
const samplesPerVersion = 64

// sample keeps those of the values offered to it that have the lowest lots. A lot
// comes from the value's IV, which is random (see pkg/crypto): the draw is even, and
// the same in whatever order and by however many the values are read.
type sample struct {
	lots    []uint64
	texts   []string
	highest int // where in lots the highest is, once the sample is full
}

// lotOf returns the lot that an IV, of at least 12 bytes, draws.
func lotOf(iv []byte) uint64 { return binary.BigEndian.Uint64(iv) }

// offer keeps a copy of the text, or not. Of copies of one ciphertext it keeps one.
func (s *sample) offer(lot uint64, text []byte) {
	full := len(s.lots) == samplesPerVersion
	if full && lot >= s.lots[s.highest] || slices.Contains(s.lots, lot) {
		return
	}
	s.keep(lot, string(text), full)
}

// keep adds a text, in the place of that with the highest lot where the sample is
// full.
func (s *sample) keep(lot uint64, text string, full bool) {
	if full {
		s.lots[s.highest], s.texts[s.highest] = lot, text
	} else {
		s.lots, s.texts = append(s.lots, lot), append(s.texts, text)
	}
	s.highest = 0
	for i, other := range s.lots {
		if other > s.lots[s.highest] {
			s.highest = i
		}
	}
}
