package pgrecord

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/ocmt/ocmt/internal/migrate"
)

// nameLength is how many characters the columns table_name and column_name have.
const nameLength = 100

// recordedTable returns the name by which the record knows the table of a place: with its
// schema, and cut where it is too long, with a digest of the whole name at its end.
func recordedTable(place migrate.Place) string {
	name := place.Table
	if place.Schema != "" {
		name = place.Schema + "." + place.Table
	}
	if len(name) <= nameLength {
		return name
	}
	digest := sha256.Sum256([]byte(name))
	return strings.ToValidUTF8(name[:nameLength-17], "") + "~" + hex.EncodeToString(digest[:8])
}

// recordedPlace returns the place of an entry. Entries of older versions have no schema.
func recordedPlace(table, column string) migrate.Place {
	if schema, name, found := strings.Cut(table, "."); found {
		return migrate.Place{Schema: schema, Table: name, Column: column}
	}
	return migrate.Place{Table: table, Column: column}
}
