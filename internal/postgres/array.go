package postgres

import (
	"encoding/binary"

	"github.com/ocmt/ocmt/internal/migrate"
)

// textOID is the type text; an element of an array names its type by number.
const textOID = 25

// params encodes changes as one array a column, in the order in which the
// statement unnests them.
func (s *Session) params(table migrate.Table, pages *migrate.PageRange, changes []migrate.Change) [][]byte {
	count := 1 + 2*len(table.Columns)
	if pages != nil {
		count++
	}
	for len(s.arrays) < count {
		s.arrays = append(s.arrays, nil)
	}
	params := make([][]byte, 0, count+2)
	add := func(value func(migrate.Change) []byte) {
		at := len(params)
		s.arrays[at] = appendTextArray(s.arrays[at][:0], changes, value)
		params = append(params, s.arrays[at])
	}
	if pages != nil {
		add(func(c migrate.Change) []byte { return c.Row.Place })
	}
	add(func(c migrate.Change) []byte { return c.Row.Key })
	for i := range table.Columns {
		add(func(c migrate.Change) []byte { return c.Row.Values[i] })
		add(func(c migrate.Change) []byte { return c.New[i] })
	}
	return params
}

// appendTextArray appends the binary form of a one-dimensional text[]: the
// number of dimensions, whether there are NULLs, the element type, the length
// and the lower bound, and then each element behind its length, -1 for NULL.
func appendTextArray(dst []byte, changes []migrate.Change, value func(migrate.Change) []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, 1)
	dst = binary.BigEndian.AppendUint32(dst, 1)
	dst = binary.BigEndian.AppendUint32(dst, textOID)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(changes))) //nolint:gosec // at most a few thousand
	dst = binary.BigEndian.AppendUint32(dst, 1)
	for _, change := range changes {
		element := value(change)
		if element == nil {
			dst = binary.BigEndian.AppendUint32(dst, 0xffffffff)
			continue
		}
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(element))) //nolint:gosec // a value is at most 1 GB
		dst = append(dst, element...)
	}
	return dst
}
