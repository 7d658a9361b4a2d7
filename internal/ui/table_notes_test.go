package ui_test

import (
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/ui"
)

// If this fails, what mends a row stands under another one, runs over the edge of the terminal, or moves its cursor.
func TestTableNotes(t *testing.T) {
	t.Parallel()
	long := strings.TrimSpace(strings.Repeat("word ", 30))
	table := ui.Table{Columns: []ui.Column{{Title: "A"}}, Rows: [][]ui.Cell{ui.Row("first"), ui.Row("second")},
		Notes: map[int][]ui.Note{0: {{Head: ui.Cell{Text: "error:", Tone: ui.Bad}, Text: "x\x1by"}}, 1: {{Head: ui.Cell{Text: "fix:"}, Text: long}}}}
	p, s := newPrinter(false, ui.Options{})
	p.Table(table)
	if got, want := s.out.String(), "A\nfirst\n       error: x\\x1by\nsecond\n       fix: "+long+"\n"; got != want {
		t.Errorf("in a pipe %q, want %q", got, want)
	}
	p, s = newPrinter(true, ui.Options{})
	p.Table(table)
	if !strings.Contains(s.out.String(), "\x1b[31merror:\x1b[0m x") || strings.Count(s.out.String(), "word") != 30 {
		t.Errorf("on a terminal %q", s.out.String())
	}
	for line := range strings.Lines(s.out.String()) {
		if strings.Contains(line, "word") && len(strings.TrimRight(line, "\n")) > 80 {
			t.Errorf("%d columns: %q", len(line), line)
		}
	}
}
