package ui

import (
	"errors"
	"strings"
)

// errorDocument is the JSON form of an error, on standard error.
type errorDocument struct {
	Error errorBody `json:"error"`
}

type errorBody struct {
	Message string   `json:"message"`
	Why     string   `json:"why,omitempty"`
	Next    []string `json:"next,omitempty"`
	Code    ExitCode `json:"code"`
	Kind    string   `json:"kind"`
}

// Fail writes an error to standard error and returns its exit code: what went
// wrong, why, and what to do next.
func (p *Printer) Fail(err error) ExitCode {
	code := ExitCodeOf(err)
	body := errorBody{Message: err.Error(), Code: code, Kind: code.word()}
	var told *Error
	if errors.As(err, &told) {
		body.Message, body.Next = told.Message, told.Hints
		if told.Cause != nil {
			body.Why = told.Cause.Error()
		}
	}
	if p.options.JSON {
		p.failDocument(body)
	} else {
		p.failText(body)
	}
	return code
}

func (p *Printer) failDocument(body errorBody) {
	text, err := EncodeDocument("error", errorDocument{Error: body})
	if err != nil { // cannot happen with plain strings; the text form is better than nothing
		p.failText(body)
		return
	}
	p.aside(strings.TrimSuffix(text, "\n"))
}

func (p *Printer) failText(body errorBody) {
	lines := []string{paint(p.errColour(), Bad, "error:") + " " + Clean(body.Message)}
	if body.Why != "" {
		lines = append(lines, "  "+Clean(body.Why))
	}
	for _, hint := range body.Next {
		lines = append(lines, "  next: "+Clean(hint))
	}
	p.aside(strings.Join(lines, "\n"))
}
