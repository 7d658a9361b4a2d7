package ivset

import (
	"encoding/binary"
	"hash/maphash"
)

// Hash returns a 64-bit hash of a key's number and an IV. Two numbers, or two IVs, may have one
// hash, but rarely: each such pair costs a second look.
type Hash func(key uint32, iv []byte) uint64

// usualIV is the length in bytes of the longest IV that is hashed without an allocation.
const usualIV = 16

// NewHash returns the hash of a seed. A seed that nobody else knows (maphash.MakeSeed) keeps
// whoever writes the values from choosing IVs that have one hash.
func NewHash(seed maphash.Seed) Hash {
	return func(key uint32, iv []byte) uint64 {
		var room [4 + usualIV]byte
		binary.LittleEndian.PutUint32(room[:], key)
		return maphash.Bytes(seed, append(room[:4], iv...))
	}
}
