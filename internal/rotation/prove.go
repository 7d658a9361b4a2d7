package rotation

import (
	"context"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
)

// Proof is what a verification after a run has shown.
type Proof struct {
	Verification *migrate.Verification
	Retirable    []int             // key versions that nothing in the database needs any more
	Reasons      []finding.Finding // why the old keys must be kept; none where the decision was to retire them
}

// Retirer records key versions as retired.
type Retirer interface {
	Retire(ctx context.Context, versions []int) error
}

// Prove opens every value of the plan's database with the target key alone after a run, decides which
// keys may go, and notes in the record that they are no longer in use. verify opens every value
// that a request speaks of. Where the keys cannot be recorded, the proof names none and comes
// back with the error.
func Prove(ctx context.Context, verify func(context.Context, migrate.Request) (*migrate.Verification, error), record Retirer, plan *migrate.Plan, result *migrate.Result) (*Proof, error) {
	request := WholeDatabase(plan.Request)
	request.Database = plan.Outline.Database
	verification, err := verify(ctx, request)
	if err != nil {
		return nil, err
	}
	proof := &Proof{Verification: verification}
	proof.Retirable, proof.Reasons = Decide(plan, result, verification)
	if len(proof.Retirable) > 0 {
		if err := record.Retire(ctx, proof.Retirable); err != nil {
			proof.Retirable = []int{}
			return proof, err
		}
	}
	return proof, nil
}
