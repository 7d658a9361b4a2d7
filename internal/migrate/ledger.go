package migrate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"

	"github.com/ocmt/ocmt/internal/finding"
)

// Ledger keeps the record of runs in the database.
type Ledger interface {
	// Begin records that a run begins, before its first write.
	Begin(ctx context.Context, entry LedgerEntry) error
	// End records how the run that Begin recorded ended, and settles what earlier runs have
	// left open. It returns why no entry was made in OCMT's audit log, "" if one was made or
	// there is no such log; a later run makes up for it.
	End(ctx context.Context, outcome LedgerOutcome) (unaudited finding.Reason, err error)
	// Settle settles what earlier runs have left open, after a run that had nothing to move.
	Settle(ctx context.Context, entry LedgerEntry, outcome LedgerOutcome) error
}

// LedgerEntry is a run as it begins.
type LedgerEntry struct {
	To           int
	Fingerprints map[int]string // of the keys that the run uses, by version
	Columns      []LedgerColumn // the columns with values to move
	Emptied      []Place        // columns that the record has values of and that hold none, rightly
	Backwards    bool           // the run brings values back to an older key
}

// LedgerColumn is one column of a run.
type LedgerColumn struct {
	Place
	From   int // the lowest version with values to move
	Values int64
}

// LedgerOutcome is how a run ended.
type LedgerOutcome struct {
	Status  RunStatus               // of the run as a whole
	Columns map[Place]ColumnOutcome // of the columns of the entry
	Clean   []Place                 // every column of the run in which the last pass left nothing
	Repairs []Repair                // labels that were repaired
	Changed bool                    // something was written
}

// ColumnOutcome is how a run ended in one column.
type ColumnOutcome struct {
	Status RunStatus
	Moved  int64  // values
	Reason string // why it is not completed; "" where it is
}

// RunStatus is how a run ended, as the record has it.
type RunStatus string

// The statuses of a run that has ended. The record itself adds running, resumed (a later run went on
// and left nothing) and accepted (the column is empty, and the operator says rightly).
const (
	RunCompleted   RunStatus = "completed"
	RunPartial     RunStatus = "partial"     // values are left, or were set aside
	RunInterrupted RunStatus = "interrupted" // the run was asked to end, or ended without a word
	RunFailed      RunStatus = "failed"
)

// ledgerEntry describes the plan for the ledger.
func (r *run) ledgerEntry() LedgerEntry {
	request := r.plan.Request
	entry := LedgerEntry{To: request.To, Fingerprints: map[int]string{}, Emptied: r.plan.Emptied, Backwards: request.Backwards}
	addKey := func(version int) {
		if key, known := r.Ring.Key(version); known {
			entry.Fingerprints[version] = key.Fingerprint()
		}
	}
	addKey(request.To)
	for _, counted := range r.plan.Columns {
		column := LedgerColumn{Place: counted.Place, From: -1}
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
	outcome := LedgerOutcome{Status: RunCompleted, Columns: map[Place]ColumnOutcome{}, Repairs: r.repairs.all(), Changed: r.rows.Load() > 0}
	switch {
	case isStop(failure):
		outcome.Status = RunInterrupted
	case failure != nil:
		outcome.Status = RunFailed
	case result.Left > 0 || r.setAside.total() > 0 || len(r.notEnded) > 0:
		outcome.Status = RunPartial
	}
	moved, left, setAside := r.movedByColumn.all(), r.leftByColumn.all(), r.setAside.byPlace()
	for _, column := range r.ledgerEntry().Columns {
		ended := ColumnOutcome{Status: outcome.Status, Moved: moved[column.Place]}
		switch {
		case failure != nil && ended.Moved >= column.Values && setAside[column.Place] == 0:
			ended.Status = RunCompleted
		case failure != nil:
			ended.Reason = r.explainEnd(failure)
		default:
			ended.Status, ended.Reason = r.columnStatus(left[column.Place], setAside[column.Place])
		}
		outcome.Columns[column.Place] = ended
	}
	if failure == nil && len(r.notEnded) == 0 {
		for _, column := range r.plan.Columns {
			if left[column.Place]+setAside[column.Place] == 0 {
				outcome.Clean = append(outcome.Clean, column.Place)
			}
		}
	}
	return outcome
}

// explainEnd says why the run was cut off.
func (r *run) explainEnd(failure error) string {
	if r.StopReason != nil && (errors.Is(failure, ErrStopped) || errors.Is(failure, context.Canceled)) {
		if reason := r.StopReason(); reason != "" {
			return reason
		}
	}
	return failure.Error()
}

// columnStatus says how a run that was not cut off ended in a column.
func (r *run) columnStatus(left, setAside int64) (status RunStatus, reason string) {
	switch {
	case setAside == 1:
		return RunPartial, "1 value was set aside and left as it is"
	case setAside > 1:
		return RunPartial, fmt.Sprintf("%d values were set aside and left as they are", setAside)
	case left == 1:
		return RunPartial, "the last pass still found 1 value to move"
	case left > 1:
		return RunPartial, fmt.Sprintf("the last pass still found %d values to move", left)
	case len(r.notEnded) > 0:
		return RunPartial, "transactions had written and not ended: " + strings.Join(r.notEnded, "; ")
	}
	return RunCompleted, ""
}

// valueCounts counts values by column, for several workers.
type valueCounts struct {
	mu     sync.Mutex
	values map[Place]int64
}

func (c *valueCounts) add(column Place, values int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.values == nil {
		c.values = map[Place]int64{}
	}
	c.values[column] += values
}

// reset forgets all counts.
func (c *valueCounts) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values = nil
}

func (c *valueCounts) all() map[Place]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.values)
}
