package ui

import (
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
)

// GrantAdvice stands above the statements that give what an account lacks.
const GrantAdvice = "paste into psql, as the owner of the tables or a superuser:"

// Lack notes rights that the account lacks, of which the lines before say why they matter. The statements that give
// them, and all others that a command notes, stand in one block at its end: in the error that it ends with, or else
// where EndGrants is called. A DBA gets them in one piece, and each once.
func (p *Printer) Lack(rights ...finding.Right) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lacking = append(p.lacking, rights...)
}

// EndGrants writes the statements that give what was noted, at the end of a command that ends without an error. They go
// to standard error as those of an error do, also with --quiet. In JSON mode it writes nothing: there each document and
// each warning has its own.
func (p *Printer) EndGrants() {
	p.mu.Lock()
	lines := grantLines(p.lacking)
	p.mu.Unlock()
	if len(lines) > 0 && !p.options.JSON {
		p.writeErrorLine(strings.Join(lines, "\n"))
	}
}

// Grants writes the statements that give rights into the result, behind an empty line. In JSON mode, and without rights, it
// writes nothing.
func (p *Printer) Grants(missing []finding.Right) {
	if lines := grantLines(missing); len(lines) > 0 && !p.options.JSON {
		p.writeLine("\n" + strings.Join(lines, "\n"))
	}
}

// addLacking returns an error with what was noted.
func (p *Printer) addLacking(reported *Error) *Error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.lacking) == 0 {
		return reported
	}
	whole := *reported
	whole.Missing = slices.Concat(reported.Missing, p.lacking)
	return &whole
}

// grantLines returns the block with the statements that give rights: each on a line of its own, so that the block can
// be marked and pasted whole.
func grantLines(missing []finding.Right) []string {
	if len(missing) == 0 {
		return nil
	}
	lines := []string{labelNext + GrantAdvice}
	for _, statement := range finding.Grants(missing) {
		lines = append(lines, strings.Repeat(" ", len(labelNext))+Unbroken(Clean(statement)))
	}
	return lines
}
