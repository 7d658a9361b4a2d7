package report

import (
	"time"

	"github.com/ocmt/ocmt/internal/audit"
)

// Document is the JSON document of an audit. No list in it is null.
type Document struct {
	At      time.Time        `json:"at"`      // in UTC
	Verdict string           `json:"verdict"` // "clean", "findings" or "gaps"
	FailOn  string           `json:"fail_on"`
	Counts  audit.Counts     `json:"counts"`
	Inputs  []DocumentInput  `json:"inputs"`
	Results []DocumentResult `json:"results"`
	Skipped []string         `json:"skipped"`
	Unused  []audit.Accepted `json:"unused_accepted"`
}

// DocumentInput is what an audit looked at.
type DocumentInput struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	As     string `json:"as"`
	Absent string `json:"absent,omitempty"`
}

// DocumentResult is what became of one check.
type DocumentResult struct {
	Check         string            `json:"check"`
	Area          string            `json:"area"`
	Title         string            `json:"title"`
	Severity      string            `json:"severity"`
	Outcome       audit.Outcome     `json:"outcome"`
	Looked        string            `json:"looked,omitempty"`
	NotApplicable string            `json:"not_applicable,omitempty"`
	Findings      []DocumentFinding `json:"findings"`
	Accepted      []DocumentFinding `json:"accepted"`
	Gaps          []audit.Gap       `json:"gaps"`
}

// DocumentFinding is one cause with its faults.
type DocumentFinding struct {
	Severity   string           `json:"severity"`
	Cause      string           `json:"cause"`
	Message    string           `json:"message"`
	Expected   string           `json:"expected"`
	Actual     string           `json:"actual"`
	Count      int64            `json:"count"`
	Places     []string         `json:"places"`
	Fix        string           `json:"fix"`
	File       string           `json:"file,omitempty"`
	Digest     string           `json:"digest"`
	Objects    []string         `json:"objects"`
	AcceptedBy []audit.Accepted `json:"accepted_by"`
}

// verdicts are the names of the verdicts in documents.
var verdicts = map[audit.Verdict]string{audit.Clean: "clean", audit.HasFindings: "findings", audit.HasGaps: "gaps"}

// NewDocument returns the JSON document of a report.
func NewDocument(report *audit.Report) Document {
	r := cleanReport(report)
	return Document{
		At: r.At.UTC(), Verdict: verdicts[r.Verdict()], FailOn: r.FailOn.String(), Counts: r.Counts,
		Inputs:  mapAll(r.Inputs, func(i audit.Input) DocumentInput { return DocumentInput(i) }),
		Results: mapAll(r.Results, documentResult), Skipped: r.Skipped, Unused: r.Unused,
	}
}

func documentResult(r audit.Result) DocumentResult {
	return DocumentResult{
		Check: r.Check.ID, Area: string(r.Check.Area()), Title: r.Check.Title, Severity: r.Check.Severity.String(),
		Outcome: r.Outcome, Looked: r.Looked, NotApplicable: r.Absent,
		Findings: mapAll(r.Findings, documentFinding), Accepted: mapAll(r.Accepted, documentFinding), Gaps: r.Gaps,
	}
}

func documentFinding(f audit.Finding) DocumentFinding {
	return DocumentFinding{
		Severity: f.Severity.String(), Cause: f.Cause, Message: f.Message, Expected: f.Expected, Actual: f.Actual, Count: f.Count,
		Places: f.Places, Fix: f.Fix, File: f.File, Digest: f.Digest, Objects: f.Objects, AcceptedBy: f.Accepted,
	}
}
