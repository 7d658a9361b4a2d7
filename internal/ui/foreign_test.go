package ui_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/internal/visible"
)

// nasty is what somebody could have written into a name: it clears the screen, takes a line back, writes a line of its
// own, turns the reading direction around, and hides what follows. Two bytes are no UTF-8.
const nasty = "x\x1b[2J\x1b[1A\r\ndone. \u202etxt\u200b\u2066\ufeff\u009b31m\x7f\xed\xa0\x80\u3164\U000e0041\x07"

// named writes itself as its text, in the ways that fmt knows.
type named string

func (n named) String() string { return string(n) }

// If this fails, whoever may name a table, an application or a file writes to the operator's terminal what they like.
func TestPrinterCleansWhatOthersWrote(t *testing.T) {
	t.Parallel()
	for _, form := range []bool{false, true} {
		var out, errs bytes.Buffer
		printer := ui.NewPrinter(ui.Streams{Out: &out, Err: &errs}, ui.Options{Verbose: true, JSON: form})
		for _, write := range []func(string, ...any){printer.Line, printer.Note, printer.Warn, printer.Detail} {
			write("%s", nasty)
			write("%v %s %q %+v %-30s|", nasty, errors.New(nasty), nasty, []string{nasty}, named(nasty))
			write("%v %s %v", map[string]string{nasty: nasty}, named(nasty), struct{ Name string }{nasty})
			write("%w", fmt.Errorf("reading %s: %w", nasty, errors.New(nasty)))
			write("%s %d %t %.1f", printer.Paint(ui.Bad, nasty), 7, true, 1.5)
		}
		printer.Heading(nasty)
		printer.Table(ui.Table{Columns: []ui.Column{{Title: "A"}}, Rows: [][]ui.Cell{ui.Row(nasty)}})
		if err := printer.Document("test", map[string]string{"name": nasty}); err != nil {
			t.Fatal(err)
		}
		printer.Fail(&ui.Error{Message: nasty, Hints: []string{nasty}, Cause: errors.New(nasty)})
		for _, written := range []string{out.String(), errs.String()} {
			for _, line := range strings.Split(written, "\n") {
				if at := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsGraphic(r) }); at >= 0 || strings.HasPrefix(line, "done") {
					t.Errorf("at %d of %q", at, line)
				}
			}
		}
		var document struct{ Name string }
		if form && (json.Unmarshal(out.Bytes(), &document) != nil || document.Name != strings.ToValidUTF8(nasty, "\ufffd") && !strings.Contains(document.Name, "\u202etxt\u200b")) {
			t.Errorf("the document does not hold the name: %q", document.Name)
		}
	}
}

// If this fails, a document of one line, or an error as a document, writes to the terminal of whoever reads the log what
// others like, or does not hold their text as it is.
func TestJSONLinesEscapeWhatOthersWrote(t *testing.T) {
	t.Parallel()
	const name = "a\u009b31m\u202eb\u2066\u200bc\ufeff\u2028\u2029\x7f\U000e0041\x1b"
	var out, errs bytes.Buffer
	printer := ui.NewPrinter(ui.Streams{Out: &out, Err: &errs}, ui.Options{JSON: true})
	if err := printer.DocumentLine("test", map[string]string{"name": name}); err != nil {
		t.Fatal(err)
	}
	printer.Fail(&ui.Error{Message: name})
	for _, written := range []string{out.String(), errs.String()} {
		if at := strings.IndexFunc(written, func(r rune) bool { return r != '\n' && !unicode.IsGraphic(r) }); at >= 0 || strings.Count(out.String(), "\n") != 1 {
			t.Errorf("at %d of %q", at, written)
		}
	}
	var document struct{ Name string }
	var failure ui.ErrorDocument
	if err := json.Unmarshal(out.Bytes(), &document); err != nil || document.Name != name {
		t.Errorf("%v, %q", err, document.Name)
	}
	if err := json.Unmarshal(errs.Bytes(), &failure); err != nil || failure.Error.Message != name {
		t.Errorf("%v, %q", err, failure.Error.Message)
	}
}

// If this fails, a text of others fills the screen, and what matters is gone from it.
func TestPrinterCutsWhatIsTooLong(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	ui.NewPrinter(ui.Streams{Out: &out}, ui.Options{}).Line("name %s.", strings.Repeat("ä", 1<<20))
	if out.Len() > 20<<10 || !strings.HasSuffix(out.String(), "bytes more).\n") {
		t.Errorf("%d bytes, ending in %q", out.Len(), out.String()[max(0, out.Len()-40):])
	}
}

// If this fails, a line of ours is broken: its colours or its line breaks are shown as text.
func TestPaintedTextStaysAsItIs(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	printer := ui.NewPrinter(ui.Streams{Out: &out, OutTTY: true, Colour: true}, ui.Options{})
	printer.Line("%s %s", printer.Paint(ui.Good, "done"), ui.Painted(visible.Lines("a\nb\x1b")))
	if got, want := out.String(), "\x1b[32mdone\x1b[0m a\nb\\x1b\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
