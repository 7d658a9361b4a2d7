package rotation

import "slices"

// maxDigests is how many digests of values a look keeps: 8 MiB of numbers, 64 MiB of memory. Two looks are kept
// at a time.
const maxDigests = 8 << 20

// digestSet has the digests of the values of one look. Where there are more than maxDigests, it keeps those that end
// in some zero bits, and only these are compared.
type digestSet struct {
	before *digestSet // of the look before; nil at the first
	mask   uint64
	list   []uint64 // sorted once the look is over
	limit  int
}

// newDigestSet returns an empty set that is compared with the one before, which may be nil.
func newDigestSet(before *digestSet) *digestSet {
	set := &digestSet{before: before, limit: maxDigests}
	if before != nil {
		set.limit, set.mask = before.limit, before.mask
	}
	return set
}

// add adds a digest, and reports whether the look before did not have it. It reports false at the first look, and of a
// digest that is not compared.
func (s *digestSet) add(digest uint64) (fresh bool) {
	if digest&s.mask != 0 {
		return false
	}
	if s.before != nil {
		_, known := slices.BinarySearch(s.before.list, digest)
		fresh = !known
	}
	s.list = append(s.list, digest)
	if len(s.list) > s.limit {
		s.thin()
	}
	return fresh
}

// thin drops half of the digests, by one more bit.
func (s *digestSet) thin() {
	s.mask = s.mask<<1 | 1
	s.list = slices.DeleteFunc(s.list, func(digest uint64) bool { return digest&s.mask != 0 })
}

// seal ends the look, and lets go of the set before.
func (s *digestSet) seal() {
	s.before = nil
	slices.Sort(s.list)
}

// oneIn returns of how many values one is compared.
func (s *digestSet) oneIn() int64 { return int64(s.mask) + 1 } //nolint:gosec // a mask of few bits
