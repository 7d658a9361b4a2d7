package ivset

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"sync"
)

// MaxPlaces is the number of places that a Repeats keeps.
const MaxPlaces = 10

// Repeats says what a second look has found under one key.
type Repeats[P any] struct {
	IVs    int64 // IVs that were used for more than one message
	Values int64 // values with such an IV, copies included
	// Places has at most MaxPlaces of them: at least two of each IV where there is room. Of copies of
	// the first message it has the first alone.
	Places []P
}

// SecondLook decides which candidates are IVs that were used for different messages under one key.
// P is where a value is; one is kept for each candidate. The methods may be called by several
// goroutines.
type SecondLook[P any] struct {
	hash       Hash
	candidates []uint64 // sorted

	mu      sync.Mutex
	seen    [][]*use[P] // by the place of the hash among the candidates; mostly one, since IVs rarely share a hash
	repeats map[uint32]*Repeats[P]
}

// use is the first value with a key and an IV.
type use[P any] struct {
	key      uint32
	iv       []byte
	message  [sha256.Size]byte // its digest
	place    P
	values   int64
	repeated bool // another message has the same key and IV
}

// NewSecondLook returns a SecondLook at a list of Candidates. The hash is that of the Collector.
func NewSecondLook[P any](hash Hash, candidates []uint64) *SecondLook[P] {
	return &SecondLook[P]{hash: hash, candidates: candidates, seen: make([][]*use[P], len(candidates)), repeats: map[uint32]*Repeats[P]{}}
}

// Wants reports whether a value with this key and IV must be passed to Add. It needs no lock, and
// nothing of the value but its IV, so that a caller who does not know the key asks for each one.
func (l *SecondLook[P]) Wants(key uint32, iv []byte) bool {
	_, found := slices.BinarySearch(l.candidates, l.hash(key, iv))
	return found
}

// Add takes a value: the key that opened it, its IV, its message (authentication tag and encrypted
// bytes) and its place. Values that Wants does not want are ignored. It keeps a copy of the IV, a
// digest of the message, and the place.
func (l *SecondLook[P]) Add(key uint32, iv, message []byte, place P) {
	index, found := slices.BinarySearch(l.candidates, l.hash(key, iv))
	if !found {
		return
	}
	digest := sha256.Sum256(message)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, first := range l.seen[index] {
		if first.key == key && bytes.Equal(first.iv, iv) {
			l.compare(first, digest, place)
			return
		}
	}
	l.seen[index] = append(l.seen[index], &use[P]{key: key, iv: bytes.Clone(iv), message: digest, place: place, values: 1})
}

// compare counts one more value with the key and the IV of the first one.
func (l *SecondLook[P]) compare(first *use[P], digest [sha256.Size]byte, place P) {
	first.values++
	found := l.repeats[first.key]
	switch {
	case first.repeated:
		found.Values++
	case first.message == digest:
		return
	default:
		if found == nil {
			found = &Repeats[P]{}
			l.repeats[first.key] = found
		}
		first.repeated = true
		found.IVs++
		found.Values += first.values
		found.keep(first.place)
	}
	found.keep(place)
}

// keep keeps a place, where there is room for one.
func (r *Repeats[P]) keep(place P) {
	if len(r.Places) < MaxPlaces {
		r.Places = append(r.Places, place)
	}
}

// Repeats returns what was found, by the number of the key. Call it after the last Add.
func (l *SecondLook[P]) Repeats() map[uint32]Repeats[P] {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := make(map[uint32]Repeats[P], len(l.repeats))
	for key, repeats := range l.repeats {
		found[key] = *repeats
	}
	return found
}
