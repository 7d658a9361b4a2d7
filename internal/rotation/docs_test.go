package rotation_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/rotation"
)

// condition matches a line of the table: its codes, before its test.
var condition = regexp.MustCompile("(?m)^\\|.*\\| ((?:`\\w+`(?:, )?)+) \\| `Test\\w+` \\|$")

// If this fails, docs/proof.md keeps a condition from the operator who must decide about a
// key.
func TestPageListsConditions(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/proof.md")
	if err != nil {
		t.Fatal(err)
	}
	codes := map[finding.Code]bool{}
	for _, line := range condition.FindAllStringSubmatch(string(page), -1) {
		for _, code := range strings.Split(line[1], ", ") {
			codes[finding.Code(strings.Trim(code, "`"))] = true
		}
	}
	for _, code := range reasonCodes() {
		if !codes[code] {
			t.Errorf("docs/proof.md does not name %s, which keeps a key", code)
		}
	}
}

// reasonCodes are the codes of all reasons that the package itself gives.
func reasonCodes() []finding.Code {
	var list []finding.Code
	f := provenFacts()
	f.plan.Request.Backwards, f.plan.Request.Configured = true, 3
	f.result.NotEnded, f.result.SetAside = []string{"x"}, 1
	f.verification.SetAside, f.verification.Mislabelled, f.verification.Narrowed = 2, 1, true
	f.verification.Versions = map[int]int64{0: 1}
	f.report.Full, f.report.Unlisted = false, []discover.Find{{Versions: map[int]int64{0: 1}}}
	for _, left := range []migrate.Result{{Left: 2, Blocked: 2}, {Left: 2}} {
		f.result.Left, f.result.Blocked = left.Left, left.Blocked
		_, reasons := rotation.Decide(f.plan, f.result, f.verification, f.report)
		for _, reason := range reasons {
			list = append(list, reason.Code)
		}
	}
	return append(list, finding.KnownColumnOpens, finding.NotSearched, finding.TooLarge, finding.TooSlow, finding.Locked, finding.Unreadable)
}
