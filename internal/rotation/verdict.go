package rotation

import (
	"maps"
	"slices"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
)

// VerdictKind says what a command that moves or opens values has come to.
type VerdictKind string

// The kinds. Those that say that a key is not needed follow from Decide alone.
const (
	// VerdictProven says that every value of the database opens with the key to reach alone, and that nothing else
	// was found or left unread.
	VerdictProven VerdictKind = "proven"
	// VerdictOthersLeft says that nothing needs the key that was left, and that values are under versions which the
	// run was not to leave.
	VerdictOthersLeft VerdictKind = "others_left"
	// VerdictNotWhole says that every value that was looked at opens with the key to reach alone, and that something
	// was not looked at.
	VerdictNotWhole VerdictKind = "not_whole"
	// VerdictPart is VerdictNotWhole where only some tables or columns were asked for.
	VerdictPart VerdictKind = "part"
	// VerdictBack says that every value opens with the older key alone, which the servers do not write with yet.
	VerdictBack VerdictKind = "back"
	// VerdictNeeded says that values in the listed columns need another key, or open with none.
	VerdictNeeded VerdictKind = "needed"
	// VerdictNeededElsewhere says that something outside these columns needs another key.
	VerdictNeededElsewhere VerdictKind = "needed_elsewhere"
	// VerdictHidden says that values may be hidden from the verification.
	VerdictHidden VerdictKind = "hidden"
	// VerdictUnread says that the values could not be looked at.
	VerdictUnread VerdictKind = "unread"
	// VerdictUnfinished says that a run has left values that it should have moved.
	VerdictUnfinished VerdictKind = "unfinished"
	// VerdictMoved says that the last pass of a run found nothing to move. No value was opened again since.
	VerdictMoved VerdictKind = "moved"
	// VerdictNoneUnder says that a run was to leave one version, and that values are under others only.
	VerdictNoneUnder VerdictKind = "none_under_version"
	// VerdictDryRun says what a run would do.
	VerdictDryRun VerdictKind = "dry_run"
	// VerdictStopped says that a run ended before it was through.
	VerdictStopped VerdictKind = "stopped"
	// VerdictUnverified says that a run moved its values, and that the proof behind it was not made.
	VerdictUnverified VerdictKind = "unverified"
)

// Verdict is what a command that moves or opens values has come to.
type Verdict struct {
	Kind VerdictKind
	// Opened counts the values that open with the key to reach alone. It is 0 where none was opened.
	Opened int64
	// Under counts the values that are under other versions.
	Under map[int]int64
	// Unopened counts the values that no key opened as it should.
	Unopened int64
	// Accepted counts the values that are accepted as lost.
	Accepted int
	// Moved counts the values that a run moved, Left those that it did not come to of what its plan counted.
	Moved, Left int64
	// SetAside and RowsLeft count what a run had to leave, values and rows.
	SetAside, RowsLeft int64
	// Retirable are the versions that nothing in the database needs.
	Retirable []int
}

// IsGood reports whether the command came to what it is for.
func (v Verdict) IsGood() bool {
	return v.Kind == VerdictProven || v.Kind == VerdictBack || v.Kind == VerdictMoved || v.Kind == VerdictDryRun && v.SetAside == 0 && v.RowsLeft == 0
}

// IsBad reports whether something was found wrong, or left. A verdict can be neither good nor bad: something was not
// looked at.
func (v Verdict) IsBad() bool {
	return !v.IsGood() && v.Kind != VerdictNotWhole && v.Kind != VerdictPart && v.Kind != VerdictNoneUnder
}

// JudgeVerification says what a verification came to. The report is nil where nothing was searched.
func JudgeVerification(request migrate.Request, verification *migrate.Verification, report *discover.Report) Verdict {
	verdict := Verdict{Opened: verification.Opened, Under: maps.Clone(verification.Versions), Unopened: verification.SetAside, Accepted: len(verification.Accepted)}
	unproven := FindUnproven(request, verification, report)
	switch {
	case len(verification.Obstacles) > 0:
		verdict.Kind = VerdictUnread
	case len(verdict.Under) > 0 || verdict.Unopened > 0:
		verdict.Kind = VerdictNeeded
	case len(verification.Doubts) > 0:
		verdict.Kind = VerdictHidden
	case slices.ContainsFunc(unproven, isWrong):
		verdict.Kind = VerdictNeededElsewhere
	case verification.Narrowed:
		verdict.Kind = VerdictPart
	case len(unproven) > 0:
		verdict.Kind = VerdictNotWhole
	default:
		verdict.Kind = VerdictProven
	}
	return verdict
}

// JudgeRun says what a run came to that no proof follows. A failure is why it ended before it was through.
func JudgeRun(plan *migrate.Plan, result *migrate.Result, failure error) Verdict {
	verdict := Verdict{Moved: result.Moved, Left: max(0, plan.Pending()-result.Moved), SetAside: result.SetAside, RowsLeft: result.Left}
	switch {
	case failure != nil:
		verdict.Kind = VerdictStopped
	case result.DryRun:
		verdict.Kind = VerdictDryRun
	case len(findUnfinished(plan.Request, result)) > 0:
		verdict.Kind = VerdictUnfinished
	case isMisdirected(plan, result) && len(UnderOthers(plan)) > 0:
		verdict.Kind, verdict.Under = VerdictNoneUnder, UnderOthers(plan)
	default:
		verdict.Kind = VerdictMoved
	}
	return verdict
}

// UnderOthers counts the values that a plan found under versions which it is neither to leave nor to reach.
func UnderOthers(plan *migrate.Plan) map[int]int64 {
	under := map[int]int64{}
	for _, column := range plan.Columns {
		for version, values := range column.ByVersion {
			if values > 0 && version != plan.Request.To && !plan.Request.Leaves(version) {
				under[version] += values
			}
		}
	}
	return under
}

// JudgeProof says what a run and the proof behind it came to. The proof is nil where none was made. A failure is why
// the proof was not made, or not recorded.
func JudgeProof(plan *migrate.Plan, result *migrate.Result, proof *Proof, failure error) Verdict {
	run := JudgeRun(plan, result, nil)
	if proof == nil || failure != nil {
		run.Kind = VerdictUnverified
		return run
	}
	request := plan.Request
	request.Database = plan.Outline.Database
	verdict := JudgeVerification(WholeDatabase(request), proof.Verification, proof.Search)
	verdict.Moved, verdict.Left, verdict.SetAside, verdict.RowsLeft = run.Moved, run.Left, run.SetAside, run.RowsLeft
	verdict.Retirable = proof.Retirable
	isBack := slices.ContainsFunc(proof.Reasons, func(f finding.Finding) bool { return f.Code == finding.GoingBack })
	switch {
	case len(proof.Retirable) > 0 && verdict.Kind == VerdictNeeded:
		verdict.Kind = VerdictOthersLeft
	case len(proof.Retirable) > 0 && verdict.Kind == VerdictNeededElsewhere:
		verdict.Kind = VerdictOthersLeft
	case len(proof.Retirable) > 0:
		verdict.Kind = VerdictProven
	case verdict.Kind == VerdictUnread, verdict.Kind == VerdictNeeded:
	case run.Kind == VerdictUnfinished:
		verdict.Kind = VerdictUnfinished
	case verdict.Kind == VerdictProven && isBack && len(proof.Reasons) == 1:
		verdict.Kind = VerdictBack
	case verdict.Kind == VerdictProven && len(proof.Reasons) > 0:
		verdict.Kind = VerdictNotWhole
	}
	return verdict
}
