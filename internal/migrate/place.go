package migrate

// Place is a column of the database.
type Place struct {
	Schema string `json:"schema"` // "" where the schema is not known
	Table  string `json:"table"`
	Column string `json:"column"`
}

// String returns schema.table.column.
func (p Place) String() string {
	if p.Schema == "" {
		return p.Table + "." + p.Column
	}
	return p.Schema + "." + p.Table + "." + p.Column
}

// Place returns where the values of a column of the table are.
func (t Table) Place(column Column) Place { return Place{t.Schema, t.Name, column.Name} }
