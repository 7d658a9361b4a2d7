package leak

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
)

// multiplier spreads the bits of a window over the high bits of the product (Knuth, The Art of
// Computer Programming, volume 3, section 6.4: 2^64 divided by the golden ratio).
const multiplier = 0x9E3779B97F4A7C15

// table tells which patterns have a window of 8 bytes at one of their first offsets.
type table struct {
	// stride is the number of bytes between two windows of a text, 0 without any pattern.
	stride int
	// bitmap has a bit for each value of the upper bits of a product; shift is how many bits the
	// product has below them.
	bitmap []uint64
	shift  uint
	// slots is a hash table with linear probing over windows; it has the range of a window's
	// candidates.
	slots []slot
	mask  uint64
	list  []candidate
}

type slot struct {
	key        uint64
	begin, end uint32
}

// candidate is a pattern that has a window at an offset.
type candidate struct {
	key             uint64
	pattern, offset uint32
}

func newTable(patterns []pattern) table {
	if len(patterns) == 0 {
		return table{}
	}
	shortest := len(patterns[0].bytes)
	for _, p := range patterns {
		shortest = min(shortest, len(p.bytes))
	}
	t := table{stride: min(shortest-window+1, maxStride)}
	for i, p := range patterns {
		for offset := range t.stride {
			t.list = append(t.list, candidate{key: binary.LittleEndian.Uint64(p.bytes[offset:]),
				pattern: uint32(i), offset: uint32(offset)})
		}
	}
	slices.SortFunc(t.list, func(a, b candidate) int { return cmp.Compare(a.key, b.key) })
	t.fill()
	return t
}

// fill makes the bitmap and the hash table from the list, which is sorted by window.
func (t *table) fill() {
	// With 64 bits a window, one in 64 foreign windows gets past the bitmap.
	width := bits.Len(uint(len(t.list)) * 64)
	t.shift = uint(64 - width)
	t.bitmap = make([]uint64, 1<<width/64)
	slots := uint64(1) << bits.Len(uint(len(t.list))*2)
	t.slots, t.mask = make([]slot, slots), slots-1
	for begin := 0; begin < len(t.list); {
		key, end := t.list[begin].key, begin
		for end < len(t.list) && t.list[end].key == key {
			end++
		}
		h := key * multiplier >> t.shift
		t.bitmap[h>>6] |= 1 << (h & 63)
		at := slotOf(key) & t.mask
		for t.slots[at].end != 0 {
			at = (at + 1) & t.mask
		}
		t.slots[at] = slot{key, uint32(begin), uint32(end)}
		begin = end
	}
}

// slotOf returns other bits than those that address the bitmap, because all windows that get here
// are equal in those.
func slotOf(key uint64) uint64 { return key * multiplier >> 20 }

// candidates returns the patterns that have a window.
func (t *table) candidates(key uint64) []candidate {
	for at := slotOf(key) & t.mask; t.slots[at].end != 0; at = (at + 1) & t.mask {
		if t.slots[at].key == key {
			return t.list[t.slots[at].begin:t.slots[at].end]
		}
	}
	return nil
}
