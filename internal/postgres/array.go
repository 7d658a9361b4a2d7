package postgres

import (
	"encoding/binary"

	"github.com/ocmt/ocmt/internal/migrate"
)

// The types of array elements by their numbers, which are the same everywhere.
const (
	textOID = 25
	tidOID  = 27
	uuidOID = 2950
)

// params encodes changes as one array a column, in the order in which the
// statement unnests them.
func (s *Session) params(table migrate.Table, places bool, changes []migrate.Change) [][]byte {
	count := 1 + 2*len(table.Columns)
	if places {
		count++
	}
	for len(s.arrays) < count {
		s.arrays = append(s.arrays, nil)
	}
	params := make([][]byte, 0, count)
	add := func(of uint32, value func(*migrate.Change) []byte) {
		at := len(params)
		s.arrays[at] = appendArray(s.arrays[at][:0], of, changes, value)
		params = append(params, s.arrays[at])
	}
	if places {
		add(tidOID, func(c *migrate.Change) []byte { return c.Row.Place })
	}
	if table.KeyIsUUID {
		add(uuidOID, func(c *migrate.Change) []byte { return c.Row.Key })
	} else {
		add(textOID, func(c *migrate.Change) []byte { return c.Row.Key })
	}
	for i := range table.Columns {
		add(textOID, func(c *migrate.Change) []byte { return c.Row.Values[i] })
		add(textOID, func(c *migrate.Change) []byte { return c.New[i] })
	}
	return params
}

// appendArray appends the binary form of a one-dimensional array: the number of
// dimensions, whether there are NULLs, the element type, the length and the
// lower bound, and then each element behind its length, -1 for NULL.
func appendArray(dst []byte, of uint32, changes []migrate.Change, value func(*migrate.Change) []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, 1)
	dst = binary.BigEndian.AppendUint32(dst, 1)
	dst = binary.BigEndian.AppendUint32(dst, of)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(changes))) //nolint:gosec // at most a few thousand
	dst = binary.BigEndian.AppendUint32(dst, 1)
	for i := range changes {
		element := value(&changes[i])
		if element == nil {
			dst = binary.BigEndian.AppendUint32(dst, 0xffffffff)
			continue
		}
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(element))) //nolint:gosec // a value is at most 1 GB
		dst = append(dst, element...)
	}
	return dst
}
