package audit

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"maps"
	"slices"

	"github.com/ocmt/ocmt/internal/rowkey"
)

// valueFlaw is what is wrong with a value, or worth to be told.
type valueFlaw uint8

const (
	flawUnopened     valueFlaw = iota + 1 // its label has a key, and none opens it
	flawMislabelled                       // another key than that of its label opens it
	flawMissingKey                        // its label is at most the current version, and has no key
	flawAbove                             // its label is above the current version
	flawAboveNoKey                        // likewise, and no key opens it
	flawBadLabel                          // its label is no version
	flawPlaintext                         // plaintext where a ciphertext belongs
	flawShortTag                          // it opens, with a short tag
	flawLenient                           // it opens, in a form that OCMT does not write
	flawClear                             // plaintext where OCMT writes such
	flawUnknown                           // likewise, the word unknown
	flawGatewayToken                      // likewise, the token of the gateway itself
	flawDamaged                           // like a ciphertext, and no server reads it as one
)

// flawKey is what values have in common that are told together.
type flawKey struct {
	flaw    valueFlaw
	column  int // in valueCensus.columns
	version int // of the label, where there is one
	opens   int // the version of the ring whose key opens it, of flawMislabelled
}

// flawTally counts values and keeps the MaxPlaces first places in their order, so that they do not depend
// on which worker came first.
type flawTally struct {
	count  int64
	places []string
}

// add counts values, and keeps their places if they are among the first.
func (t *flawTally) add(count int64, places ...string) {
	t.count += count
	for _, place := range places {
		at, _ := slices.BinarySearch(t.places, place)
		if at < MaxPlaces {
			t.places = slices.Insert(t.places, at, place)
			t.places = t.places[:min(len(t.places), MaxPlaces)]
		}
	}
}

// addOne counts a value whose place is in a buffer. It copies the place only if that is among the first:
// there can be millions of tokens in the clear.
func (t *flawTally) addOne(place []byte) {
	if len(t.places) == MaxPlaces && string(place) >= t.places[MaxPlaces-1] {
		t.count++
		return
	}
	t.add(1, string(place))
}

// flawTallies counts values by what is wrong with them.
type flawTallies map[flawKey]*flawTally

// at returns the tally of a key.
func (f flawTallies) at(key flawKey) *flawTally {
	if f[key] == nil {
		f[key] = &flawTally{}
	}
	return f[key]
}

// of returns the keys with one of some flaws, in the order of columns and versions.
func (f flawTallies) of(flaws ...valueFlaw) []flawKey {
	keys := slices.DeleteFunc(slices.Collect(maps.Keys(f)), func(k flawKey) bool { return !slices.Contains(flaws, k.flaw) })
	slices.SortFunc(keys, func(a, b flawKey) int {
		return cmp.Or(cmp.Compare(a.column, b.column), cmp.Compare(a.version, b.version), cmp.Compare(a.opens, b.opens), cmp.Compare(a.flaw, b.flaw))
	})
	return keys
}

// censusColumn is one column, with its table.
type censusColumn struct {
	table  ValueTable
	column ValueColumn
}

// String returns schema.table.column.
func (c censusColumn) String() string { return c.table.String() + "." + c.column.Name }

// place names a row of the column for people.
func (c censusColumn) place(key []byte) string { return string(c.appendPlace(nil, key)) }

// appendPlace appends what place returns. The key is shown as rowkey.Show does.
func (c censusColumn) appendPlace(dst, key []byte) []byte {
	dst = append(append(append(dst, c.table.Schema...), '.'), c.table.Name...)
	if c.table.Key == "" {
		return append(dst, ", a row whose key cannot be read"...)
	}
	dst = append(append(append(dst, ' '), c.table.Key...), ' ')
	if c.table.KeyIsUUID && len(key) == 16 {
		if !rowkey.IsSecretColumn(c.table.Key) {
			return appendUUID(dst, key)
		}
		key = appendUUID(nil, key)
	}
	return append(dst, bytes.ToValidUTF8([]byte(rowkey.Show(c.table.Key, string(key))), []byte("?"))...)
}

// appendUUID appends the 16 bytes of a UUID as PostgreSQL writes them.
func appendUUID(dst, key []byte) []byte {
	for i, part := range [...][]byte{key[:4], key[4:6], key[6:8], key[8:10], key[10:]} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, part)
	}
	return dst
}
