package ivset

import (
	"context"
	"iter"
	"slices"
)

// Candidates returns the hashes that occur more than once, sorted, in lists that are no longer than
// limit unless one part alone has more. Each list needs one second look. Beside the hashes it takes
// memory for one part, which is a 256th of all hashes. No Writer may be in use meanwhile. After an
// error nothing follows.
func (c *Collector) Candidates(ctx context.Context, limit int) iter.Seq2[[]uint64, error] {
	return func(yield func([]uint64, error) bool) {
		var list, scratch []uint64
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
			slices.Sort(scratch)
			list = appendRepeated(list, scratch)
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
