package migrate

import (
	"context"
	"maps"
	"sync"
)

// Ledger keeps the record of runs in the database.
type Ledger interface {
	// Begin records that a run begins, before its first write.
	Begin(ctx context.Context, entry LedgerEntry) error
	// End records how the run that Begin recorded ended.
	End(ctx context.Context, outcome LedgerOutcome) error
}

// LedgerEntry is a run as it begins.
type LedgerEntry struct {
	To           int
	Fingerprints map[int]string // of the keys that the run uses, by version
	Columns      []LedgerColumn // the columns with values to move
}

// LedgerColumn is one column of a run.
type LedgerColumn struct {
	Table, Column string
	From          int // the lowest version with values to move
	Values        int64
}

// LedgerOutcome is how a run ended.
type LedgerOutcome struct {
	Status  RunStatus
	Moved   map[string]int64 // values, by table.column
	Changed bool             // something was written
}

// RunStatus is how a run ended, as the record has it.
type RunStatus string

// The statuses of a run in the record.
const (
	RunCompleted   RunStatus = "completed"
	RunPartial     RunStatus = "partial"     // values are left, or were set aside
	RunInterrupted RunStatus = "interrupted" // the run was asked to end
	RunFailed      RunStatus = "failed"
)

// ledgerEntry describes the plan for the ledger.
func (r *run) ledgerEntry() LedgerEntry {
	request := r.plan.Request
	entry := LedgerEntry{To: request.To, Fingerprints: map[int]string{}}
	addKey := func(version int) {
		if key, known := r.Ring.Key(version); known {
			entry.Fingerprints[version] = key.Fingerprint()
		}
	}
	addKey(request.To)
	for _, counted := range r.plan.Columns {
		column := LedgerColumn{Table: counted.Table, Column: counted.Column, From: -1}
		for version, values := range counted.ByVersion {
			if version == request.To || !request.Leaves(version) {
				continue
			}
			addKey(version)
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

// ledgerOutcome describes how the run ended.
func (r *run) ledgerOutcome(result *Result, failure error) LedgerOutcome {
	outcome := LedgerOutcome{Status: RunCompleted, Moved: r.movedByColumn.all(), Changed: r.rows.Load() > 0}
	switch {
	case isStop(failure):
		outcome.Status = RunInterrupted
	case failure != nil:
		outcome.Status = RunFailed
	case result.Left > 0 || r.setAside.total() > 0 || len(r.notEnded) > 0:
		outcome.Status = RunPartial
	}
	return outcome
}

// valueCounts counts values by table.column, for several workers.
type valueCounts struct {
	mu     sync.Mutex
	values map[string]int64
}

func (c *valueCounts) add(column string, values int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.values == nil {
		c.values = map[string]int64{}
	}
	c.values[column] += values
}

func (c *valueCounts) all() map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.values)
}
