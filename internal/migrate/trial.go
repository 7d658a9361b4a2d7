package migrate

import (
	"context"
	"fmt"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// Trier writes a change as a run would, and takes it back.
type Trier interface {
	// TryWrite returns a finding where the server refuses the change, or a trigger changes
	// what is written. It returns nothing where the row is locked or has changed.
	TryWrite(ctx context.Context, table Table, change Change) ([]finding.Finding, error)
}

// Examples of rows to try: few, and of no great size.
const (
	maxExamples     = 3
	maxExampleBytes = 1 << 20
)

// examples are rows of one table with values to move.
type examples []Row

// offer keeps a copy of a row while there is room.
func (e *examples) offer(row Row) {
	if len(*e) >= maxExamples || len(row.Key)+row.size() > maxExampleBytes {
		return
	}
	kept := Row{Key: append([]byte{}, row.Key...), Part: append([]byte(nil), row.Part...), Values: make([][]byte, len(row.Values))}
	for i, text := range row.Values {
		if text != nil {
			kept.Values[i] = append([]byte{}, text...)
		}
	}
	*e = append(*e, kept)
}

// tryWrites writes one row of each table that has values to move, and takes it back: a
// constraint, a trigger, a publication or a right can refuse what no catalogue tells.
func (p *planner) tryWrites(ctx context.Context, perTable []examples) error {
	if p.sources.Trier == nil || len(p.plan.Findings) > 0 {
		return nil // there is more to mend first
	}
	resealer := crypto.NewResealer(p.ring, p.sources.Random)
	for i, table := range p.plan.Tables {
		for _, row := range perTable[i] {
			change, ok := p.resealExample(resealer, table, row)
			if !ok {
				continue
			}
			found, err := p.sources.Trier.TryWrite(ctx, table, change)
			if err != nil {
				return fmt.Errorf("trying to write a row of %s: %w", table, err)
			}
			p.plan.Findings = append(p.plan.Findings, found...)
			break
		}
	}
	return nil
}

// resealExample makes the change that a run would make to a row. It reports false where a
// value does not open.
func (p *planner) resealExample(resealer *crypto.Resealer, table Table, row Row) (Change, bool) {
	change := Change{Row: row, New: make([][]byte, len(row.Values))}
	moves := false
	for i, text := range row.Values {
		if len(text) == 0 {
			continue
		}
		c, state, _ := classify(resealer, p.plan.Request, p.ring, table.Columns[i], text)
		if state != toMove {
			continue
		}
		resealed, err := resealer.Reseal(nil, c)
		if err != nil {
			return Change{}, false
		}
		change.New[i], moves = resealed, true
	}
	return change, moves
}
