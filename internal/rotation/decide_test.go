package rotation_test

import (
	"slices"
	"testing"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/rotation"
)

// facts are what Decide decides by. They begin with a run from version 0 to version 2
// that moved everything and was proven.
type facts struct {
	plan         *migrate.Plan
	result       *migrate.Result
	verification *migrate.Verification
	report       *discover.Report
}

func provenFacts() facts {
	from := 0
	return facts{
		plan:         &migrate.Plan{Request: migrate.Request{From: &from, To: 2}, Discovery: &discover.Report{}},
		result:       &migrate.Result{Moved: 10, Rows: 10, Passes: 2},
		verification: &migrate.Verification{Opened: 10, Versions: map[int]int64{}},
		report:       &discover.Report{Full: true},
	}
}

// If this fails, an operator destroys a key that values in the database still need, or
// is not told why it must stay.
func TestDecideNamesNoKeyWithAReason(t *testing.T) {
	t.Parallel()
	doubt := finding.Finding{Code: finding.EmptyTable, Where: "public.secrets"}
	for name, c := range map[string]struct {
		spoil func(*facts)
		code  finding.Code
		where string
	}{
		"rows are left":                            {func(f *facts) { f.result.Left = 3 }, finding.RowsLeft, "run"},
		"rows are locked":                          {func(f *facts) { f.result.Left, f.result.Blocked = 3, 3 }, finding.RowsLocked, "run"},
		"a transaction has not ended":              {func(f *facts) { f.result.NotEnded = []string{"process 7"} }, finding.NotEnded, "run"},
		"the run set a value aside":                {func(f *facts) { f.result.SetAside = 1 }, finding.ValuesSetAside, "run"},
		"a value does not open":                    {func(f *facts) { f.verification.SetAside = 1 }, finding.ValuesNotOpened, "key version 2"},
		"a value is labelled wrongly":              {func(f *facts) { f.verification.SetAside, f.verification.Mislabelled = 1, 1 }, finding.Mislabelled, "key version 2"},
		"values are under a version without a key": {func(f *facts) { f.verification.Versions[1] = 4 }, finding.ValuesUnder, "key version 1"},
		"nothing was under the version, and values are under another": {func(f *facts) {
			f.result.Moved, f.verification.Versions[1] = 0, 4
			f.plan.Outline.Keys = []migrate.KeyFingerprint{{Version: 0}, {Version: 1}, {Version: 2}}
		}, finding.ValuesUnder, "key version 1"},
		"values moved meanwhile": {func(f *facts) {
			f.report.Late = []discover.Find{{Schema: "public", Table: "secrets", Column: "value_encrypted", Opened: 1, OpenedBy: []int{0}}}
		}, finding.MovedMeanwhile, "public.secrets.value_encrypted"},
		"values open with no key that is set": {func(f *facts) {
			f.report.Unlisted = []discover.Find{{Schema: "public", Table: "log", Column: "body", Versions: map[int]int64{2: 1}, Unopened: 1}}
		}, finding.UnlistedColumn, "public.log.body"},
		"a value was sealed twice":     {func(f *facts) { f.verification.SetAside, f.verification.SealedTwice = 1, 1 }, finding.SealedTwice, "key version 2"},
		"values are under the version": {func(f *facts) { f.verification.Versions[0] = 4 }, finding.ValuesUnder, "key version 0"},
		"only a part was looked at":    {func(f *facts) { f.verification.Narrowed = true }, finding.NotWhole, "database"},
		"a table lost its values":      {func(f *facts) { f.verification.Doubts = []finding.Finding{doubt} }, finding.EmptyTable, "public.secrets"},
		"a table could not be read": {func(f *facts) {
			f.verification.Obstacles = []finding.Finding{{Code: finding.MissingSelect, Where: "public.users"}}
		}, finding.MissingSelect, "public.users"},
		"a column listed as known opens": {func(f *facts) {
			f.report.Known = []discover.Find{{Schema: "public", Table: "archive", Column: "body", Opened: 2, OpenedBy: []int{0}}}
		}, finding.KnownColumnOpens, "public.archive.body"},
		"a column listed as known was not tried": {func(f *facts) {
			f.report.Known = []discover.Find{{Schema: "public", Table: "archive", Column: "body", Untried: []int{0}}}
		}, finding.KnownColumnUntried, "public.archive.body"},
		"nothing else was looked through": {func(f *facts) { f.report = nil }, finding.NotSearched, "database"},
		"a large table was sampled":       {func(f *facts) { f.report.Full, f.report.Sampled = false, []string{"public.log"} }, finding.Sampled, "database"},
		"a column could not be searched": {func(f *facts) {
			f.report.Unread = []finding.Finding{{Code: finding.Locked, Severity: finding.Warning, Where: "public.log"}}
		}, finding.Locked, "public.log"},
		"a column that nothing lists opens": {func(f *facts) {
			f.report.Unlisted = []discover.Find{{Schema: "public", Table: "log", Column: "body", Opened: 1, OpenedBy: []int{0}}}
		}, finding.UnlistedColumn, "public.log.body"},
		"a column that nothing lists names it": {func(f *facts) {
			f.report.Unlisted = []discover.Find{{Schema: "public", Table: "log", Column: "body", Versions: map[int]int64{0: 3}}}
		}, finding.UnlistedColumn, "public.log.body"},
		"the search read a standby": {func(f *facts) { f.report.Origins = []discover.Origin{{Standby: true}} }, finding.Standby, "database"},
		"the search read another server": {func(f *facts) {
			f.plan.Outline.Database = migrate.Identity{Name: "a", System: "1"}
			f.report.Origins = []discover.Origin{{Name: "a", System: "1"}, {Name: "a", System: "2"}}
		}, finding.OtherServer, "database"},
		"the run went back": {func(f *facts) {
			f.plan.Request.From, f.plan.Request.Backwards, f.plan.Request.Configured = nil, true, 3
		}, finding.GoingBack, "key version 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := provenFacts()
			c.spoil(&f)
			retirable, reasons := rotation.Decide(f.plan, f.result, f.verification, f.report)
			if len(retirable) > 0 {
				t.Errorf("key versions %v may go", retirable)
			}
			at := slices.IndexFunc(reasons, func(r finding.Finding) bool { return r.Code == c.code && r.Where == c.where })
			if at < 0 {
				t.Fatalf("no reason %s at %s in %+v", c.code, c.where, reasons)
			}
			if reasons[at].Severity == 0 && reasons[at].Code != doubt.Code && reasons[at].Code != finding.MissingSelect {
				t.Errorf("the reason %+v has no severity", reasons[at])
			}
		})
	}
}

// If this fails, an operator who has done everything right keeps a key for ever.
func TestDecideNamesTheKeyThatWasLeft(t *testing.T) {
	t.Parallel()
	f := provenFacts()
	retirable, reasons := rotation.Decide(f.plan, f.result, f.verification, f.report)
	if !slices.Equal(retirable, []int{0}) || len(reasons) > 0 {
		t.Errorf("retirable %v, reasons %+v", retirable, reasons)
	}
}

// If this fails, values under a version that the run was not to leave keep a key that
// they do not need.
func TestDecideLooksAtTheVersionThatWasLeft(t *testing.T) {
	t.Parallel()
	f := provenFacts()
	f.verification.Versions[1] = 5
	f.plan.Outline.Keys = []migrate.KeyFingerprint{{Version: 0}, {Version: 1}, {Version: 2}}
	f.report.Unlisted = []discover.Find{{Column: "body", Versions: map[int]int64{1: 4}, Opened: 4, OpenedBy: []int{1}}}
	f.report.Known = []discover.Find{{Column: "body", Opened: 1, OpenedBy: []int{1}}}
	retirable, reasons := rotation.Decide(f.plan, f.result, f.verification, f.report)
	if !slices.Equal(retirable, []int{0}) || len(reasons) > 0 {
		t.Errorf("retirable %v, reasons %+v", retirable, reasons)
	}
}

// If this fails, a run that leaves every older version names only some of them, or one
// that is still in use.
func TestDecideNamesEveryOlderVersion(t *testing.T) {
	t.Parallel()
	f := provenFacts()
	f.plan.Request.From = nil
	f.plan.Outline.Keys = []migrate.KeyFingerprint{{Version: 0}, {Version: 1}, {Version: 2}, {Version: 3}}
	if retirable, _ := rotation.Decide(f.plan, f.result, f.verification, f.report); !slices.Equal(retirable, []int{0, 1}) {
		t.Errorf("retirable %v", retirable)
	}
	f.verification.Versions[1] = 1
	if retirable, _ := rotation.Decide(f.plan, f.result, f.verification, f.report); len(retirable) > 0 {
		t.Errorf("retirable %v although a value is under version 1", retirable)
	}
}
