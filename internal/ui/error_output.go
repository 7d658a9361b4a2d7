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
	body := errorBody{Message: err.Error(), Code: code, Kind: code.kind()}
	var reported *Error
	if errors.As(err, &reported) {
		body.Message, body.Next, body.Findings = reported.Message, reported.Hints, reported.Findings
		if reported.Cause != nil {
			body.Why = reported.Cause.Error()
		}
	}
	if p.options.JSON {
		p.writeErrorDocument(body)
	} else {
		p.writeErrorText(body)
	}
	return code
}

func (p *Printer) writeErrorDocument(body errorBody) {
	text, err := EncodeDocument("error", ErrorDocument{Error: body})
	if err != nil { // cannot happen with plain strings; the text form is better than nothing
		p.writeErrorText(body)
		return
	}
	p.writeErrorCode(strings.TrimSuffix(text, "\n"))
}

func (p *Printer) writeErrorText(body errorBody) {
	lines := []string{paint(p.errColour(), Bad, "error:") + " " + Clean(body.Message)}
	if body.Why != "" {
		lines = append(lines, "  "+Clean(body.Why))
	}
	for _, hint := range body.Next {
		lines = append(lines, "  next: "+Clean(hint))
	}
	p.writeErrorLine(strings.Join(lines, "\n"))
}
