package migrate

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// openCounts is what one worker of a verification counted in some rows.
type openCounts struct {
	opened, plaintext, mislabelled, sealedTwice int64
	refused                                     map[int]int64 // by the version of the label
	elsewhere                                   elsewhereCounts
}

// addUnopened counts a value that does not open as it should, by the reason and the version of its label.
func (c *openCounts) addUnopened(reason string, version int) {
	switch reason {
	case reasonMislabelled:
		c.mislabelled++
		c.refused[version]++
	case crypto.Reason(crypto.ErrAuthentication):
		c.refused[version]++
	case reasonSealedTwice:
		c.sealedTwice++
	}
}

// addElsewhere counts a value under another version, and keeps the key of the first
// such row.
func (c *openCounts) addElsewhere(table Table, column Column, row Row, version int) {
	if known := c.elsewhere[elsewhereKey{table.Place(column), version}]; known != nil {
		known.Values++
		return
	}
	c.elsewhere.add(Elsewhere{Place: table.Place(column), Version: version, Values: 1, Key: table.ShownKey(row.Key)})
}

// elsewhereCounts counts values under other versions by column and version. Its size
// depends on the catalogue, not on the tables.
type elsewhereCounts map[elsewhereKey]*Elsewhere

type elsewhereKey struct {
	place   Place
	version int
}

func (e elsewhereCounts) add(found Elsewhere) {
	key := elsewhereKey{found.Place, found.Version}
	if known := e[key]; known != nil {
		known.Values += found.Values
		return
	}
	e[key] = &found
}

// sorted returns the counts by table, column and version.
func (e elsewhereCounts) sorted() []Elsewhere {
	list := make([]Elsewhere, 0, len(e))
	for _, found := range e {
		list = append(list, *found)
	}
	slices.SortFunc(list, func(a, b Elsewhere) int {
		return cmp.Or(strings.Compare(a.String(), b.String()), cmp.Compare(a.Version, b.Version))
	})
	return list
}
