package migrate

import (
	"context"
	"maps"
	"sync"
)

// Ledger keeps the record of runs in the database.
type Ledger interface {
	// Begin records that a run of the plan begins, before its first write.
	Begin(ctx context.Context, entry LedgerEntry) error
	// End records how the run that Begin recorded ended.
	End(ctx context.Context, outcome LedgerOutcome) error
}

// LedgerEntry is a run as it begins.
type LedgerEntry struct {
	To           int
	Fingerprints map[int]string // of the keys involved, by version
	Columns      []LedgerColumn // those with values to move
}

// LedgerColumn is one column of a run.
type LedgerColumn struct {
	Table, Column string
	From          int // the lowest version with values to move
	Values        int64
}

// LedgerOutcome is how a run ended.
type LedgerOutcome struct {
	Status  string           // completed, partial, interrupted or failed
	Moved   map[string]int64 // values, by table.column
	Changed bool             // something was written
}

// entry describes the plan for the ledger.
func (r *run) entry() LedgerEntry {
	request := r.plan.Request
	entry := LedgerEntry{To: request.To, Fingerprints: map[int]string{}}
	note := func(version int) {
		if key, known := r.Ring.Key(version); known {
			entry.Fingerprints[version] = key.Fingerprint()
		}
	}
	note(request.To)
	for _, census := range r.plan.Census {
		column := LedgerColumn{Table: census.Table, Column: census.Column, From: -1}
		for version, values := range census.ByVersion {
			if version == request.To || !request.Leaves(version) {
				continue
			}
			note(version)
			column.Values += values
			if column.From < 0 || version < column.From {
				column.From = version
			}
		}
		if column.Values > 0 {
			entry.Columns = append(entry.Columns, column)
		}
	}
	return entry
}

// outcome describes how the run ended.
func (r *run) outcome(result *Result, failure error) LedgerOutcome {
	outcome := LedgerOutcome{Status: "completed", Moved: r.columns.all(), Changed: r.rows.Load() > 0}
	switch {
	case isStop(failure):
		outcome.Status = "interrupted"
	case failure != nil:
		outcome.Status = "failed"
	case result.Left > 0 || r.aside.count > 0 || len(r.unseen) > 0:
		outcome.Status = "partial"
	}
	return outcome
}

// columnCounts counts values by table.column, for several workers.
type columnCounts struct {
	mu     sync.Mutex
	values map[string]int64
}

func (c *columnCounts) add(column string, values int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.values == nil {
		c.values = map[string]int64{}
	}
	c.values[column] += values
}

func (c *columnCounts) all() map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.values)
}
