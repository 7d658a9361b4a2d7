package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
)

//go:embed page/report.html page/pictures.html page/report.css
var pageFiles embed.FS

// pageTemplate parses the page when the first one is written: no other command waits for it. A fault in it shows
// in each of its tests.
var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{"number": formatNumber}).ParseFS(pageFiles, "page/*.html"))
})

// Extras has what the pictures of a page show besides the report. What is empty is told in words.
type Extras struct {
	Columns []ColumnVersions
	Events  []audit.Event
}

// view is what the template of the page reads. All texts in it are clean.
type view struct {
	*audit.Report

	Policy         string
	Style          template.CSS
	At             string
	AtISO          string
	Version        string
	Verdict        string
	Sentence       string
	Severities     []severityCount
	Gaps           []audit.Result
	Areas          []areaFindings
	Accepted       []findingView
	Passes         []audit.Result
	NotApplicable  []audit.Result
	AreaPicture    barPicture
	VersionPicture barPicture
	Timeline       timeline
}

type severityCount struct {
	Name  string
	Count int
}

// areaFindings are the findings of an area, the worst first.
type areaFindings struct {
	Name     string
	Findings []findingView
}

// findingView is a finding with its check. By is what accepts it.
type findingView struct {
	audit.Finding

	Check audit.Check
	By    []audit.Accepted
}

// WriteHTML writes a report as one page that loads nothing and runs no script. Version is that of this
// program; it may be empty.
func WriteHTML(w io.Writer, report *audit.Report, version string, extras Extras) error {
	page, err := newView(report, version, extras)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := pageTemplate().ExecuteTemplate(&text, "page", page); err != nil {
		return fmt.Errorf("making the page: %w", err)
	}
	if _, err := text.WriteTo(w); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}

func newView(report *audit.Report, version string, extras Extras) (*view, error) {
	style, err := pageFiles.ReadFile("page/report.css")
	if err != nil {
		return nil, fmt.Errorf("reading the style of the page: %w", err)
	}
	r := cleanReport(report)
	v := &view{
		Report: r, Policy: contentPolicy(style), Style: template.CSS(style), //nolint:gosec // it is a file of this package
		At: r.At.UTC().Format("2 January 2006, 15:04 UTC"), AtISO: r.At.UTC().Format(time.RFC3339), Version: clean(version),
		Verdict: verdicts[r.Verdict()], Sentence: verdictSentence(r),
		Areas: groupByArea(r), Gaps: selectResults(r, func(one audit.Result) bool { return len(one.Gaps) > 0 }),
		Passes:        selectResults(r, func(one audit.Result) bool { return one.Outcome == audit.Pass }),
		NotApplicable: selectResults(r, func(one audit.Result) bool { return one.Outcome == audit.NotApplicable }),
		AreaPicture:   drawAreas(r), VersionPicture: drawVersions(extras.Columns), Timeline: drawTimeline(extras.Events, r.At),
	}
	for _, severity := range audit.Severities() {
		v.Severities = append(v.Severities, severityCount{severity.String(), r.Counts.BySeverity[severity.String()]})
	}
	for _, result := range r.Results {
		for _, one := range result.Accepted {
			v.Accepted = append(v.Accepted, findingView{one, result.Check, answers(one)})
		}
	}
	slices.SortStableFunc(v.Accepted, worstFirst)
	return v, nil
}

// contentPolicy returns a Content-Security-Policy that allows the style of the page, and nothing else.
func contentPolicy(style []byte) string {
	sum := sha256.Sum256(style)
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}

// verdictSentence says what an audit comes to.
func verdictSentence(r *audit.Report) string {
	unchecked := countNoun(r.Counts.Gaps, "thing could not be checked", "things could not be checked")
	switch r.Verdict() {
	case audit.HasFindings:
		return fmt.Sprintf("%s of %s severity or worse. %s.", countNoun(r.Counts.Failing, "finding is", "findings are"), r.FailOn, unchecked)
	case audit.HasGaps:
		return fmt.Sprintf("No finding is of %s severity or worse, but %s. That is not a pass.", r.FailOn, unchecked)
	default:
		return fmt.Sprintf("No finding is of %s severity or worse, and every check that applies could look at everything.", r.FailOn)
	}
}

func countNoun[T int | int64](n T, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return formatNumber(n) + " " + many
}

// formatNumber writes a number with a comma between thousands.
func formatNumber(n any) string {
	digits := fmt.Sprint(n)
	for at := len(digits) - 3; at > 0 && digits[at-1] != '-'; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

func selectResults(r *audit.Report, wanted func(audit.Result) bool) (list []audit.Result) {
	for _, one := range r.Results {
		if wanted(one) {
			list = append(list, one)
		}
	}
	return list
}

func worstFirst(a, b findingView) int { return cmp.Compare(b.Severity, a.Severity) }

// groupByArea returns the areas that have findings, the one with the worst first.
func groupByArea(r *audit.Report) []areaFindings {
	var list []areaFindings
	for _, area := range areasOf(r) {
		one := areaFindings{Name: areaName(area)}
		for _, result := range r.Results {
			if result.Check.Area() != area {
				continue
			}
			for _, found := range result.Findings {
				one.Findings = append(one.Findings, findingView{Finding: found, Check: result.Check})
			}
		}
		if len(one.Findings) > 0 {
			slices.SortStableFunc(one.Findings, worstFirst)
			list = append(list, one)
		}
	}
	slices.SortStableFunc(list, func(a, b areaFindings) int { return worstFirst(a.Findings[0], b.Findings[0]) })
	return list
}

// areasOf returns the areas of the results, in the order of the results.
func areasOf(r *audit.Report) (list []audit.Area) {
	for _, result := range r.Results {
		if area := result.Check.Area(); !slices.Contains(list, area) {
			list = append(list, area)
		}
	}
	return list
}

// areaName returns the name of an area for people.
func areaName(area audit.Area) string {
	switch area {
	case audit.PostgreSQL:
		return "PostgreSQL"
	case "":
		return "Other"
	default:
		return strings.ToUpper(string(area[:1])) + string(area[1:])
	}
}
