package ui

import (
	"errors"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
)

// ErrorDocument is the JSON form of an error, on standard error.
type ErrorDocument struct {
	Error errorBody `json:"error"`
}

type errorBody struct {
	Message string   `json:"message"`
	Why     string   `json:"why,omitempty"`
	Next    []string `json:"next,omitempty"`
	Code    ExitCode `json:"code"`
	Kind    string   `json:"kind"`
	// Findings carry the codes that a script branches on.
	Findings []finding.Finding `json:"findings,omitempty"`
}

// Fail writes an error to standard error, and returns its exit code. It says what went
// wrong, why, and what to do next.
func (p *Printer) Fail(err error) ExitCode {
	code := ExitCodeOf(err)
	reported := &Error{Message: err.Error()}
	errors.As(err, &reported)
	reported = p.adviseError(p.addLacking(reported))
	if p.options.JSON {
		p.writeErrorDocument(reported, code)
	} else {
		p.writeErrorText(reported)
	}
	return code
}

func (p *Printer) writeErrorDocument(reported *Error, code ExitCode) {
	text, err := EncodeDocument("error", ErrorDocument{Error: errorBody{Message: reported.Message, Why: strings.Join(reported.why(), "; "),
		Next: reported.next(), Code: code, Kind: code.kind(), Findings: reported.Findings}})
	if err != nil { // cannot happen with plain strings; the text form is better than nothing
		p.writeErrorText(reported)
		return
	}
	p.writeErrorCode(strings.TrimSuffix(text, "\n"))
}

// The labels of the parts of an error.
const (
	labelError = "error:"
	labelWhy   = "  why:  "
	labelNext  = "  next: "
)

// writeErrorText writes the form for people: the sentence, a line for each cause and a line for each
// deed. What is to be copied stands on lines of its own below its deed, so that it can be marked and
// pasted whole.
func (p *Printer) writeErrorText(reported *Error) {
	lines := []string{paint(p.errColour(), Bad, labelError) + " " + Clean(reported.Message)}
	for i, cause := range reported.why() {
		lines = append(lines, label(i, labelWhy)+Clean(cause))
	}
	lines = append(lines, grantLines(reported.Missing)...)
	for _, hint := range reported.Hints {
		lines = append(lines, labelNext+Clean(hint))
	}
	p.writeErrorLine(strings.Join(lines, "\n"))
}

// label returns the label on the first line of a part, and as many spaces on the others.
func label(line int, text string) string {
	if line == 0 {
		return text
	}
	return strings.Repeat(" ", len(text))
}
