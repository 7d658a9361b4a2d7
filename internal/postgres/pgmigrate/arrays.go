package pgmigrate

import (
	"encoding/binary"
	"slices"

	"github.com/ocmt/ocmt/internal/migrate"
)

// The OIDs of the element types, which are the same on every server.
const (
	textOID = 25
	tidOID  = 27
	uuidOID = 2950
)

// keptBuffer bounds a buffer that is kept for the next statements.
const keptBuffer = 32 << 20

// arrayHeader is how many bytes stand before the elements of an array.
const arrayHeader = 5 * 4

// encodeChanges encodes changes as one array for each column, in the order in which the
// statements unnest them. The result is valid until the next call.
func (c *Conn) encodeChanges(table migrate.Table, byTID bool, changes []migrate.Change) [][]byte {
	count := 1 + 2*len(table.Columns)
	if byTID {
		count++
	}
	for len(c.arrays) < count {
		c.arrays = append(c.arrays, nil)
	}
	params := make([][]byte, 0, count)
	forEachArray(table, byTID, func(of uint32, value func(*migrate.Change) []byte) {
		at := len(params)
		c.arrays[at] = appendArray(c.arrays[at][:0], of, changes, value)
		params = append(params, c.arrays[at])
	})
	return params
}

// forEachArray tells the type and the elements of each array that the statements unnest, in their order.
func forEachArray(table migrate.Table, byTID bool, add func(of uint32, value func(*migrate.Change) []byte)) {
	if byTID {
		add(tidOID, func(c *migrate.Change) []byte { return c.Row.TID })
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
}

// dropLargeArrays lets go of arrays that are too large to be kept.
func (c *Conn) dropLargeArrays() {
	for i, array := range c.arrays {
		if cap(array) > keptBuffer {
			c.arrays[i] = nil
		}
	}
}

// appendArray appends the binary form of a one-dimensional array (array_recv in PostgreSQL's
// source): the number of dimensions, whether there are NULLs, the element type, the number of
// elements, the lower bound, and then each element behind its length, which is -1 for NULL.
func appendArray(dst []byte, of uint32, changes []migrate.Change, value func(*migrate.Change) []byte) []byte {
	size := arrayHeader
	for i := range changes {
		size += 4 + len(value(&changes[i]))
	}
	dst = slices.Grow(dst, size)
	dst = appendArrayHeader(dst, of, len(changes))
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

// appendArrayHeader appends what stands before the elements of an array.
func appendArrayHeader(dst []byte, of uint32, elements int) []byte {
	for _, field := range []uint32{1, 1, of, uint32(elements), 1} { //nolint:gosec // at most a few thousand
		dst = binary.BigEndian.AppendUint32(dst, field)
	}
	return dst
}
