package audit_test

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
)

// silent is a Reporter that says nothing.
type silent struct{}

func (silent) Checking(string, int, int) {}

// servers are endpoints without TLS, which answer as they are told.
type servers struct {
	names  []string
	status map[string]int
	err    error
	// wrongOnly says that no token is refused, and a wrong one is let in.
	wrongOnly bool
}

func (s servers) Endpoints() (list []audit.Endpoint) {
	for _, name := range s.names {
		list = append(list, audit.Endpoint{Component: "admin-ui", Address: "http://" + name})
	}
	return list
}

func (servers) HasToken(string) bool { return false }
func (servers) SendsTokens() bool    { return false }

func (s servers) Ask(_ context.Context, endpoint audit.Endpoint, _ audit.Probe, credential audit.Credential) (audit.Answer, error) {
	if s.wrongOnly && credential == audit.NoToken {
		return audit.Answer{Status: 401}, s.err
	}
	return audit.Answer{Status: s.status[strings.TrimPrefix(endpoint.Address, "http://")]}, s.err
}

func (servers) Shake(context.Context, audit.Endpoint) (audit.Handshake, error) {
	return audit.Handshake{}, errors.New("no TLS")
}

func (servers) Reach(context.Context, audit.Endpoint) ([]string, bool, error) { return nil, true, nil }

var today = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// asked asks END-001, and END-006, of some servers.
func asked(t *testing.T, baseline *audit.Baseline, s servers) *audit.Report {
	t.Helper()
	report, err := audit.Run(context.Background(), &audit.Sources{Endpoints: audit.Available[audit.EndpointSource](s)},
		audit.Request{Only: []string{"END-001", "LIF-006"}, Baseline: baseline, Now: today}, silent{})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// outcome returns the outcome of a check.
func outcome(report *audit.Report, id string) audit.Outcome {
	at := slices.IndexFunc(report.Results, func(r audit.Result) bool { return r.Check.ID == id })
	if at < 0 {
		return "not asked"
	}
	return report.Results[at].Outcome
}

// accepting returns a baseline that accepts what a report found.
func accepting(t *testing.T, report *audit.Report, until time.Time) *audit.Baseline {
	t.Helper()
	var none *audit.Baseline
	text, err := none.Accept(report, "ops@example.org", "moves in March", until)
	if err != nil {
		t.Fatal(err)
	}
	baseline, err := audit.ParseBaseline(text)
	if err != nil {
		t.Fatalf("what was written does not read: %v\n%s", err, text)
	}
	return baseline
}

// If this fails, a check that could not look counts as passed, and CI stays green over an open door.
func TestUncheckedIsNoPass(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		servers servers
		want    audit.Outcome
		verdict audit.Verdict
	}{
		{"refused", servers{names: []string{"a"}, status: map[string]int{"a": 401}}, audit.Pass, audit.Clean},
		{"open", servers{names: []string{"a"}, status: map[string]int{"a": 200}}, audit.Found, audit.HasFindings},
		{"busy", servers{names: []string{"a"}, status: map[string]int{"a": 429}}, audit.Unchecked, audit.HasGaps},
		{"one busy beside an open one", servers{names: []string{"a", "b"}, status: map[string]int{"a": 429, "b": 200}}, audit.Found, audit.HasFindings},
		{"failing", servers{names: []string{"a"}, err: errors.New("the cable is cut")}, audit.Unchecked, audit.HasGaps},
		{"none", servers{}, audit.NotApplicable, audit.Clean},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			report := asked(t, nil, c.servers)
			if got := outcome(report, "OCMT-END-001"); got != c.want || report.Verdict() != c.verdict {
				t.Errorf("%s, verdict %d; want %s, %d", got, report.Verdict(), c.want, c.verdict)
			}
			counts := report.Counts
			if counts.Pass+counts.Found+counts.Unchecked+counts.NotApplicable != counts.Checks {
				t.Errorf("the counts do not add up: %+v", counts)
			}
		})
	}
}

// order is a tracker of what is asked when.
type order struct {
	servers
	gone *bool
	t    *testing.T
}

func (o order) Ask(ctx context.Context, endpoint audit.Endpoint, probe audit.Probe, credential audit.Credential) (audit.Answer, error) {
	if !*o.gone {
		o.t.Error("a server is asked while the snapshot of the database is open")
	}
	return o.servers.Ask(ctx, endpoint, probe, credential)
}

// If this fails, a server that does not answer keeps the snapshot of the database open, and with it everybody who
// wants to alter a table, and the servers behind them.
func TestDatabaseIsLetGo(t *testing.T) {
	t.Parallel()
	gone, times := false, 0
	source := order{servers{names: []string{"a"}, status: map[string]int{"a": 401}}, &gone, t}
	_, err := audit.Run(context.Background(), &audit.Sources{Endpoints: audit.Available[audit.EndpointSource](source), LetGoOfDatabase: func() { gone, times = true, times+1 }},
		audit.Request{Now: today}, silent{})
	if err != nil || times != 1 {
		t.Errorf("%d times, %v", times, err)
	}
}

// If this fails, a source that does not answer looks like one that is not there.
func TestSources(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		source audit.Source[audit.EndpointSource]
		want   audit.Outcome
	}{
		"absent":   {audit.Absent[audit.EndpointSource]("no endpoint was named"), audit.NotApplicable},
		"left out": {audit.Source[audit.EndpointSource]{}, audit.NotApplicable},
		"silent":   {audit.Unanswered[audit.EndpointSource](audit.Gap{What: "endpoints", Reason: "the network is down"}), audit.Unchecked},
	} {
		report, err := audit.Run(context.Background(), &audit.Sources{Endpoints: c.source}, audit.Request{Only: []string{"endpoints"}, Now: today}, silent{})
		if err != nil {
			t.Fatal(err)
		}
		for _, result := range report.Results {
			if result.Outcome != c.want || c.want == audit.NotApplicable && result.Absent == "" {
				t.Errorf("%s: %s is %s (%q); want %s", name, result.Check.ID, result.Outcome, result.Absent, c.want)
			}
		}
	}
}

// If this fails, one accepted door hides the next one that is opened, or an acceptance never ends.
func TestBaseline(t *testing.T) {
	t.Parallel()
	open := func(names ...string) servers {
		status := map[string]int{}
		for _, name := range names {
			status[name] = 200
		}
		return servers{names: names, status: status}
	}
	first := asked(t, nil, open("a"))
	until := today.AddDate(0, 1, 0)
	if report := asked(t, accepting(t, first, until), open("a")); outcome(report, "OCMT-END-001") != audit.Pass || report.Counts.Accepted != 1 || report.Verdict() != audit.Clean {
		t.Errorf("an accepted finding counts: %+v", report.Counts)
	}
	if report := asked(t, accepting(t, first, until), open("a", "b")); report.Counts.Findings != 1 || report.Counts.Accepted != 1 || report.Findings()[0].Cause != "admin-ui http://b /admin/containers" {
		t.Errorf("a new finding beside an accepted one: %+v", report.Findings())
	}
	// One object with more faults than were accepted.
	half := accepting(t, asked(t, nil, servers{names: []string{"a"}, status: map[string]int{"a": 200}, wrongOnly: true}), until)
	if report := asked(t, half, open("a")); outcome(report, "OCMT-END-001") != audit.Found || !strings.Contains(report.Findings()[0].Actual, "1 of 2 are accepted") {
		t.Errorf("a second fault of an accepted object is hidden: %+v", report.Findings())
	}
	if report := asked(t, accepting(t, first, until), servers{names: []string{"a"}, status: map[string]int{"a": 200}, wrongOnly: true}); outcome(report, "OCMT-END-001") != audit.Pass {
		t.Errorf("fewer faults than were accepted count: %+v", report.Findings())
	}
	absent, err := audit.Run(context.Background(), &audit.Sources{}, audit.Request{Only: []string{"END-001", "LIF-006"}, Baseline: accepting(t, first, until), Now: today}, silent{})
	if err != nil || outcome(absent, "OCMT-LIF-006") != audit.Pass || len(absent.Unused) != 0 {
		t.Errorf("the acceptance of a check that does not apply here is told as unused: %v %+v", err, absent.Unused)
	}
	expired := asked(t, accepting(t, first, today.AddDate(0, 0, -1)), open("a"))
	if outcome(expired, "OCMT-END-001") != audit.Found || outcome(expired, "OCMT-LIF-006") != audit.Found {
		t.Errorf("an expired acceptance still counts: %+v", expired.Counts)
	}
	if report := asked(t, accepting(t, first, today), open("a")); outcome(report, "OCMT-END-001") != audit.Pass {
		t.Error("an acceptance does not hold on its last day")
	}
	mended := asked(t, accepting(t, first, until), servers{names: []string{"a"}, status: map[string]int{"a": 401}})
	if outcome(mended, "OCMT-LIF-006") != audit.Found || len(mended.Unused) != 1 {
		t.Errorf("an acceptance that matches nothing is not told: %+v", mended.Counts)
	}
	busy := asked(t, accepting(t, first, until), servers{names: []string{"a"}, status: map[string]int{"a": 429}})
	if outcome(busy, "OCMT-LIF-006") != audit.Pass || len(busy.Unused) != 0 {
		t.Errorf("the acceptance of a check that could not look is told as unused: %+v", busy.Unused)
	}
}

// If this fails, an entry without an owner or an end is taken, or one that is misspelt accepts nothing unseen.
func TestBaselineForm(t *testing.T) {
	t.Parallel()
	entry := "  - id: OCMT-END-001\n    object: 0123456789abcdef\n    owner: me\n    reason: why\n    expires: 2027-01-31\n"
	if _, err := audit.ParseBaseline([]byte("version: 1\naccepted:\n" + entry)); err != nil {
		t.Errorf("a sound baseline: %v", err)
	}
	for name, text := range map[string]string{
		"no owner":        "version: 1\naccepted:\n" + strings.Replace(entry, "    owner: me\n", "", 1),
		"no end":          "version: 1\naccepted:\n" + strings.Replace(entry, "    expires: 2027-01-31\n", "", 1),
		"blank reason":    "version: 1\naccepted:\n" + strings.Replace(entry, "why", "\" \"", 1),
		"no such check":   "version: 1\naccepted:\n" + strings.Replace(entry, "END-001", "END-999", 1),
		"no day":          "version: 1\naccepted:\n" + strings.Replace(entry, "2027-01-31", "soon", 1),
		"object in words": "version: 1\naccepted:\n" + strings.Replace(entry, "0123456789abcdef", "admin-ui", 1),
		"unknown field":   "version: 1\naccepted:\n" + entry + "    note: x\n",
		"twice":           "version: 1\naccepted:\n" + entry + entry,
		"no version":      "accepted:\n" + entry,
		"no YAML":         "{",
	} {
		var wrong *audit.BaselineError
		if _, err := audit.ParseBaseline([]byte(text)); !errors.As(err, &wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if empty, err := audit.ParseBaseline(nil); err != nil || len(empty.Entries()) != 0 {
		t.Errorf("an empty file: %v", err)
	}
}

// If this fails, a file that somebody edited by hand ends the audit with a crash.
func FuzzBaseline(f *testing.F) {
	f.Add([]byte("version: 1\naccepted:\n  - id: OCMT-END-001\n    object: 0123456789abcdef\n    owner: me\n    reason: why\n    expires: 2027-01-31\n"))
	f.Add([]byte("version: 1\naccepted: [{}]"))
	f.Add([]byte("? !!binary x\n- *a"))
	f.Fuzz(func(t *testing.T, text []byte) {
		baseline, err := audit.ParseBaseline(text)
		var wrong *audit.BaselineError
		if err != nil && !errors.As(err, &wrong) {
			t.Fatal(err)
		}
		for _, one := range baseline.Entries() {
			if one.Owner == "" || one.Reason == "" {
				t.Fatalf("an entry without an owner was taken: %+v", one)
			}
		}
	})
}

// If this fails, an operator reads a finding and no deed, a check has no name to be skipped by, or a report
// of today is not comparable with that of last month.
func TestCatalogue(t *testing.T) {
	t.Parallel()
	id := regexp.MustCompile(`^OCMT-(ENC|TOK|PG|RDS|FIL|GIT|DOC|PRC|LOG|END|LIF)-\d{3}$`)
	seen := map[string]bool{}
	for _, check := range audit.Checks() {
		if !id.MatchString(check.ID) || seen[check.ID] || check.Area() == "" {
			t.Errorf("%s: the ID is of no area, or there twice", check.ID)
		}
		seen[check.ID] = true
		for name, text := range map[string]string{"title": check.Title, "why": check.Why, "looks at": check.LooksAt, "right": check.Right, "fix": check.Fix, "no fault": check.NotFault} {
			if strings.TrimSpace(text) == "" && name != "no fault" {
				t.Errorf("%s has no text for %q", check.ID, name)
			}
		}
		if check.Severity < audit.Info || check.Severity > audit.Critical {
			t.Errorf("%s has no severity", check.ID)
		}
		if found, err := audit.Find(strings.ToLower(strings.TrimPrefix(check.ID, "OCMT-"))); err != nil || found.ID != check.ID {
			t.Errorf("%s is not found by its short name", check.ID)
		}
	}
}

// If this fails, --only asks more or less than was named, or a slip asks nothing and passes.
func TestSelect(t *testing.T) {
	t.Parallel()
	count := func(only, skip []string) int {
		checks, skipped, err := audit.Request{Only: only, Skip: skip}.Select()
		if err != nil || len(checks)+len(skipped) != len(audit.Checks()) {
			t.Errorf("%v, %v: %d and %d, %v", only, skip, len(checks), len(skipped), err)
		}
		return len(checks)
	}
	if all := len(audit.Checks()); count(nil, nil) != all || count([]string{"endpoints"}, nil) != 6 || count([]string{"END"}, []string{"OCMT-END-001"}) != 5 || count([]string{"end-002"}, nil) != 1 {
		t.Error("other checks are asked than were named")
	}
	var unknown *audit.UnknownCheckError
	if _, _, err := (audit.Request{Only: []string{"END-01"}}).Select(); !errors.As(err, &unknown) {
		t.Errorf("a check that does not exist: %v", err)
	}
	if _, _, err := (audit.Request{Only: []string{"END-001"}, Skip: []string{"endpoints"}}).Select(); !errors.Is(err, audit.ErrNoCheck) {
		t.Errorf("nothing is left to ask, which would pass: %v", err)
	}
	if _, _, err := (audit.Request{Skip: []string{"postgres"}}).Select(); !errors.As(err, &unknown) {
		t.Errorf("an area that does not exist: %v", err)
	}
}
