package migrate

import (
	"encoding/binary"
	"slices"
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
	texts   []string
	highest int // index of the highest rank, once the sample is full
}

// rankOf returns the rank that an IV of at least 12 bytes gives its value.
func rankOf(iv []byte) uint64 { return binary.BigEndian.Uint64(iv) }

// offer keeps a copy of the text if its rank is low enough. It keeps one of several
// copies of a ciphertext.
func (s *sample) offer(rank uint64, text []byte) {
	full := len(s.ranks) == samplesPerVersion
	if full && rank >= s.ranks[s.highest] || slices.Contains(s.ranks, rank) {
		return
	}
	s.keep(rank, string(text), full)
}

// keep adds a text, or replaces the text with the highest rank where the sample is
// full.
func (s *sample) keep(rank uint64, text string, full bool) {
	if full {
		s.ranks[s.highest], s.texts[s.highest] = rank, text
	} else {
		s.ranks, s.texts = append(s.ranks, rank), append(s.texts, text)
	}
	s.highest = 0
	for i, other := range s.ranks {
		if other > s.ranks[s.highest] {
			s.highest = i
		}
	}
}
