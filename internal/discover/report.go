package discover

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// Report is what a search came to.
type Report struct {
	Full     bool   `json:"full"`      // no table was looked at by a sample alone
	Tables   int    `json:"tables"`    // tables that were looked through
	Columns  int    `json:"columns"`   // columns of these tables that were looked through
	LookedAt int64  `json:"looked_at"` // values that were looked at
	TooLarge int64  `json:"too_large"` // values that are too large to be looked through
	Unlisted []Find `json:"unlisted"`  // columns that no list names
	Known    []Find `json:"known"`     // columns that are listed as under other keys
	// Late are columns, also of the catalogue, with values that were written after the look began.
	Late   []Find            `json:"late"`
	Unread []finding.Finding `json:"unread"` // what was not looked at, and why
	// Sampled are the tables of which only a sample was looked at.
	Sampled      []string `json:"sampled"`
	SampledBytes int64    `json:"sampled_bytes"`         // how large these tables are
	FullSeconds  float64  `json:"full_seconds_estimate"` // how long it would take to look at all of them
	// OnTrust are columns that could not be looked at, or whose values name a version that no key is
	// set of, and that are listed as known: the list's word is taken for it.
	OnTrust []string `json:"on_trust"`
	Origins []Origin `json:"-"` // what each connection read from
}

// bytesPerSecond is how fast a search looks at everything, as make bench measures it.
const bytesPerSecond = 100 << 20

// Clean reports whether everything was looked at and no unlisted column was found.
func (r *Report) Clean() bool { return len(r.Unlisted) == 0 && len(r.Unread) == 0 }

// Findings returns one finding for each unlisted column whose values concern the
// keys of a ring. It leaves out copies that the server makes: they follow the values that
// they are made from.
func (r *Report) Findings(ring *crypto.Keyring) []finding.Finding {
	var list []finding.Finding
	for _, find := range r.Unlisted {
		if find.Derived == "" && find.Concerns(ring) {
			list = append(list, find.Finding())
		}
	}
	return list
}

// Find is a column with values that have the shape of an OCMT ciphertext.
type Find struct {
	Schema   string        `json:"schema"`
	Table    string        `json:"table"`
	Column   string        `json:"column"`
	Values   int64         `json:"values"`    // values that are, or contain, a ciphertext
	LookedAt int64         `json:"looked_at"` // values of the column that were looked at
	Versions map[int]int64 `json:"versions"`  // ciphertexts by the version that they name
	Opened   int64         `json:"opened"`    // ciphertexts that open with a key of the ring
	OpenedBy []int         `json:"opened_by_versions"`
	Untried  []int         `json:"untried_versions"` // versions that they name and that no key is set of
	Unopened int64         `json:"unopened"`         // ciphertexts that no key of the ring opens
	Key      string        `json:"key"`              // primary key of one such row; "" where the table has none
	Movable  bool          `json:"movable"`          // ocmt.yaml can list the column: a text of its own, in a table with a column that names one row each
	Reason   string        `json:"reason"`           // why the column is left alone, where it is listed as known
	// Derived says that the values are copies that the server makes; "" where they are not.
	Derived Derived `json:"derived"`

	keyColumn   string
	partitioned bool // the table is
	contained   bool // a ciphertext is a part of a value, or the column is no text
}

// Derived says what makes the values of a column from other values.
type Derived string

// What makes values.
const (
	DerivedColumn Derived = "generated_column"  // an UPDATE of the row brings them along
	DerivedView   Derived = "materialized_view" // a REFRESH brings them along
)

// String returns schema.table.column.
func (f Find) String() string { return f.Schema + "." + f.Table + "." + f.Column }

// Concerns reports whether the values need keys of a ring: one of the keys opens
// a value, or a value names the version of one. It is false without keys.
func (f Find) Concerns(ring *crypto.Keyring) bool {
	if f.Opened > 0 {
		return true
	}
	for version := range f.Versions {
		if _, known := ring.Key(version); known {
			return true
		}
	}
	return false
}

// findUntried returns the versions that the ciphertexts name and that a ring has no key of.
func (f Find) findUntried(ring *crypto.Keyring) []int {
	untried := []int{}
	if ring == nil {
		return untried
	}
	for _, version := range slices.Sorted(maps.Keys(f.Versions)) {
		if _, known := ring.Key(version); !known {
			untried = append(untried, version)
		}
	}
	return untried
}

// Finding says that the column is not listed.
func (f Find) Finding() finding.Finding {
	found := finding.Finding{Code: finding.UnlistedColumn, Severity: finding.Error, Where: f.String(), Evidence: f.Evidence(), Fix: f.Fix(),
		Message: fmt.Sprintf("%d of %d values looked at are shaped like ciphertexts, and the catalogue does not list the column", f.Values, f.LookedAt)}
	if f.Opened > 0 {
		found.Message += fmt.Sprintf("; %d open with the keys that are set: they would be lost with the old key", f.Opened)
	}
	return found
}

// Evidence counts the ciphertexts by the version that they name.
func (f Find) Evidence() string {
	parts := make([]string, 0, len(f.Versions))
	for _, version := range slices.Sorted(maps.Keys(f.Versions)) {
		parts = append(parts, fmt.Sprintf("%d ciphertexts name version %d", f.Versions[version], version))
	}
	return strings.Join(parts, ", ")
}

// AddedKey is the name of a column that is to be added to a table without a key.
const AddedKey = "ocmt_row"

// AddKey says how to add it. A partitioned table can have no unique index over it alone, and needs
// none.
func AddKey(schema, table string, partitioned bool) string {
	unique := " UNIQUE"
	if partitioned {
		unique = ""
	}
	return fmt.Sprintf("give each row a name of one column with ALTER TABLE %s ADD COLUMN %s uuid NOT NULL DEFAULT gen_random_uuid()%s, which locks the table while it is rewritten, then ",
		SQLName(schema, table), AddedKey, unique)
}

// Fix says how to have the values moved, or left alone.
func (f Find) Fix() string {
	if f.Derived != "" {
		return f.Move()
	}
	return f.Move() + "; if another key opens them, list it in ocmt.yaml under known: " + KnownEntry(f.Schema, f.Table, f.Column)
}

// Move says how to have the values moved.
func (f Find) Move() string {
	switch f.Derived {
	case DerivedView:
		return "REFRESH MATERIALIZED VIEW " + SQLName(f.Schema, f.Table) + " once the values that it shows are moved, then run this again"
	case DerivedColumn:
		return "the server makes it from other columns of the row, so move those: where ocmt.yaml lists it under columns, list them instead"
	}
	if f.contained {
		return "ocmt moves a text or varchar that is the ciphertext itself; bring these under the new key with the program that writes them"
	}
	key, first := f.keyColumn, ""
	if key == "" {
		key, first = AddedKey, AddKey(f.Schema, f.Table, f.partitioned)
	}
	return "to move them, " + first + "list it in ocmt.yaml under columns: " + ColumnEntry(f.Schema, f.Table, key, f.Column)
}
