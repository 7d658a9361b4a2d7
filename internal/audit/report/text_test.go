package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"html"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/audit/report"
)

// hostileTexts are texts that others could have put into the name of a table, a role or a file.
var hostileTexts = []string{
	`"><script>alert(1)</script>`, `</style><img src=x onerror=alert(1)>`, `]]></failure><testcase name="faked"/>`, `&lt;b&gt;&#0;`, `{{.Counts}}`,
	`=HYPERLINK("https://example.invalid","x")`, "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", `a","b` + "\r\nfinding,OCMT-ENC-001", `","x":"`, `\`, `'`, "`", "javascript:alert(1)",
	"gnp.\u202egit", "\u2066a\u2069", "a\u200bb", "\x00\x1b[31m\x07\x7f\u0085", "a\u2028b\u2029c\nd", "\xff\xfe", "\ufeff", "\U000e0041", strings.Repeat("x", 5000),
}

// hidden are the characters that must be seen in no form of a report, besides line breaks.
func hidden(r rune) bool { return r != '\n' && !unicode.IsGraphic(r) }

// If this fails, a name that somebody gave a table fakes a row, runs as a formula, or turns what stands
// beside it around.
func TestTextsStayTexts(t *testing.T) {
	t.Parallel()
	for _, text := range hostileTexts {
		checkTexts(t, text)
	}
}

// FuzzTexts looks for a text that breaks out of a form.
func FuzzTexts(f *testing.F) {
	for _, text := range hostileTexts {
		f.Add(text)
	}
	f.Fuzz(checkTexts)
}

func checkTexts(t *testing.T, text string) {
	t.Helper()
	r := hostileReport(text)
	checkJSONTexts(t, r)
	checkXMLTexts(t, r)
	checkCSVTexts(t, r)
	checkHTMLTexts(t, text)
}

// checkSeen fails where a decoded text has a character that is not seen.
func checkSeen(t *testing.T, form, text string) {
	t.Helper()
	if at := strings.IndexFunc(text, hidden); at >= 0 {
		t.Fatalf("%s: %q has a character that is not seen, at %d", form, text, at)
	}
}

func checkJSONTexts(t *testing.T, r *audit.Report) {
	t.Helper()
	document, err := json.Marshal(report.NewDocument(r))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"JSON": document, "SARIF": sarifOf(t, r)} {
		var walk func(any)
		walk = func(value any) {
			switch value := value.(type) {
			case string:
				checkSeen(t, name, value)
			case []any:
				for _, one := range value {
					walk(one)
				}
			case map[string]any:
				for key, one := range value {
					checkSeen(t, name, key)
					walk(one)
				}
			}
		}
		walk(parseJSON(t, text))
	}
	run := readSARIF(t, r).Runs[0]
	if len(run.Results) != 2 || len(run.Invocations[0].ToolExecutionNotifications) != 2 {
		t.Fatalf("SARIF has %d results", len(run.Results))
	}
	if err := checkForCodeHosts(parseJSON(t, sarifOf(t, r))); err != nil {
		t.Fatal(err)
	}
}

func checkXMLTexts(t *testing.T, r *audit.Report) {
	t.Helper()
	root := readJUnit(t, junitOf(t, r))
	if len(root.Suites) != 1 || len(root.Suites[0].Cases) != 4 {
		t.Fatalf("the XML has other cases than the report: %+v", root)
	}
	for _, one := range root.Suites[0].Cases {
		checkSeen(t, "XML", one.Name+one.Output)
		for _, outcome := range slices.Concat(one.Failures, one.Errors, one.Skipped) {
			checkSeen(t, "XML", outcome.Message+outcome.Text)
		}
	}
}

func checkCSVTexts(t *testing.T, r *audit.Report) {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(csvOf(t, r))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 7 { // the header, a finding, two gaps, an accepted one, a pass, one that does not apply
		t.Fatalf("the CSV has %d rows, want 7", len(rows))
	}
	for _, cell := range slices.Concat(rows...) {
		checkSeen(t, "CSV", cell)
		if strings.HasPrefix(cell, "\n") || cell != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(cell)[0]) {
			t.Fatalf("a spreadsheet takes %q for a formula", cell)
		}
	}
}

// tag matches the beginning of a tag or a comment.
var tag = regexp.MustCompile(`<[/!a-zA-Z][^\s>]*`)

// checkHTMLTexts checks that a page has the same tags as one of harmless texts.
func checkHTMLTexts(t *testing.T, text string) {
	t.Helper()
	page := string(htmlOf(t, hostileReport(text), hostileExtras(text)))
	harmless := string(htmlOf(t, hostileReport("x"), hostileExtras("x")))
	if text == "" {
		return // what is empty is left out
	}
	if got, want := tag.FindAllString(page, -1), tag.FindAllString(harmless, -1); !slices.Equal(got, want) {
		t.Fatalf("%q changes the tags of the page", text)
	}
	checkSeen(t, "HTML", html.UnescapeString(page))
}

// junitRoot is what the tests read of JUnit XML. A field of each kind, so that what is not known is seen.
type junitRoot struct {
	XMLName  xml.Name   `xml:"testsuites"`
	Attrs    []xml.Attr `xml:",any,attr"`
	Unknown  []junitAny `xml:",any"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Errors   int        `xml:"errors,attr"`
	Suites   []struct {
		Name       string     `xml:"name,attr"`
		Tests      int        `xml:"tests,attr"`
		Failures   int        `xml:"failures,attr"`
		Errors     int        `xml:"errors,attr"`
		Skipped    int        `xml:"skipped,attr"`
		Timestamp  string     `xml:"timestamp,attr"`
		Attrs      []xml.Attr `xml:",any,attr"`
		Unknown    []junitAny `xml:",any"`
		Properties []struct {
			Name  string `xml:"name,attr"`
			Value string `xml:"value,attr"`
		} `xml:"properties>property"`
		Cases []struct {
			Name     string         `xml:"name,attr"`
			Class    string         `xml:"classname,attr"`
			Attrs    []xml.Attr     `xml:",any,attr"`
			Unknown  []junitAny     `xml:",any"`
			Failures []junitOutcome `xml:"failure"`
			Errors   []junitOutcome `xml:"error"`
			Skipped  []junitOutcome `xml:"skipped"`
			Output   string         `xml:"system-out"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

type junitAny struct{ XMLName xml.Name }

type junitOutcome struct {
	Message string     `xml:"message,attr"`
	Type    string     `xml:"type,attr"`
	Text    string     `xml:",chardata"`
	Unknown []junitAny `xml:",any"`
}

// readJUnit reads JUnit XML, and fails where it has what the Jenkins schema (junit-10.xsd) does not know.
func readJUnit(t *testing.T, text []byte) junitRoot {
	t.Helper()
	decoder := xml.NewDecoder(bytes.NewReader(text))
	var root junitRoot
	if err := decoder.Decode(&root); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	known := func(attrs []xml.Attr, unknown []junitAny, names ...string) {
		t.Helper()
		for _, one := range attrs {
			if !slices.Contains(names, one.Name.Local) {
				t.Fatalf("the attribute %s is not known", one.Name.Local)
			}
		}
		if len(unknown) > 0 {
			t.Fatalf("the element %s is not known there", unknown[0].XMLName.Local)
		}
	}
	known(root.Attrs, root.Unknown, "name")
	for _, suite := range root.Suites {
		known(suite.Attrs, suite.Unknown, "time")
		for _, one := range suite.Cases {
			known(one.Attrs, one.Unknown, "time")
			outcomes := slices.Concat(one.Failures, one.Errors, one.Skipped)
			if one.Name == "" || one.Class == "" || len(outcomes) > 1 {
				t.Fatalf("the case %q of %q has %d outcomes", one.Name, one.Class, len(outcomes))
			}
			for _, outcome := range outcomes {
				known(nil, outcome.Unknown)
			}
		}
	}
	return root
}

// If this fails, a build goes green over a finding, or over what could not be checked.
func TestJUnit(t *testing.T) {
	t.Parallel()
	r := sampleReport()
	root := readJUnit(t, junitOf(t, r))
	if root.Tests != r.Counts.Checks || root.Failures != r.Counts.Found || root.Errors != r.Counts.Unchecked {
		t.Errorf("the root has %d tests, %d failures, %d errors", root.Tests, root.Failures, root.Errors)
	}
	var names []string
	sums := map[string]int{}
	for _, suite := range root.Suites {
		names = append(names, suite.Name)
		if suite.Timestamp != "2027-03-04T09:30:00" {
			t.Errorf("timestamp %s", suite.Timestamp)
		}
		for _, one := range suite.Properties {
			n, _ := strconv.Atoi(one.Value) // fail_on is no number
			sums[one.Name] += n
		}
		failures, errors, skipped := 0, 0, 0
		for _, one := range suite.Cases {
			failures, errors, skipped = failures+len(one.Failures), errors+len(one.Errors), skipped+len(one.Skipped)
		}
		if suite.Tests != len(suite.Cases) || suite.Failures != failures || suite.Errors != errors || suite.Skipped != skipped {
			t.Errorf("the numbers of %s are not those of its cases", suite.Name)
		}
	}
	if want := []string{"encryption", "tokens", "postgresql", "redis", "files", "git", "containers"}; !slices.Equal(names, want) {
		t.Errorf("suites %v, want %v", names, want)
	}
	if sums["findings"] != r.Counts.Findings || sums["accepted"] != r.Counts.Accepted || sums["gaps"] != r.Counts.Gaps || sums["pass"] != r.Counts.Pass {
		t.Errorf("properties %v, want %+v", sums, r.Counts)
	}
	for severity, n := range r.Counts.BySeverity {
		if sums[severity] != n || sums["failing"] != r.Counts.Failing {
			t.Errorf("properties %v, want %d of severity %s and %d failing", sums, n, severity, r.Counts.Failing)
		}
	}
	admin := root.Suites[1].Cases[1]
	if len(admin.Failures) != 1 || !strings.Contains(admin.Failures[0].Text, "could not check public.tenant_admins") || admin.Failures[0].Type != "high" {
		t.Errorf("a check with findings and gaps tells %+v", admin)
	}
}

// If this fails, a spreadsheet has other rows than the report, or loses who answers for a finding.
func TestCSV(t *testing.T) {
	t.Parallel()
	r := sampleReport()
	rows, err := csv.NewReader(bytes.NewReader(csvOf(t, r))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := func(row []string, name string) string { return row[slices.Index(rows[0], name)] }
	kinds := map[string]int{}
	for _, row := range rows[1:] {
		kinds[column(row, "kind")]++
		if column(row, "kind") == "accepted" && (column(row, "owner") != "Mira Okafor" || column(row, "expires") != "2027-06-30" || column(row, "count") != "2" || column(row, "objects") != "0123456789abcdef fedcba9876543210") {
			t.Errorf("accepted: %q", row)
		}
		if column(row, "check") == "OCMT-ENC-005" && (column(row, "fix") != "ocmt rotate --from-version 2" || column(row, "area") != "encryption" || column(row, "severity") != "medium") {
			t.Errorf("finding: %q", row)
		}
	}
	for kind, want := range map[string]int{"finding": r.Counts.Findings, "could_not_check": r.Counts.Gaps, "accepted": r.Counts.Accepted, "pass": r.Counts.Pass, "not_applicable": r.Counts.NotApplicable} {
		if kinds[kind] != want {
			t.Errorf("%d rows of %s, want %d", kinds[kind], kind, want)
		}
	}
}

// If this fails, a script that reads the document meets a null where a list was promised.
func TestDocumentHasNoNull(t *testing.T) {
	t.Parallel()
	empty := newReport(audit.Result{Check: check("OCMT-PG-001", audit.High, "x", "y"), Outcome: audit.Found, Findings: []audit.Finding{{Check: "OCMT-PG-001", Severity: audit.Low}}})
	for name, r := range map[string]*audit.Report{"sample": sampleReport(), "empty": newReport(), "bare": empty} {
		text, err := json.Marshal(report.NewDocument(r))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte("null")) {
			t.Errorf("%s: %s", name, text)
		}
	}
	document := report.NewDocument(sampleReport())
	if document.Verdict != "findings" || document.FailOn != "medium" || document.Results[4].Outcome != audit.Found || len(document.Results[4].Gaps) != 1 {
		t.Errorf("document %+v", document)
	}
	if document.Unused[0].Count != 3 {
		t.Errorf("an entry for three things is told as %+v", document.Unused[0])
	}
	if report.NewDocument(newReport()).Verdict != "clean" {
		t.Error("an audit without findings and gaps is not clean")
	}
}
