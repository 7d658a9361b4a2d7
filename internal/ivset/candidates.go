package ivset

import (
	"context"
	"iter"
	"math/bits"
	"slices"
)

// Candidates returns the hashes that occur more than once, sorted, in lists that are no longer than
// limit unless one part alone has more. Each list needs one second look. Beside the hashes it takes
// memory for two parts, each of which is a 256th of all hashes. No Writer may be in use meanwhile.
// After an error nothing follows.
func (c *Collector) Candidates(ctx context.Context, limit int) iter.Seq2[[]uint64, error] {
	return func(yield func([]uint64, error) bool) {
		var list, scratch []uint64
		var sorter partSorter
		for number := range partCount {
			before := len(list)
			var err error
			if scratch, err = c.loadPart(scratch[:0], number); err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(nil, err)
				return
			}
			list = appendRepeated(list, sorter.sort(scratch))
			if before > 0 && len(list) > limit {
				if !yield(list[:before:before], nil) {
					return
				}
				list = slices.Clone(list[before:])
			}
		}
		if len(list) > 0 {
			yield(list, nil)
		}
	}
}

// loadPart appends the hashes of one part, of the memory and of the file.
func (c *Collector) loadPart(dst []uint64, number int) ([]uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return dst, ErrClosed
	}
	dst = c.parts[number].appendTo(dst)
	if c.spill == nil {
		return dst, nil
	}
	return c.spill.appendTo(dst, number)
}

// appendRepeated appends each hash once that a sorted list has more than once.
func appendRepeated(dst, sorted []uint64) []uint64 {
	for i := 1; i < len(sorted); i++ {
		if sorted[i] == sorted[i-1] && (i == 1 || sorted[i] != sorted[i-2]) {
			dst = append(dst, sorted[i])
		}
	}
	return dst
}

// partSorter sorts the hashes of parts, and keeps its memory from one part to the next.
type partSorter struct {
	sorted []uint64
	ends   []int
}

// hashesPerBucket is how many hashes of a part share a bucket on average.
const hashesPerBucket = 4

// sort returns the hashes of one part in their order, until the next call. It puts them into buckets by
// the bits behind the first byte, which all of them share, and sorts each bucket. Hashes are evenly
// spread, so that this takes a quarter of the time of comparing all of them. Where they are not, it is
// as right.
func (s *partSorter) sort(hashes []uint64) []uint64 {
	width := bits.Len(uint(len(hashes) / hashesPerBucket))
	bucket := func(hash uint64) uint64 { return hash << 8 >> (64 - width) }
	s.ends = append(s.ends[:0], make([]int, 1<<width)...)
	for _, hash := range hashes {
		s.ends[bucket(hash)]++
	}
	begin := 0
	for i, count := range s.ends {
		s.ends[i] = begin // becomes the end while the bucket is filled
		begin += count
	}
	s.sorted = slices.Grow(s.sorted[:0], len(hashes))[:len(hashes)]
	for _, hash := range hashes {
		end := &s.ends[bucket(hash)]
		s.sorted[*end] = hash
		*end++
	}
	begin = 0
	for _, end := range s.ends {
		slices.Sort(s.sorted[begin:end])
		begin = end
	}
	return s.sorted
}
