package rotation_test

import (
	"errors"
	"testing"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/rotation"
)

// If this fails, the first sentence at the end of a rotation says more than was looked at, and an operator destroys a
// key on it; or it says that something is wrong where nothing is.
func TestVerdictClaimsNoMoreThanItsEvidence(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(*facts)
		want  rotation.VerdictKind
	}{
		"all is proven":                {func(*facts) {}, rotation.VerdictProven},
		"values are under the version": {func(f *facts) { f.verification.Versions[0] = 4 }, rotation.VerdictNeeded},
		"a value does not open":        {func(f *facts) { f.verification.SetAside = 1 }, rotation.VerdictNeeded},
		"rows are left":                {func(f *facts) { f.result.Left = 3 }, rotation.VerdictUnfinished},
		"a transaction has not ended":  {func(f *facts) { f.result.NotEnded = []string{"process 7"} }, rotation.VerdictUnfinished},
		"a table lost its values":      {func(f *facts) { f.verification.Doubts = []finding.Finding{{Code: finding.EmptyTable}} }, rotation.VerdictHidden},
		"a table could not be read":    {func(f *facts) { f.verification.Obstacles = []finding.Finding{{Code: finding.MissingSelect}} }, rotation.VerdictUnread},
		"nothing else was searched":    {func(f *facts) { f.report = nil }, rotation.VerdictNotWhole},
		"a large table was sampled":    {func(f *facts) { f.report.Full, f.report.Sampled = false, []string{"public.log"} }, rotation.VerdictNotWhole},
		"a column that nothing lists":  {func(f *facts) { f.report.Unlisted = []discover.Find{{Opened: 1, OpenedBy: []int{0}}} }, rotation.VerdictNeededElsewhere},
		"a known column opens":         {func(f *facts) { f.report.Known = []discover.Find{{Opened: 1, OpenedBy: []int{0}}} }, rotation.VerdictNeededElsewhere},
		"others are under another key": {func(f *facts) {
			f.verification.Versions[1], f.plan.Outline.Keys = 4, []migrate.KeyFingerprint{{Version: 1}}
		}, rotation.VerdictOthersLeft},
		"and nothing was to be left": {func(f *facts) {
			f.result.Moved, f.verification.Versions[1], f.plan.Outline.Keys = 0, 4, []migrate.KeyFingerprint{{Version: 1}}
		}, rotation.VerdictNeeded},
		"another key is needed unlisted": {func(f *facts) {
			f.plan.Outline.Keys, f.verification.KeyVersions = []migrate.KeyFingerprint{{Version: 1}}, []int{0, 1, 2}
			f.report.Unlisted = []discover.Find{{Opened: 1, OpenedBy: []int{1}}}
		}, rotation.VerdictOthersLeft},
		"the values went back": {func(f *facts) {
			f.plan.Request.From, f.plan.Request.Backwards, f.plan.Request.Configured = nil, true, 3
		}, rotation.VerdictBack},
		"the values went back from one version": {func(f *facts) {
			newer := 3
			f.plan.Request.From, f.plan.Request.Configured, f.plan.Request.AllowDowngrade = &newer, newer, true
		}, rotation.VerdictBack},
		"the values went back, and not all was looked at": {func(f *facts) {
			f.plan.Request.From, f.plan.Request.Backwards, f.plan.Request.Configured, f.report = nil, true, 3, nil
		}, rotation.VerdictNotWhole},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := provenFacts()
			c.spoil(&f)
			proof := &rotation.Proof{Verification: f.verification, Search: f.report}
			proof.Retirable, proof.Reasons = rotation.Decide(f.plan, f.result, f.verification, f.report)
			got := rotation.JudgeProof(f.plan, f.result, proof, nil)
			if got.Kind != c.want {
				t.Errorf("%s, want %s", got.Kind, c.want)
			}
			if keyMayGo := len(proof.Retirable) > 0; keyMayGo != (got.Kind == rotation.VerdictProven || got.Kind == rotation.VerdictOthersLeft) {
				t.Errorf("%s, and key versions %v may go", got.Kind, proof.Retirable)
			}
			if got.IsGood() && got.IsBad() {
				t.Error("good and bad at once")
			}
		})
	}
}

// If this fails, a run that was cut off, or whose proof was, reads as a rotation that is done.
func TestVerdictOfWhatWasCutOff(t *testing.T) {
	t.Parallel()
	f := provenFacts()
	f.plan.Columns = []migrate.ColumnCount{{ByVersion: map[int]int64{0: 30, 1: 5}}}
	failure := errors.New("cut off")
	if got := rotation.JudgeRun(f.plan, f.result, failure); got.Kind != rotation.VerdictStopped || got.Moved != 10 || got.Left != 20 || !got.IsBad() {
		t.Errorf("a run that was cut off: %+v", got)
	}
	if got := rotation.JudgeProof(f.plan, f.result, nil, failure); got.Kind != rotation.VerdictUnverified || !got.IsBad() {
		t.Errorf("a proof that was cut off: %+v", got)
	}
	if got := rotation.JudgeProof(f.plan, f.result, &rotation.Proof{Verification: f.verification, Search: f.report}, failure); got.Kind != rotation.VerdictUnverified {
		t.Errorf("keys that could not be recorded: %+v", got)
	}
	f.plan.Columns[0].ByVersion, f.result.Moved = map[int]int64{1: 5}, 0
	if got := rotation.JudgeRun(f.plan, f.result, nil); got.Kind != rotation.VerdictNoneUnder || got.Under[1] != 5 || got.IsGood() {
		t.Errorf("nothing under the version: %+v", got)
	}
}
