package report

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
)

const (
	sarifSchema = "https://json.schemastore.org/sarif-2.1.0.json"
	// sarifRoot is the base of all paths: the root of the repository, as code hosts understand it.
	sarifRoot = "%SRCROOT%"
	// sarifFile stands for what no file configures. Code hosts show no result without a file.
	sarifFile = "ocmt.yaml"
	// sarifLimit is the most characters that GitHub takes as a description of a rule.
	sarifLimit            = 1024
	uncheckedNotification = "could-not-check"
)

// sarifScores are the values of security-severity. GitHub reads over 9.0 as critical, from 7.0 as high,
// from 4.0 as medium, and from 0.1 as low.
var sarifScores = map[audit.Severity]string{audit.Critical: "9.5", audit.High: "8.0", audit.Medium: "5.5", audit.Low: "3.0", audit.Info: "1.0"}

// sarifLevel returns the level of a severity.
func sarifLevel(severity audit.Severity) string {
	switch {
	case severity >= audit.High:
		return "error"
	case severity == audit.Medium:
		return "warning"
	default:
		return "note"
	}
}

// WriteSARIF writes a report as SARIF 2.1.0 with what GitHub and GitLab need: a file for each result,
// fingerprints of its own, and the help of each rule. Version is that of this program; it may be empty.
// What could not be checked are notifications of an invocation that was not successful. Accepted
// findings are suppressed.
func WriteSARIF(w io.Writer, report *audit.Report, version string) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(newSARIF(report, version)); err != nil {
		return fmt.Errorf("writing the SARIF document: %w", err)
	}
	return nil
}

func newSARIF(report *audit.Report, version string) sarifLog {
	run := sarifRun{
		Tool: sarifTool{sarifDriver{Name: "ocmt", FullName: "ocmt audit", Version: version, Notifications: []sarifRule{{
			ID: uncheckedNotification, Short: sarifText{Text: "A check could not look"}, Default: sarifConfiguration{"error"},
			Full: sarifText{Text: "A right is missing, or something does not answer. What was not looked at is no pass."},
		}}}},
		Automation:  sarifAutomation{"ocmt-audit/"},
		Invocations: []sarifInvocation{{Successful: true, End: report.At.UTC().Format(time.RFC3339), Notifications: []sarifNotification{}}},
		Bases:       map[string]sarifBaseURI{sarifRoot: {sarifText{Text: "The root of the repository."}}},
		ColumnKind:  "unicodeCodePoints", Properties: map[string]any{"counts": report.Counts, "failOn": report.FailOn},
		Results: []sarifResult{},
	}
	run.Tool.Driver.Rules = mapAll(report.Results, func(r audit.Result) sarifRule { return newRule(cleanResult(r).Check) })
	invocation := &run.Invocations[0]
	for i, result := range report.Results {
		rule := sarifReference{ID: clean(result.Check.ID), Index: i}
		for _, one := range append(result.Findings[:len(result.Findings):len(result.Findings)], result.Accepted...) {
			run.Results = append(run.Results, newSARIFResult(rule, one))
		}
		for _, gap := range result.Gaps {
			invocation.Successful = false
			invocation.Notifications = append(invocation.Notifications, sarifNotification{
				Descriptor: sarifReference{ID: uncheckedNotification}, Rule: rule, Level: "error",
				Message: sarifText{Text: rule.ID + " could not check " + describeGap(cleanGap(gap))},
			})
		}
	}
	return sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{run}}
}

func newRule(check audit.Check) sarifRule {
	rule := sarifRule{
		ID: check.ID, Short: sarifText{Text: shorten(check.Title)}, Full: sarifText{Text: shorten(check.Title + ": " + strings.TrimSuffix(check.Why, ".") + ".")},
		Help: &sarifText{}, Default: sarifConfiguration{sarifLevel(check.Severity)},
		Properties: &sarifRuleBag{SecuritySeverity: sarifScores[check.Severity], Tags: []string{"security", string(check.Area()), check.Severity.String()}},
	}
	if strings.HasPrefix(check.Source, "https://") {
		rule.HelpURI = check.Source
	}
	var text, markdown []string
	for _, part := range []struct{ name, text string }{
		{"Why it matters", check.Why}, {"What is looked at", check.LooksAt}, {"The right that is needed", check.Right},
		{"What is no fault", check.NotFault}, {"What to do", check.Fix}, {"Source", check.Source},
	} {
		if part.text != "" {
			text = append(text, part.name+": "+part.text)
			markdown = append(markdown, "**"+part.name+"**: "+escapeMarkdown(part.text))
		}
	}
	rule.Help.Text, rule.Help.Markdown = strings.Join(text, "\n"), strings.Join(markdown, "\n\n")
	return rule
}

// newSARIFResult returns the result of a finding, as the check made it: its path is encoded, not cleaned.
func newSARIFResult(rule sarifReference, raw audit.Finding) sarifResult {
	f := cleanFinding(raw)
	result := sarifResult{
		RuleID: rule.ID, RuleIndex: rule.Index, Level: sarifLevel(f.Severity), Message: sarifText{Text: escapeMessage(resultText(f))},
		Locations: []sarifLocation{{
			Physical: sarifPhysical{sarifArtifact{fileURI(raw.File), sarifRoot}, sarifRegion{1, 1, 1, 2}},
			Logical:  []sarifLogical{{Name: f.Cause, QualifiedName: f.Check + "/" + f.Cause, Kind: "resource"}},
		}},
		// GitHub reads primaryLocationLineHash alone, and takes results of one rule and one line for the same without it.
		Fingerprints: map[string]string{"ocmtFinding/v1": f.Digest, "primaryLocationLineHash": f.Digest + ":1"},
		Suppressions: []sarifSuppression{}, Occurrences: max(f.Count, 1),
		Properties: sarifResultBag{SecuritySeverity: sarifScores[f.Severity], Severity: f.Severity.String(), Expected: f.Expected, Actual: f.Actual, Places: f.Places, Objects: f.Objects},
	}
	for _, by := range answers(f) {
		result.Suppressions = append(result.Suppressions, sarifSuppression{
			Kind: "external", Status: "accepted", Justification: fmt.Sprintf("%s (owner: %s; last day: %s)", by.Reason, by.Owner, by.Expires)})
	}
	return result
}

// resultText tells a finding in sentences. Code hosts show the first one as its title.
func resultText(f audit.Finding) string {
	text := describe(f)
	if f.Count > 1 {
		text += fmt.Sprintf(" (%d)", f.Count)
	}
	text += "."
	if f.Expected != "" || f.Actual != "" {
		text += fmt.Sprintf(" Expected: %s. Actual: %s.", f.Expected, f.Actual)
	}
	if len(f.Places) > 0 {
		text += " At: " + strings.Join(f.Places, "; ") + "."
	}
	return text + " What to do: " + f.Fix
}

// escapeMessage escapes what SARIF reads in the text of a message: placeholders such as {0} and embedded
// links such as [text](target) (SARIF 2.1.0, 3.11.5 and 3.11.6).
func escapeMessage(text string) string {
	return strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, "{", "{{", "}", "}}").Replace(text)
}

// markdownMarks are the characters that mean something in GitHub's Markdown.
var markdownMarks = regexp.MustCompile("[\\\\`*_{}\\[\\]<>()#+!|~&@-]")

func escapeMarkdown(text string) string { return markdownMarks.ReplaceAllString(text, `\$0`) }

// shorten returns at most sarifLimit characters of a text.
func shorten(text string) string {
	if runes := []rune(text); len(runes) > sarifLimit {
		return string(runes[:sarifLimit-1]) + "…"
	}
	return text
}

// drive matches the beginning of an absolute path of Windows.
var drive = regexp.MustCompile(`^[A-Za-z]:/`)

// fileURI returns the encoded path of a file relative to the repository. It returns that of sarifFile for
// a path that is empty, absolute, or outside of the repository.
func fileURI(file string) string {
	file = strings.ReplaceAll(file, `\`, "/")
	clean := path.Clean(file)
	if file == "" || path.IsAbs(file) || drive.MatchString(file) || clean == "." || clean == ".." || strings.HasPrefix(clean, "../") {
		return sarifFile
	}
	parts := mapAll(strings.Split(clean, "/"), func(part string) string {
		return strings.ReplaceAll(url.PathEscape(part), ":", "%3A") // a colon would end a scheme
	})
	return strings.Join(parts, "/")
}
