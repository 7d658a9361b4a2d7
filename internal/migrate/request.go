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
	Columns          []string // only these columns; empty for all
	Catalogue        []ocmt.Table
	Workers          int
	ChunkTarget      time.Duration // how long one chunk of a worker should take
	MaxRowsPerSecond int           // 0 for no limit
	StopOnSetAside   bool          // end at the first value that must be set aside
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
	return version < r.To
}

// selected narrows the catalogue to the tables and columns asked for, and
// refuses a name that the catalogue does not have: a slip must not read as
// nothing to do.
func (r Request) selected() ([]ocmt.Table, error) {
	left := map[string]bool{}
	for _, name := range slices.Concat(r.Tables, r.Columns) {
		left[name] = true
	}
	var tables []ocmt.Table
	for _, table := range r.Catalogue {
		if len(r.Tables) > 0 && !slices.Contains(r.Tables, table.Name) && !slices.Contains(r.Tables, table.OldName) {
			continue
		}
		delete(left, table.Name)
		delete(left, table.OldName)
		columns := table.Columns
		if len(r.Columns) > 0 {
			columns = nil
			for _, column := range table.Columns {
				if slices.Contains(r.Columns, column.Name) {
					columns = append(columns, column)
					delete(left, column.Name)
				}
			}
		}
		if len(columns) > 0 {
			table.Columns = columns
			tables = append(tables, table)
		}
	}
	for name := range left {
		return nil, &UnknownNameError{Name: name}
	}
	return tables, nil
}
