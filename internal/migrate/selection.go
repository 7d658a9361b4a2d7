package migrate

import (
	"context"
	"slices"
	"strings"

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
// them as found. It reports whether the request asks for the table at all. A name may
// have a schema in front; for a table that is looked for on the search path, describe
// looks which one it is in.
func (r Request) selectNames(table ocmt.Table, found map[string]bool) (ocmt.Table, bool) {
	if len(r.Tables) == 0 {
		return table, true
	}
	byName, byOldName := false, false
	for _, asked := range r.Tables {
		switch {
		case isName(asked, table.Schema, table.Name):
			byName = true
		case table.OldName != "" && isName(asked, table.Schema, table.OldName):
			byOldName = true
		default:
			continue
		}
		found[asked] = true
	}
	switch {
	case byName && !byOldName:
		table.OldName = ""
	case byOldName && !byName:
		table.Name, table.OldName = table.OldName, ""
	}
	return table, byName || byOldName
}

// isName reports whether what was asked for is a table of the catalogue, by its name alone or
// with a schema in front. A table on the search path can be in any schema.
func isName(asked, schema, name string) bool {
	inSchema, bare, qualified := strings.Cut(asked, ".")
	return asked == name || qualified && bare == name && (schema == "" || schema == inSchema)
}

// selectColumns returns the columns of a table that the request asks for, and notes
// their names as found.
func (r Request) selectColumns(table ocmt.Table, found map[string]bool) []ocmt.Column {
	if len(r.Columns) == 0 {
		return table.Columns
	}
	var columns []ocmt.Column
	for _, column := range table.Columns {
		selected := false
		for _, asked := range r.Columns {
			of, bare := splitColumn(asked)
			if bare == column.Name && (of == "" || isName(of, table.Schema, table.Name) || table.OldName != "" && isName(of, table.Schema, table.OldName)) {
				selected, found[asked] = true, true
			}
		}
		if selected {
			columns = append(columns, column)
		}
	}
	return columns
}

// splitColumn splits the name of a column into that of its table, "" for none, and its own.
func splitColumn(name string) (table, column string) {
	at := strings.LastIndexByte(name, '.')
	return name[:max(at, 0)], name[at+1:]
}

// describe describes the tables that the request asks for. The error is an *UnknownNameError
// where a name is not in the catalogue, or names a schema that does not have it.
func (r Request) describe(ctx context.Context, tables Describer) (*Description, error) {
	selected, err := r.selectTables()
	if err != nil {
		return nil, err
	}
	found, err := tables.Describe(ctx, selected)
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	var kept []Table
	for _, table := range found.Tables {
		if table.MayBeLarge() {
			table.MostBytes = r.MostBytes
		}
		if table.Columns = r.keepColumns(table, there); len(table.Columns) > 0 {
			kept = append(kept, table)
		}
	}
	found.Tables = kept
	for _, name := range r.Tables {
		if strings.Contains(name, ".") && !there[name] {
			return nil, &UnknownNameError{Kind: "table", Name: name}
		}
	}
	for _, name := range r.Columns {
		if table, _ := splitColumn(name); strings.Contains(table, ".") && !there[name] {
			return nil, &UnknownNameError{Kind: "column", Name: name}
		}
	}
	return found, nil
}

// keepColumns returns those columns of a table that the request asks for, and notes the names
// that it asked by: the database says which schema a table is in.
func (r Request) keepColumns(table Table, there map[string]bool) (kept []Column) {
	if len(r.Tables) > 0 && !slices.ContainsFunc(r.Tables, func(asked string) bool { return noteName(there, asked, asked, table) }) {
		return nil
	}
	for _, column := range table.Columns {
		asked := len(r.Columns) == 0
		for _, name := range r.Columns {
			of, bare := splitColumn(name)
			if bare == column.Name && (of == "" || noteName(there, name, of, table)) {
				asked = true
			}
		}
		if asked {
			kept = append(kept, column)
		}
	}
	return kept
}

// noteName reports whether a name means a table, and notes what was asked for as found then.
func noteName(there map[string]bool, asked, name string, table Table) bool {
	if name != table.Name && name != table.String() {
		return false
	}
	there[asked] = true
	return true
}

// WithoutKnown returns findings of a description without those about tables of other schemas, about what is no
// table, and about columns of a type that is no text, where the deployment has listed them as known: their values
// are not to be moved.
func (r Request) WithoutKnown(list []finding.Finding) []finding.Finding {
	return slices.DeleteFunc(slices.Clone(list), func(found finding.Finding) bool {
		return slices.ContainsFunc(r.Known, func(k ocmt.Known) bool {
			switch found.Code {
			case finding.OtherSchema, finding.NotATable:
				return found.Where == k.Schema+"."+k.Table
			case finding.WrongType:
				return found.Where == k.Schema+"."+k.Table+"."+k.Column || k.Schema == "" && strings.HasSuffix(found.Where, "."+k.Table+"."+k.Column)
			}
			return false
		})
	})
}
