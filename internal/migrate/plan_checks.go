package migrate

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// isUnreadable reports whether a finding keeps values from being read.
func isUnreadable(list []finding.Finding) bool {
	for _, found := range list {
		if found.Code == finding.MissingSelect || found.Code == finding.RowSecurity {
			return true
		}
	}
	return false
}

// findOtherKey finds that earlier runs brought values to the version under another
// key.
func findOtherKey(request Request, ring *crypto.Keyring, recorded map[int]string) []finding.Finding {
	key, _ := ring.Key(request.To)
	fingerprint, there := recorded[request.To]
	if !there || fingerprint == key.Fingerprint() || request.KeyConfirmed {
		return nil
	}
	return []finding.Finding{{Code: finding.RecordedKey, Severity: finding.Error, Where: "key version " + strconv.Itoa(request.To),
		Message: fmt.Sprintf("encryption_keys has the fingerprint %s for it, and the key that is set has %s: two keys under one version number", fingerprint, key.Fingerprint()),
		Fix:     "find out which of the two the servers have; if it is this one, and nothing is under the other, give its fingerprint as --expect-key"}}
}

// findDowngrade finds that most values carry a newer version than the one to reach:
// then the settings of this machine are old, and not the values.
func findDowngrade(request Request, columns []ColumnCount) []finding.Finding {
	var newer, all int64
	for _, column := range columns {
		for version, values := range column.ByVersion {
			all += values
			if version > request.To {
				newer += values
			}
		}
	}
	if request.AllowDowngrade || newer*2 <= all {
		return nil
	}
	return []finding.Finding{{Code: finding.Downgrade, Severity: finding.Error, Where: "key version " + strconv.Itoa(request.To),
		Message: fmt.Sprintf("%d of %d values carry a newer version: this would go backwards", newer, all),
		Fix:     "check ENCRYPTION_KEY_VERSION; add --allow-downgrade if going back is meant"}}
}

// findNarrowColumns finds columns that a value would no longer fit into.
func findNarrowColumns(request Request, tables []Table, columns []ColumnCount) []finding.Finding {
	var found []finding.Finding
	index := 0
	for _, table := range tables {
		for _, column := range table.Columns {
			counted := columns[index]
			index++
			needed := 0
			for version, count := range counted.versions {
				if request.Leaves(version) {
					needed = max(needed, sealedLength(request.To, count.longest))
				}
			}
			if column.MaxLength > 0 && needed > column.MaxLength {
				found = append(found, finding.Finding{Code: finding.NarrowColumn, Severity: finding.Error, Where: table.String() + "." + column.Name,
					Message: fmt.Sprintf("holds %d characters at most and the longest value needs %d", column.MaxLength, needed),
					Fix:     "widen the column first: ALTER TABLE … ALTER COLUMN … TYPE varchar(" + strconv.Itoa(needed) + ")"})
			}
		}
	}
	return found
}

// valuesByTable counts the values of each table, by its name.
func (p *Plan) valuesByTable() map[string]int64 {
	values := map[string]int64{}
	for _, column := range p.Columns {
		values[column.Table] += column.Values
	}
	return values
}

// findEmptied finds tables that have no value now and had some when a run was
// recorded, and a whole database without any value, which is hardly the one that is
// meant. It compares by table name, as the record does, because the name may have
// moved to another schema.
func findEmptied(request Request, tables []Table, now, recorded map[string]int64) []finding.Finding {
	var found []finding.Finding
	var all int64
	for _, table := range tables {
		all += now[table.Name]
		var before int64
		for _, column := range table.Columns {
			before = max(before, recorded[table.Name+"."+column.Name])
		}
		if before > 0 && now[table.Name] == 0 {
			found = append(found, emptyTableFinding(table.String(), before, "the record of an earlier run has"))
		}
	}
	if !request.isNarrowed() && all == 0 && len(tables) > 0 && len(found) == 0 {
		found = append(found, finding.Finding{Code: finding.EmptyDatabase, Severity: finding.Error, Where: "database",
			Message: fmt.Sprintf("none of the %d tables that hold encrypted values has any", len(tables)),
			Fix:     "check that DATABASE_URL names the database that is meant; if it is a new one, add --allow-empty"})
	}
	return found
}

// findMissing finds tables and columns that the record has values of and that are not among
// those that were looked at: they may have been renamed, or are missing from ocmt.yaml, with
// values under an old key. A table may have the other one of the two names that the catalogue
// knows it by.
func findMissing(request Request, tables []Table, recorded map[string]int64) []finding.Finding {
	if request.isNarrowed() {
		return nil
	}
	there := map[string]bool{}
	for _, table := range tables {
		for _, column := range table.Columns {
			there[table.Name+"."+column.Name] = true
		}
	}
	renamed := map[string]string{}
	for _, entry := range request.Catalogue {
		if entry.OldName != "" {
			renamed[entry.OldName], renamed[entry.Name] = entry.Name, entry.OldName
		}
	}
	var found []finding.Finding
	for _, place := range slices.Sorted(maps.Keys(recorded)) {
		table, column, _ := strings.Cut(place, ".")
		if recorded[place] == 0 || there[place] || there[renamed[table]+"."+column] {
			continue
		}
		found = append(found, finding.Finding{Code: finding.MissingTable, Severity: finding.Error, Where: place,
			Message:  "an earlier run had values in it, and nothing of this name was looked at now",
			Evidence: fmt.Sprintf("values in the record: %d", recorded[place]),
			Fix:      "list it, or what it is called now, under columns in ocmt.yaml; if it was dropped, add --allow-empty"})
	}
	return found
}

// emptyTableFinding says that a table has lost all of its values.
func emptyTableFinding(table string, before int64, source string) finding.Finding {
	return finding.Finding{Code: finding.EmptyTable, Severity: finding.Error, Where: table,
		Message: fmt.Sprintf("%s %d values in it, and now it has none", source, before),
		Fix:     "check that this is the database that is meant, and that nothing hides its rows; if it was emptied, add --allow-empty"}
}
