package migrate

import (
	"fmt"
	"time"

	"github.com/ocmt/ocmt/internal/discover"
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
	ChunkTarget      time.Duration  // how long one chunk of a worker should take
	MaxRowsPerSecond int            // 0 for no limit
	HolderTimeout    time.Duration  // how long to wait for transactions that have written and not ended
	MaxReplicaLag    time.Duration  // wait while a standby is further behind; 0 for no limit
	MaxWALBacklog    int64          // bytes; wait while more log than this is held back; 0 for no limit
	Configured       int            // the version that the servers write, as far as is known here
	Backwards        bool           // leave every version above To, not below
	AllowDowngrade   bool           // go on where most values carry a newer version than To
	StopOnSetAside   bool           // end at the first value that must be set aside
	KeyConfirmed     bool           // the operator has named the key to reach by its fingerprint
	AllowEmpty       bool           // go on where a table that held values has none
	AllowUnopenable  bool           // go on where a version's sample does not open
	Search           discover.Depth // how deep a proof looks through columns that nothing lists; "" for not at all
	RepairLabels     bool           // bring values that open with another key than their label says under To
	MostBytes        int64          // bytes of values of one row that fit into memory; 0 for no limit
	Database         Identity       // the database that a verification must be of; empty for any
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

// isNarrowed reports whether the request is for a part of the database.
func (r Request) isNarrowed() bool { return len(r.Tables) > 0 || len(r.Columns) > 0 }

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
