package migrate

import (
	"fmt"
	"slices"
	"time"

	"github.com/ocmt/ocmt/internal/ocmt"
)

// Request says what is to be brought where.
type Request struct {
	From             *int     // the version to leave; nil for every version below To
	To               int      // the version to reach
	Tables           []string // only these tables; empty for all
	Columns          []string // only these columns, as column or table.column; empty for all
	Catalogue        []ocmt.Table
	Known            []ocmt.Known // columns that look encrypted and are not to be moved
	Workers          int
	ChunkTarget      time.Duration // how long one chunk of a worker should take
	MaxRowsPerSecond int           // 0 for no limit
	HolderPatience   time.Duration // how long to wait for transactions that have written and not ended
	MaxReplicaLag    time.Duration // wait while a standby is further behind; 0 for no limit
	MaxWALBacklog    int64         // bytes; wait while more log than this is held back; 0 for no limit
	Backwards        bool          // leave every version above To, not below
	AllowDowngrade   bool          // go on where most values carry a newer version than To
	StopOnSetAside   bool          // end at the first value that must be set aside
	KeyConfirmed     bool          // the operator has named the key to reach by its fingerprint
	AllowEmpty       bool          // go on where a table that held values has none
	AllowUnopenable  bool          // go on where a version's sample does not open
}

// Check refuses a request that contradicts itself. It asks no database.
func (r Request) Check() error {
	switch {
	case r.Workers < 1:
		return fmt.Errorf("checking the request: at least one worker is needed, not %d", r.Workers)
	case r.ChunkTarget <= 0:
		return fmt.Errorf("checking the request: a chunk takes time, not %s", r.ChunkTarget)
	case r.To < 0:
		return fmt.Errorf("checking the request: a key version is not negative")
	case r.From != nil && *r.From < 0:
		return fmt.Errorf("checking the request: a key version is not negative")
	case r.From != nil && *r.From == r.To:
		return fmt.Errorf("checking the request: the values would stay under version %d", r.To)
	}
	return nil
}

// Leaves reports whether values under a version are to be moved.
func (r Request) Leaves(version int) bool {
	if r.From != nil {
		return version == *r.From
	}
	if r.Backwards {
		return version > r.To
	}
	return version < r.To
}

// selected narrows the catalogue to the tables and columns asked for, and
// refuses a name that the catalogue does not have: a slip must not read as
// nothing to do.
func (r Request) selected() ([]ocmt.Table, error) {
	var tables []ocmt.Table
	foundTables, foundColumns := map[string]bool{}, map[string]bool{}
	for _, table := range r.Catalogue {
		table, asked := r.named(table, foundTables)
		if !asked {
			continue
		}
		table.Columns = r.columnsOf(table, foundColumns)
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

// named keeps those names of a table that were asked for.
func (r Request) named(table ocmt.Table, found map[string]bool) (ocmt.Table, bool) {
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

func (r Request) columnsOf(table ocmt.Table, found map[string]bool) []ocmt.Column {
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

// unknown leaves out the tables of other schemas that the deployment knows of: a
// column of them is listed as one that is not to be moved.
func (r Request) unknown(obstacles []Obstacle) []Obstacle {
	var list []Obstacle
	for _, obstacle := range obstacles {
		listed := slices.ContainsFunc(r.Known, func(k ocmt.Known) bool { return k.Schema+"."+k.Table == obstacle.Where })
		if obstacle.Code != codeOtherSchema || !listed {
			list = append(list, obstacle)
		}
	}
	return list
}

// codeOtherSchema is that of an obstacle by which a store tells of a table with
// a name of the catalogue in a schema that is not looked in.
const codeOtherSchema = "other_schema"
