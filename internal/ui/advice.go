package ui

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
)

// advise returns a text for people whose commands can be followed as they stand.
func (p *Printer) advise(text string) string {
	if p.options.Advise == nil || !strings.Contains(text, "ocmt ") {
		return text
	}
	return p.options.Advise(text)
}

// adviseWhole is advise for a text that is never wrapped.
func (p *Printer) adviseWhole(text string) string {
	advised := p.advise(text)
	if advised == text {
		return text
	}
	return strings.ReplaceAll(advised, unbroken, " ")
}

// adviseError returns an error whose hints and fixes can be followed as they stand. What went wrong, and why, is no
// advice.
func (p *Printer) adviseError(reported *Error) *Error {
	if p.options.Advise == nil {
		return reported
	}
	advised, advise := *reported, p.advise
	if p.options.JSON {
		advise = p.adviseWhole
	}
	advised.Hints, advised.Findings = make([]string, len(reported.Hints)), slices.Clone(reported.Findings)
	for i, hint := range reported.Hints {
		advised.Hints[i] = advise(hint)
	}
	p.adviseFindings(advised.Findings)
	return &advised
}

func (p *Printer) adviseFindings(findings []finding.Finding) {
	for i := range findings {
		findings[i].Fix = p.adviseWhole(findings[i].Fix)
	}
}

// adviseNotes returns the notes of a table with what they advise. Only a fix and what is next are advice.
func (p *Printer) adviseNotes(notes map[int][]Note) map[int][]Note {
	if p.options.Advise == nil {
		return notes
	}
	advised := maps.Clone(notes)
	for row, list := range advised {
		list = slices.Clone(list)
		for i, note := range list {
			if head := strings.TrimSpace(note.Head.Text); head == "fix:" || head == "next:" {
				list[i].Text = p.advise(note.Text)
			}
		}
		advised[row] = list
	}
	return advised
}

// A document is indented, so that each text stands on a line of its own.
var (
	// adviceMember finds the members of a document that are advice.
	adviceMember = regexp.MustCompile(`^ *"(?:fix|grant|command)": (".*"),?$`)
	// adviceItem finds the texts in a list of what is next, and in its steps.
	adviceItem = regexp.MustCompile(`^ *(?:"[a-z_]+": )?(".*"),?$`)
)

// listOfNext begins a list of what is next.
const listOfNext = `"next": [`

// adviseDocument returns a document whose advice can be followed as it stands.
func (p *Printer) adviseDocument(document string) string {
	if p.options.Advise == nil || !strings.Contains(document, "ocmt ") {
		return document
	}
	lines := strings.Split(document, "\n")
	end := "" // of the list of what is next; "" outside of it
	for i, line := range lines {
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		switch {
		case end == "" && line == indent+listOfNext:
			end = indent + "]"
		case end != "" && strings.HasPrefix(line, end):
			end = ""
		case end != "":
			lines[i] = p.adviseMember(line, adviceItem)
		default:
			lines[i] = p.adviseMember(line, adviceMember)
		}
	}
	return strings.Join(lines, "\n")
}

// adviseMember returns a line of a document with its text advised, if it is one that the pattern finds.
func (p *Printer) adviseMember(line string, pattern *regexp.Regexp) string {
	found := pattern.FindStringSubmatchIndex(line)
	if found == nil {
		return line
	}
	var text string
	if err := json.Unmarshal([]byte(line[found[2]:found[3]]), &text); err != nil {
		return line
	}
	advised := p.adviseWhole(text)
	if advised == text {
		return line
	}
	var written strings.Builder
	encoder := json.NewEncoder(&written)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(advised); err != nil {
		return line
	}
	return line[:found[2]] + escapeJSON(strings.TrimSuffix(written.String(), "\n")) + line[found[3]:]
}
