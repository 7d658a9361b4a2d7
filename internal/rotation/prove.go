package rotation

import (
	"context"
	"slices"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
)

// Proof is what a verification and a search after a run have shown.
type Proof struct {
	Verification *migrate.Verification
	Search       *discover.Report  // nil where columns that nothing lists were not searched
	Retirable    []int             // key versions that nothing in the database needs any more
	Gone         []int             // those of them that are recorded as retired: their keys are taken away already
	Reasons      []finding.Finding // why the old keys must be kept; none where the decision was to retire them
}

// Staying returns the versions that nothing in the database needs and that are not recorded as retired.
func (p *Proof) Staying() []int {
	return slices.DeleteFunc(slices.Clone(p.Retirable), func(version int) bool { return slices.Contains(p.Gone, version) })
}

// refutes reports whether a value was found that needs the key of a version, or may need any key because none opens it:
// an earlier proof that nothing needs that version does not hold any more. A value under another version refutes nothing,
// and neither does what was not looked at.
func (p *Proof) refutes(version int) bool {
	if p.Verification.SetAside > 0 || p.Verification.Versions[version] > 0 {
		return true
	}
	return p.Search != nil && findsNeed(p.Search, version)
}

// Unneeded are key versions that a run to another version has proven to be needed nowhere.
type Unneeded struct {
	To           int
	Versions     []int
	Fingerprints map[int]string // of the keys that are set, by version
}

// Retirer records which key versions nothing in the database needs.
type Retirer interface {
	// Retire records that this is proven of versions, and returns those that were retired already.
	Retire(ctx context.Context, proven Unneeded) (gone []int, err error)
	// EndProofs records that it is no longer proven of the versions that are refuted, where it was recorded.
	EndProofs(ctx context.Context, isRefuted func(version int) bool) error
}

// Prover proves what a run has reached.
type Prover struct {
	// Verify opens every value that a request speaks of.
	Verify func(context.Context, migrate.Request) (*migrate.Verification, error)
	// Search looks through the columns that nothing lists, and closely at what was written
	// since a transaction.
	Search func(ctx context.Context, request migrate.Request, verified *migrate.Verification, since *uint32) (*discover.Report, error)
	Record Retirer
}

// WaitOnce returns the request of a search after a verification: where that has waited in vain
// for transactions, a search need not wait for them again.
func WaitOnce(request migrate.Request, verification *migrate.Verification) migrate.Request {
	if slices.ContainsFunc(verification.Doubts, func(f finding.Finding) bool { return f.Code == finding.NotEnded }) {
		request.HolderTimeout = 0
	}
	return request
}

// Prove opens every value of the plan's database with the target key alone after a run, looks
// through the columns that nothing lists, decides which keys may go, and notes in the record
// that they are no longer in use. Where a value is found that needs a version, or may need any, it notes
// that an earlier proof of it does not hold any more, whichever version the run was to leave. Where nothing could be
// read, or the request wants no search, nothing is searched. Where the keys cannot be recorded, the
// proof names none and comes back with the error.
func (p Prover) Prove(ctx context.Context, plan *migrate.Plan, result *migrate.Result) (*Proof, error) {
	request := WholeDatabase(plan.Request)
	request.Database = plan.Outline.Database
	verification, err := p.Verify(ctx, request)
	if err != nil {
		return nil, err
	}
	proof := &Proof{Verification: verification}
	if len(verification.Obstacles) == 0 && request.Search != "" {
		if proof.Search, err = p.Search(ctx, WaitOnce(request, verification), verification, plan.Oldest); err != nil {
			return nil, err
		}
	}
	proof.Retirable, proof.Reasons = Decide(plan, result, verification, proof.Search)
	if len(proof.Retirable) > 0 {
		if proof.Gone, err = p.Record.Retire(ctx, unneeded(plan, proof.Retirable)); err != nil {
			proof.Retirable = []int{}
			return proof, err
		}
	}
	return proof, p.Record.EndProofs(ctx, func(version int) bool { return version != request.To && proof.refutes(version) })
}

func unneeded(plan *migrate.Plan, versions []int) Unneeded {
	proven := Unneeded{To: plan.Request.To, Versions: versions, Fingerprints: map[int]string{}}
	for _, key := range plan.Outline.Keys {
		proven.Fingerprints[key.Version] = key.Fingerprint
	}
	return proven
}
