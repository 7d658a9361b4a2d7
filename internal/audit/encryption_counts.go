package audit

import (
	"maps"
	"slices"
)

// VersionCount says how many values of a column have a version in their label.
type VersionCount struct {
	Column  string // schema.table.column
	Version int
	Values  int64
}

// VersionCounts returns how many values of each column are under which version, as far as a check has
// counted them: nothing before a Run that asked one.
func (s EncryptionSource) VersionCounts() (list []VersionCount) {
	if s.shared == nil || s.shared.it == nil {
		return nil
	}
	for i, column := range s.shared.it.columns {
		if i >= len(s.shared.it.versions) {
			break
		}
		for _, version := range slices.Sorted(maps.Keys(s.shared.it.versions[i])) {
			list = append(list, VersionCount{Column: column.String(), Version: version, Values: s.shared.it.versions[i][version]})
		}
	}
	return list
}
