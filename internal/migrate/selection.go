package migrate

import (
	"slices"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/ocmt"
)

// selectTables narrows the catalogue to the tables and columns of the request. It
// returns an *UnknownNameError for a name that the catalogue does not have: a
// misspelt name must not read as nothing to do.
func (r Request) selectTables() ([]ocmt.Table, error) {
	var tables []ocmt.Table
	foundTables, foundColumns := map[string]bool{}, map[string]bool{}
	for _, table := range r.Catalogue {
		table, asked := r.selectNames(table, foundTables)
		if !asked {
			continue
		}
		table.Columns = r.selectColumns(table, foundColumns)
		if len(table.Columns) > 0 {
			tables = append(tables, table)
		}
	}
	for _, name := range r.Tables {
		if !foundTables[name] {
			return nil, &UnknownNameError{Kind: "table", Name: name}
		}
	}
	for _, name := range r.Columns {
		if !foundColumns[name] {
			return nil, &UnknownNameError{Kind: "column", Name: name}
		}
	}
	return tables, nil
}

// selectNames keeps those names of a table that the request asks for, and notes
// them as found. It reports whether the request asks for the table at all.
func (r Request) selectNames(table ocmt.Table, found map[string]bool) (ocmt.Table, bool) {
	if len(r.Tables) == 0 {
		return table, true
	}
	byName := slices.Contains(r.Tables, table.Name)
	byOldName := table.OldName != "" && slices.Contains(r.Tables, table.OldName)
	if byName {
		found[table.Name] = true
	}
	if byOldName {
		found[table.OldName] = true
	}
	switch {
	case byName && !byOldName:
		table.OldName = ""
	case byOldName && !byName:
		table.Name, table.OldName = table.OldName, ""
	}
	return table, byName || byOldName
}

// selectColumns returns the columns of a table that the request asks for, and notes
// their names as found.
func (r Request) selectColumns(table ocmt.Table, found map[string]bool) []ocmt.Column {
	if len(r.Columns) == 0 {
		return table.Columns
	}
	var columns []ocmt.Column
	for _, column := range table.Columns {
		asked := false
		for _, name := range []string{column.Name, table.Name + "." + column.Name, table.OldName + "." + column.Name} {
			if slices.Contains(r.Columns, name) {
				asked, found[name] = true, true
			}
		}
		if asked {
			columns = append(columns, column)
		}
	}
	return columns
}

// withoutKnown drops the findings about tables of other schemas that the deployment
// has listed as known: their values are not to be moved.
func (r Request) withoutKnown(list []finding.Finding) []finding.Finding {
	var kept []finding.Finding
	for _, found := range list {
		listed := slices.ContainsFunc(r.Known, func(k ocmt.Known) bool { return k.Schema+"."+k.Table == found.Where })
		if found.Code != finding.OtherSchema || !listed {
			kept = append(kept, found)
		}
	}
	return kept
}
