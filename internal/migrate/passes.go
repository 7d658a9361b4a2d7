package migrate

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// maxPasses bounds the passes of a run, the first one included. Each pass takes what the
// servers wrote during the pass before. Values in each of so many passes mean that a
// server writes them all the time.
const maxPasses = 10

// makeAllPasses makes the passes, and repairs labels where the request asks for it.
func (r *run) makeAllPasses(ctx context.Context, result *Result) error {
	if err := r.makePasses(ctx, result); err != nil || !r.plan.Request.RepairLabels {
		return err
	}
	return r.repairLabels(ctx, result)
}

// makePasses goes over the tables once, and then over what is still pending until a pass
// finds nothing, or there were maxPasses. What the last pass found is in result.Left.
func (r *run) makePasses(ctx context.Context, result *Result) error {
	result.Passes = 1
	r.setPhase("moving", result.Passes)
	r.Reporter.Progress(0, r.total)
	if err := r.forEachTable(ctx, r.makeFirstPass); err != nil {
		return err
	}
	var since time.Time
	for result.Passes < maxPasses {
		result.Passes++
		if result.Passes == 2 {
			since = r.Clock()
		}
		r.setPhase(fmt.Sprintf("looking again, pass %d", result.Passes), result.Passes)
		if err := r.awaitHolders(ctx); err != nil {
			return err
		}
		r.clearSetAside()
		r.left.Store(0)
		r.leftByColumn.reset()
		r.blocked.Store(0)
		if err := r.makeLaterPass(ctx); err != nil {
			return err
		}
		if result.Left = r.left.Load(); result.Left == 0 {
			return nil
		}
	}
	result.LeftSince = &since
	return nil
}

// makeFirstPass goes over a table for the first time: by page ranges where its rows
// lie in heaps that the server reads so, and in the order of its keys for the rest.
// The next pass finds the rows of a table that can be read in neither way.
func (r *run) makeFirstPass(ctx context.Context, table Table) error {
	byPages := func(leaf Leaf) bool { return leaf.ByPages }
	if slices.ContainsFunc(table.Leaves, byPages) {
		if err := r.passByPages(ctx, table); err != nil || r.isStopping() || r.aborted() != nil {
			return err
		}
	}
	if table.isScattered() && slices.ContainsFunc(table.Leaves, func(leaf Leaf) bool { return !byPages(leaf) }) {
		return r.passByParts(ctx, table)
	}
	if !table.ByKey || !slices.ContainsFunc(table.Leaves, func(leaf Leaf) bool { return !byPages(leaf) }) {
		return nil
	}
	return r.passByKeys(ctx, table)
}
