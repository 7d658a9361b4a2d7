package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/ocmt/ocmt/internal/audit"
)

// junitSuites is the root of the XML.
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

// junitSuite is an area.
type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

// junitCase is a check. At most one of Failure, Error and Skipped is set: readers disagree about more.
type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitOutcome `xml:"failure"`
	Error   *junitOutcome `xml:"error"`
	Skipped *junitOutcome `xml:"skipped"`
	Output  string        `xml:"system-out,omitempty"`
}

type junitOutcome struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// junitTime is how JUnit writes a time; it is in UTC here.
const junitTime = "2006-01-02T15:04:05"

// WriteJUnit writes a report as JUnit XML: a suite for each area, a case for each check. A finding is a
// failure, what could not be checked is an error, and a check that does not apply is skipped. A check
// with findings and gaps is a failure that names both.
func WriteJUnit(w io.Writer, report *audit.Report) error {
	r := cleanReport(report)
	root := junitSuites{Name: "ocmt audit", Tests: r.Counts.Checks, Failures: r.Counts.Found, Errors: r.Counts.Unchecked}
	for _, area := range audit.Areas() {
		if suite := newSuite(r, area); suite.Tests > 0 {
			root.Suites = append(root.Suites, suite)
		}
	}
	text, err := xml.MarshalIndent(root, "", "  ")
	if err != nil {
		return fmt.Errorf("making the JUnit XML: %w", err)
	}
	if _, err := fmt.Fprintf(w, "%s%s\n", xml.Header, text); err != nil {
		return fmt.Errorf("writing the JUnit XML: %w", err)
	}
	return nil
}

// newSuite returns the suite of an area. It has no tests where no check of the area was asked.
func newSuite(r *audit.Report, area audit.Area) junitSuite {
	suite := junitSuite{Name: string(area), Time: "0", Timestamp: r.At.UTC().Format(junitTime)}
	var findings, accepted, gaps, failing int
	bySeverity := map[audit.Severity]int{}
	for _, result := range r.Results {
		if result.Check.Area() != area {
			continue
		}
		suite.Tests++
		findings, accepted, gaps = findings+len(result.Findings), accepted+len(result.Accepted), gaps+len(result.Gaps)
		for _, one := range result.Findings {
			bySeverity[one.Severity]++
			if one.Severity >= r.FailOn {
				failing++
			}
		}
		switch result.Outcome {
		case audit.Found:
			suite.Failures++
		case audit.Unchecked:
			suite.Errors++
		case audit.NotApplicable:
			suite.Skipped++
		}
		suite.Cases = append(suite.Cases, newCase(result, area))
	}
	suite.Properties = []junitProperty{
		{"findings", strconv.Itoa(findings)}, {"accepted", strconv.Itoa(accepted)}, {"gaps", strconv.Itoa(gaps)},
		{"pass", strconv.Itoa(suite.Tests - suite.Failures - suite.Errors - suite.Skipped)}, {"fail_on", r.FailOn.String()}, {"failing", strconv.Itoa(failing)},
	}
	for _, severity := range audit.Severities() {
		suite.Properties = append(suite.Properties, junitProperty{severity.String(), strconv.Itoa(bySeverity[severity])})
	}
	return suite
}

func newCase(r audit.Result, area audit.Area) junitCase {
	made := junitCase{Name: r.Check.ID + " " + r.Check.Title, Class: "ocmt.audit." + string(area), Time: "0"}
	var lines []string
	for _, one := range r.Findings {
		lines = append(lines, findingLines(one)...)
	}
	for _, one := range r.Gaps {
		lines = append(lines, "could not check "+describeGap(one))
	}
	text := strings.Join(lines, "\n")
	switch r.Outcome {
	case audit.Found:
		made.Failure = &junitOutcome{Message: first(mapAll(r.Findings, describe)), Type: first(mapAll(r.Findings, severityName)), Text: text}
	case audit.Unchecked:
		made.Error = &junitOutcome{Message: "could not check " + first(mapAll(r.Gaps, describeGap)), Type: string(audit.Unchecked), Text: text}
	case audit.NotApplicable:
		made.Skipped = &junitOutcome{Message: "not applicable: " + r.Absent}
	}
	var told []string
	if r.Looked != "" {
		told = append(told, "looked at "+r.Looked)
	}
	for _, one := range r.Accepted {
		for _, by := range answers(one) {
			told = append(told, fmt.Sprintf("accepted: %s (%s; %s; until %s)", describe(one), by.Reason, by.Owner, by.Expires))
		}
	}
	made.Output = strings.Join(told, "\n")
	return made
}

// findingLines tells a finding: what is wrong, the evidence, the places and the deed.
func findingLines(f audit.Finding) []string {
	lines := []string{fmt.Sprintf("%s: %s (%d)", f.Severity, describe(f), f.Count)}
	if f.Expected != "" || f.Actual != "" {
		lines = append(lines, "  expected: "+f.Expected, "  actual: "+f.Actual)
	}
	for _, place := range f.Places {
		lines = append(lines, "  at: "+place)
	}
	return append(lines, "  fix: "+f.Fix, "  digest: "+f.Digest)
}

func severityName(f audit.Finding) string { return f.Severity.String() }

// first returns the first text of a list; "" for none.
func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
