package migrate

import "context"

// DryRun opens every value that Run would move, seals it, and opens it again, and
// writes nothing: neither values nor the record. It makes one pass, because what is
// not written is found again in every pass. Its errors are those of Run.
func (r Runner) DryRun(ctx context.Context, plan *Plan) (*Result, error) {
	result, err := r.runLocked(ctx, plan, func(Conn) Writer { return dryRunWriter{} }, (*run).makeTrialPass)
	result.DryRun = true
	return result, err
}

// makeTrialPass is the only pass of a dry run.
func (r *run) makeTrialPass(ctx context.Context, result *Result) error {
	result.Passes = 1
	r.setPhase("trying", result.Passes)
	if err := r.makeLaterPass(ctx); err != nil || !r.plan.Request.RepairLabels {
		return err
	}
	return r.repairLabels(ctx, result)
}

// dryRunWriter is the Writer of a dry run: it reports every row as written.
type dryRunWriter struct{}

// Write implements Writer.
func (dryRunWriter) Write(_ context.Context, _ Table, batches []Batch) ([]Outcome, error) {
	outcomes := make([]Outcome, len(batches))
	for i, batch := range batches {
		outcomes[i].Written = int64(len(batch.Changes))
	}
	return outcomes, nil
}
