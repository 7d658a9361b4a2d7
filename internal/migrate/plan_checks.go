package migrate

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// isUnreadable reports whether a finding keeps values from being read.
func isUnreadable(list []finding.Finding) bool {
	for _, found := range list {
		if found.Code == finding.MissingSelect || found.Code == finding.RowSecurity || found.Code == finding.ForeignCode {
			return true
		}
	}
	return false
}

// findUncounted returns the findings that say of what no values are counted.
func findUncounted(list []finding.Finding) (found []finding.Finding) {
	for _, one := range list {
		switch one.Code {
		case finding.MissingSelect, finding.RowSecurity, finding.ForeignCode, finding.CitusWorker,
			finding.NotATable, finding.OtherSchema, finding.WrongType, finding.UnknownColumn:
			found = append(found, one)
		}
	}
	return found
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

// findOtherVersion finds that the key to reach is in use under another version number: a mistyped
// ENCRYPTION_KEY_VERSION would put a label onto values that no server reads. The record says so, or values of a
// version that stays open with the key while no value of the version to reach does.
func findOtherVersion(request Request, ring *crypto.Keyring, recorded map[int]string, columns []ColumnCount) []finding.Finding {
	key, there := ring.Key(request.To)
	if !there || recorded[request.To] == key.Fingerprint() {
		return nil
	}
	for _, version := range slices.Sorted(maps.Keys(recorded)) {
		if version != request.To && recorded[version] == key.Fingerprint() {
			return []finding.Finding{otherVersionFinding(request.To, version, fmt.Sprintf("encryption_keys has this key, fingerprint %s, as version %d", key.Fingerprint(), version))}
		}
	}
	opened := openedByTarget(request, ring, columns)
	if opened[request.To] > 0 || len(opened) == 0 || request.RepairLabels {
		return nil
	}
	version := slices.Min(slices.Collect(maps.Keys(opened)))
	found := otherVersionFinding(request.To, version,
		fmt.Sprintf("this key, fingerprint %s, opens values that are labelled version %d, and none that is labelled version %d", key.Fingerprint(), version, request.To))
	found.Fix += fmt.Sprintf("; if it is the key of version %d and their label is wrong, --repair-labels mends that", request.To)
	return []finding.Finding{found}
}

// openedByTarget counts the sampled values that open with the key to reach, by the version of their label. Versions
// that the request leaves are judged by checkKeys.
func openedByTarget(request Request, ring *crypto.Keyring, columns []ColumnCount) map[int]int {
	opened := map[int]int{}
	opener := crypto.NewResealer(ring, nil)
	for _, column := range columns {
		for version, count := range column.versions {
			if request.Leaves(version) {
				continue
			}
			for _, value := range count.sample.values {
				if value.openedBy(opener, ring) == request.To {
					opened[version]++
				}
			}
		}
	}
	return opened
}

// otherVersionFinding says that the key to reach belongs to another version.
func otherVersionFinding(to, version int, message string) finding.Finding {
	return finding.Finding{Code: finding.RecordedKey, Severity: finding.Error, Where: "key version " + strconv.Itoa(to),
		Message: message + ": one key under two version numbers",
		Fix:     fmt.Sprintf("set ENCRYPTION_KEY_VERSION=%d, if the servers have that; a new version needs a new key, which ocmt rotate begin makes", version)}
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
					Fix: fmt.Sprintf("widen the column first: ALTER TABLE %s ALTER COLUMN %s TYPE varchar(%d)",
						discover.SQLName(table.Schema, table.Name), discover.SQLName(column.Name), needed)})
			}
		}
	}
	return found
}

// valuesByTable counts the values of each table, by schema.table.
func (p *Plan) valuesByTable() map[string]int64 {
	values := map[string]int64{}
	for _, column := range p.Columns {
		values[column.Schema+"."+column.Table] += column.Values
	}
	return values
}

// recordedIn returns how many values the record has in a column. A record that was made
// without a schema speaks of the table of that name in any schema.
func recordedIn(recorded map[Place]int64, place Place) int64 {
	if values, known := recorded[place]; known {
		return values
	}
	place.Schema = ""
	return recorded[place]
}

// findEmptied finds tables that have no value now and had some when a run was recorded, and a
// whole database without any value, which is hardly the one that is meant.
func findEmptied(request Request, tables []Table, now map[string]int64, recorded map[Place]int64) []finding.Finding {
	var found []finding.Finding
	var all int64
	for _, table := range tables {
		all += now[table.String()]
		var before int64
		for _, column := range table.Columns {
			before = max(before, recordedIn(recorded, table.Place(column)))
		}
		if before > 0 && now[table.String()] == 0 {
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
// values under an old key.
func findMissing(request Request, tables []Table, recorded map[Place]int64) []finding.Finding {
	var found []finding.Finding
	for _, place := range missingPlaces(request, tables, recorded) {
		found = append(found, finding.Finding{Code: finding.MissingTable, Severity: finding.Error, Where: place.String(),
			Message:  "an earlier run had values in it, and nothing of this name was looked at now",
			Evidence: fmt.Sprintf("values in the record: %d", recorded[place]),
			Fix:      "list it, or what it is called now, under columns in ocmt.yaml; if it was dropped or has another schema now, add --allow-empty; the record of a run keeps that"})
	}
	return found
}

// missingPlaces returns the columns that the record has values of and that are not among those
// of the tables. A table may have the other one of the two names that the catalogue knows it
// by.
func missingPlaces(request Request, tables []Table, recorded map[Place]int64) []Place {
	if request.isNarrowed() {
		return nil
	}
	renamed := map[string]string{}
	for _, entry := range request.Catalogue {
		if entry.OldName != "" {
			renamed[entry.OldName], renamed[entry.Name] = entry.Name, entry.OldName
		}
	}
	there := map[Place]bool{}
	for _, table := range tables {
		for _, column := range table.Columns {
			for _, schema := range []string{table.Schema, ""} {
				there[Place{schema, table.Name, column.Name}] = true
				there[Place{schema, renamed[table.Name], column.Name}] = true
			}
		}
	}
	var missing []Place
	for place, values := range recorded {
		if values > 0 && !there[place] {
			missing = append(missing, place)
		}
	}
	slices.SortFunc(missing, func(a, b Place) int { return strings.Compare(a.String(), b.String()) })
	return missing
}

// emptiedPlaces returns the columns that the record has values of and that have none now, or
// are gone. Where the operator says that this is right, the record notes it.
func emptiedPlaces(request Request, tables []Table, now map[string]int64, recorded map[Place]int64) []Place {
	emptied := missingPlaces(request, tables, recorded)
	for _, table := range tables {
		for _, column := range table.Columns {
			if place := table.Place(column); now[table.String()] == 0 && recordedIn(recorded, place) > 0 {
				emptied = append(emptied, place)
			}
		}
	}
	return emptied
}

// emptyTableFinding says that a table has lost all of its values.
func emptyTableFinding(table string, before int64, source string) finding.Finding {
	return finding.Finding{Code: finding.EmptyTable, Severity: finding.Error, Where: table,
		Message: fmt.Sprintf("%s %d values in it, and now it has none", source, before),
		Fix:     "check that this is the database that is meant, and that nothing hides its rows; if it was emptied, add --allow-empty; the record of a run keeps that"}
}
