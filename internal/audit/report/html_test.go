package report_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/audit/report"
)

// shot is a picture of a page that the browser is to take.
type shot struct {
	Page   string `json:"page"`
	Scheme string `json:"scheme"`
	File   string `json:"file"`
}

// pageSeen is what the browser saw of a page. testdata/browse.mjs writes it.
type pageSeen struct {
	Requests, Errors []string
	Axe              map[string]struct {
		Passes     int
		Violations []string
	}
	Wide                   []string
	Verdict                string
	Counts, Rows           map[string]int
	Scripts, Handlers      int
	Styled, Ran            bool
	Folded, Printed        []bool
	WithoutScript, Stopped int
	Left                   int
}

// findChromium returns the program of the browser. It fails the test where there is none.
func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("no Chromium was found: install it: apt-get install chromium, dnf install chromium, brew install --cask chromium")
	return ""
}

// browse opens pages in headless Chromium.
func browse(t *testing.T, pages [][]byte, shots ...shot) []pageSeen {
	t.Helper()
	folder := t.TempDir()
	playwrightPackage.unpack(t, folder)
	axePackage.unpack(t, folder)
	script, err := os.ReadFile("testdata/browse.mjs")
	if err != nil {
		t.Fatal(err)
	}
	// Node looks for packages beside the script.
	run := filepath.Join(folder, "browse.mjs")
	if err := os.WriteFile(run, script, 0o600); err != nil {
		t.Fatal(err)
	}
	files := make([]string, len(pages))
	for i, page := range pages {
		files[i] = filepath.Join(folder, string(rune('a'+i))+".html")
		if err := os.WriteFile(files[i], page, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := range shots {
		shots[i].Page = files[0]
	}
	visited := files
	if len(shots) > 0 {
		visited = []string{}
	}
	order, err := json.Marshal(map[string]any{"chromium": findChromium(t), "axe": filepath.Join(folder, "node_modules", "axe-core", "axe.min.js"), "pages": visited, "shots": slices.Clip(append([]shot{}, shots...))})
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "node", run, string(order))
	command.Dir = folder
	var complaint strings.Builder
	command.Stderr = &complaint
	output, err := command.Output()
	if err != nil {
		t.Fatalf("browsing: %v\n%s", err, complaint.String())
	}
	var seen []pageSeen
	if err := json.Unmarshal(output, &seen); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return seen
}

// If this fails, the page shows other numbers than the JSON, tells somebody else that it was opened,
// or cannot be read by everybody: in the dark, on a telephone, on paper, or with a screen reader.
func TestPageInBrowser(t *testing.T) {
	t.Parallel()
	hostile := `"><script src="https://example.invalid/a.js"></script><img src="https://example.invalid/x.png" onerror=alert(1)></style></title></svg>{{.}}` + "\u202e\x00\x1b[31m"
	reports := []struct {
		name string
		page []byte
		json report.Document
	}{
		{"sample", htmlOf(t, sampleReport(), sampleExtras()), report.NewDocument(sampleReport())},
		{"hostile", htmlOf(t, hostileReport(hostile), hostileExtras(hostile)), report.NewDocument(hostileReport(hostile))},
		{"empty", htmlOf(t, newReport(), report.Extras{}), report.NewDocument(newReport())},
	}
	var pages [][]byte
	for _, one := range reports {
		pages = append(pages, one.page)
	}
	for i, seen := range browse(t, pages) {
		one := reports[i]
		t.Run(one.name, func(t *testing.T) {
			checkQuiet(t, seen)
			checkReadable(t, seen)
			checkNumbers(t, seen, one.json)
		})
	}
}

// checkQuiet checks that a page asks for nothing, and that its policy would stop it.
func checkQuiet(t *testing.T, seen pageSeen) {
	t.Helper()
	if len(seen.Requests) > 0 || len(seen.Errors) > 0 || seen.Scripts > 0 || seen.Handlers > 0 {
		t.Errorf("requests %v, errors %v, %d elements that load or run, %d handlers", seen.Requests, seen.Errors, seen.Scripts, seen.Handlers)
	}
	if seen.Ran || seen.Left > 0 || seen.Stopped < 2 {
		t.Errorf("the policy stopped %d of 2; a script ran: %v, requests left: %d", seen.Stopped, seen.Ran, seen.Left)
	}
	if !seen.Styled {
		t.Error("the policy stops the style of the page itself")
	}
}

func checkReadable(t *testing.T, seen pageSeen) {
	t.Helper()
	if len(seen.Axe) != 4 {
		t.Errorf("axe looked at %d forms of the page, want light and dark, wide and narrow", len(seen.Axe))
	}
	for form, result := range seen.Axe {
		if result.Passes < 20 || len(result.Violations) > 0 {
			t.Errorf("%s: axe passes %d rules and finds %s", form, result.Passes, strings.Join(result.Violations, "\n"))
		}
	}
	if len(seen.Wide) > 0 {
		t.Errorf("at 360 px: %s", strings.Join(seen.Wide, "\n"))
	}
	if slices.Contains(seen.Folded, true) || slices.Contains(seen.Printed, false) {
		t.Errorf("on the screen these are open: %v; in print these: %v", seen.Folded, seen.Printed)
	}
}

func checkNumbers(t *testing.T, seen pageSeen, document report.Document) {
	t.Helper()
	counts := document.Counts
	want := map[string]int{"checks": counts.Checks, "pass": counts.Pass, "finding": counts.Found, "could_not_check": counts.Unchecked, "not_applicable": counts.NotApplicable,
		"findings": counts.Findings, "accepted": counts.Accepted, "gaps": counts.Gaps, "failing": counts.Failing}
	for severity, n := range counts.BySeverity {
		want[severity] = n
	}
	for name, n := range want {
		if got, there := seen.Counts[name]; got != n || !there {
			t.Errorf("%s is %d (there: %v), and %d in the JSON", name, got, there, n)
		}
	}
	rows := map[string]int{".input": len(document.Inputs), ".found": counts.Findings, ".gap": counts.Gaps, ".accepted-by": counts.Accepted,
		".passed": counts.Pass, ".inapplicable": counts.NotApplicable, "figure": 3}
	for name, n := range rows {
		if seen.Rows[name] != n {
			t.Errorf("%d of %s are shown, and the JSON has %d", seen.Rows[name], name, n)
		}
	}
	if seen.WithoutScript != counts.Findings || seen.Verdict != document.Verdict {
		t.Errorf("without script %d findings, want %d; verdict %s, want %s", seen.WithoutScript, counts.Findings, seen.Verdict, document.Verdict)
	}
}

// TestScreenshots writes the pictures of docs where OCMT_SCREENSHOTS is set.
func TestScreenshots(t *testing.T) {
	if os.Getenv("OCMT_SCREENSHOTS") == "" {
		t.Skip("OCMT_SCREENSHOTS is not set: the pictures of docs stay as they are")
	}
	docs, err := filepath.Abs("../../../docs")
	if err != nil {
		t.Fatal(err)
	}
	light, dark := filepath.Join(docs, "audit-report-light.png"), filepath.Join(docs, "audit-report-dark.png")
	browse(t, [][]byte{htmlOf(t, sampleReport(), sampleExtras())}, shot{Scheme: "light", File: light}, shot{Scheme: "dark", File: dark})
	for _, file := range []string{light, dark} {
		if about, err := os.Stat(file); err != nil || about.Size() > 300<<10 {
			t.Errorf("%s: %v; it must have at most 300 KiB", file, err)
		}
	}
}
