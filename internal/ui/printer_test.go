package ui_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/ui"
)

// screen is a pair of buffers as standard output and standard error.
type screen struct{ out, err bytes.Buffer }

// columns is the width of a terminal that is not resized.
func columns(n int) func() int { return func() int { return n } }

func newPrinter(terminal bool, options ui.Options) (*ui.Printer, *screen) {
	s := &screen{}
	return ui.NewPrinter(ui.Streams{
		In: strings.NewReader(""), Out: &s.out, Err: &s.err,
		InTTY: terminal, OutTTY: terminal, ErrTTY: terminal, OutWidth: columns(80), ErrWidth: columns(80), Colour: true,
	}, options), s
}

// TestOutputIsTheResultOnly: a note on standard output breaks the script that
// reads the result.
func TestOutputIsTheResultOnly(t *testing.T) {
	t.Parallel()
	for _, asJSON := range []bool{false, true} {
		p, s := newPrinter(false, ui.Options{JSON: asJSON, Verbose: true})
		p.Note("note")
		p.Detail("detail")
		p.Warn("careful")
		p.Line("line")
		p.Heading("heading")
		p.Table(ui.Table{Columns: []ui.Column{{Title: "A"}}, Rows: [][]ui.Cell{ui.Row("cell")}})
		if err := p.Document("test", map[string]string{"a": "<b>"}); err != nil {
			t.Fatal(err)
		}
		want := "line\n\nheading\nA\ncell\n"
		if asJSON {
			want = "{\n  \"schema\": \"ocmt/test/v1\",\n  \"a\": \"<b>\"\n}\n"
		}
		if got := s.out.String(); got != want {
			t.Errorf("json %v: standard output %q, want %q", asJSON, got, want)
		}
		if got, want := s.err.String(), "note\ndetail\nwarning: careful\n"; got != want {
			t.Errorf("json %v: standard error %q, want %q", asJSON, got, want)
		}
	}
}

// TestQuiet: a cron job that is quiet must still say what is wrong.
func TestQuiet(t *testing.T) {
	t.Parallel()
	p, s := newPrinter(false, ui.Options{Quiet: true})
	p.Note("note")
	p.Detail("detail")
	p.Warn("careful")
	if got, want := s.err.String(), "warning: careful\n"; got != want {
		t.Errorf("standard error %q, want %q", got, want)
	}
}

// TestDocumentForms: without a schema, a reader cannot distinguish the document from
// that of another release.
func TestDocumentForms(t *testing.T) {
	t.Parallel()
	text, err := ui.EncodeDocument("x", struct{}{})
	if err != nil || !json.Valid([]byte(text)) || !strings.Contains(text, "ocmt/x/v1") {
		t.Errorf("empty document: %q, %v", text, err)
	}
	if _, err := ui.EncodeDocument("x", []int{1}); err == nil {
		t.Error("a list was taken for a document")
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// TestLostResult: a key that was made and never reached the disk must not be
// reported as made.
func TestLostResult(t *testing.T) {
	t.Parallel()
	p := ui.NewPrinter(ui.Streams{Out: fullDisk{}, Err: &bytes.Buffer{}}, ui.Options{})
	p.Line("result")
	if p.Err() == nil {
		t.Error("the failed write is forgotten")
	}
}

// TestExitCodes: scripts branch on the code.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	partial := &ui.Error{Message: "m", Code: ui.ExitPartial}
	for _, test := range []struct {
		err  error
		want ui.ExitCode
	}{
		{nil, 0},
		{errors.New("x"), 1},
		{partial, 4},
		{fmt.Errorf("doing: %w", partial), 4},
		{&ui.Error{Message: "outer", Cause: partial}, 4},
		{&ui.Error{Message: "outer", Code: ui.ExitRefused, Cause: partial}, 5},
		{&ui.Error{Message: "outer", Cause: ui.ErrInterrupted}, 130},
		{&ui.Error{Message: "outer", Code: ui.ExitPartial, Cause: context.Canceled}, 4},
		{fmt.Errorf("x: %w", ui.ErrInterrupted), 130},
		{context.Canceled, 130},
		{context.DeadlineExceeded, 1},
	} {
		if got := ui.ExitCodeOf(test.err); got != test.want {
			t.Errorf("%v: code %d, want %d", test.err, got, test.want)
		}
	}
}

// TestFail: the operator must read what failed, why, and what to do next. A script must
// read the same as JSON. Text from a database must not steer the terminal.
func TestFail(t *testing.T) {
	t.Parallel()
	failure := &ui.Error{Message: "it broke\x1b[2J", Cause: errors.New("because"), Hints: []string{"do this", "or that"}, Code: ui.ExitFound}
	p, s := newPrinter(false, ui.Options{})
	if code := p.Fail(failure); code != ui.ExitFound {
		t.Errorf("code %d", code)
	}
	want := "error: it broke\\x1b[2J\n  why:  because\n  next: do this\n  next: or that\n"
	if got := s.err.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	p, s = newPrinter(false, ui.Options{JSON: true})
	p.Fail(failure)
	var document struct {
		Schema string
		Error  struct {
			Message, Why, Kind string
			Next               []string
			Code               int
		}
	}
	if err := json.Unmarshal(s.err.Bytes(), &document); err != nil {
		t.Fatal(err)
	}
	if e := document.Error; document.Schema != "ocmt/error/v1" || e.Code != 3 || e.Kind != "found" || e.Why != "because" || len(e.Next) != 2 {
		t.Errorf("document %+v", document)
	}
	if s.out.Len() > 0 {
		t.Error("an error is on standard output")
	}
}

// TestTable: an operator misreads two rows that look the same because they were cut, or a
// line that wraps. A pipe must get everything.
func TestTable(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 60) + "END"
	table := ui.Table{
		Columns: []ui.Column{{Title: "KEY", Flexible: true}, {Title: "REASON"}, {Title: "ROWS", Right: true}},
		Rows:    [][]ui.Cell{ui.Row(long, "tag too short to be trusted", "1,234"), ui.Row("évil\x1b[1m\n", "x", "1")},
	}
	p, s := newPrinter(true, ui.Options{NoColour: true})
	p.Table(table)
	for _, line := range strings.Split(s.out.String(), "\n") {
		if n := len([]rune(line)); n > 80 {
			t.Errorf("%d columns: %q", n, line)
		}
	}
	if !strings.Contains(s.out.String(), "END") || strings.Contains(s.out.String(), "\x1b") {
		t.Errorf("cut end or raw control character:\n%q", s.out.String())
	}
	p, s = newPrinter(false, ui.Options{})
	p.Table(table)
	if !strings.Contains(s.out.String(), long) {
		t.Error("a table in a pipe was cut")
	}
}

// TestNarrowTable: two columns of one table that are cut to the same text cannot be
// distinguished.
func TestNarrowTable(t *testing.T) {
	t.Parallel()
	table := ui.Table{Columns: []ui.Column{{Title: "COLUMN", Flexible: true}, {Title: "VALUES"}, {Title: "MORE"}}}
	for _, name := range []string{"access_token", "refresh_token", "api_key"} {
		table.Rows = append(table.Rows, ui.Row("user_integrations."+name+"_encrypted", "1", strings.Repeat("-", 50)))
	}
	p, s := newPrinter(true, ui.Options{NoColour: true})
	p.Table(table)
	seen := map[string]bool{}
	for line := range strings.Lines(s.out.String()) {
		if strings.Contains(line, "user_") && seen[line] {
			t.Errorf("two rows read %q", line)
		}
		seen[line] = true
	}
}

// TestColour: escape codes in a log file or under NO_COLOR are noise.
func TestColour(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		terminal, noColour, want bool
	}{{true, false, true}, {true, true, false}, {false, false, false}} {
		p, s := newPrinter(test.terminal, ui.Options{NoColour: test.noColour})
		p.Line("%s", p.Paint(ui.Bad, "x"))
		p.Warn("y")
		if got := strings.Contains(s.out.String()+s.err.String(), "\x1b["); got != test.want {
			t.Errorf("%+v: colour %v", test, got)
		}
	}
}

// TestWords: numbers and times are what an operator decides by.
func TestWords(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ got, want string }{
		{ui.Number(0), "0"}, {ui.Number(999), "999"}, {ui.Number(1000), "1,000"}, {ui.Number(-1234567), "-1,234,567"},
		{ui.Count(1, "row", "rows"), "1 row"}, {ui.Count(0, "row", "rows"), "0 rows"},
		{ui.Duration(400 * time.Millisecond), "0.4 s"}, {ui.Duration(59900 * time.Millisecond), "1 min 0 s"},
		{ui.Duration(200 * time.Second), "3 min 20 s"}, {ui.Duration(125 * time.Minute), "2 h 5 min"},
		{ui.Duration(3599900 * time.Millisecond), "1 h 0 min"},
		{ui.Clean("a\tb\u202e"), `a\x09b\u202e`}, {ui.Clean("straße 漢"), "straße 漢"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}
