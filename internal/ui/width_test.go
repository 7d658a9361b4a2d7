package ui_test

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/ui"
)

// If this fails, a table with a name in another script or with an emoji is out of line, or a colour takes room.
func TestColumnsOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"": 0, "abc": 3, "日本": 4, "e\u0301a\u0308": 2, "👍": 2, "👩\u200d🚀": 2, "🇩🇪": 2, "straße": 6, "한국": 4, "…": 1, "–": 1,
		"\x1b[31merror:\x1b[0m 日": 9, "\x1b[1m": 0,
	} {
		if got := ui.ColumnsOf(text); got != want {
			t.Errorf("%q takes %d columns, want %d", text, got, want)
		}
	}
}

// If this fails, a line runs over the edge of the terminal, half a character is shown, or colour runs on behind a cut.
func TestClipAndCut(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text      string
		columns   int
		clip, cut string
	}{
		{"abcdef", 6, "abcdef", "abcdef"},
		{"abcdef", 4, "abc…", "a…ef"},
		{"日本語日本語", 7, "日本語…", "日…本語"},
		{"日本語日本語", 6, "日本…", "日…語"},
		{"e\u0301e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301…", "e\u0301…e\u0301"},
		{"abc", 1, "…", "…"},
		{"abc", 0, "", ""},
	} {
		if got := ui.Clip(test.text, test.columns); got != test.clip {
			t.Errorf("clip %q to %d: %q, want %q", test.text, test.columns, got, test.clip)
		}
		if got := strings.ReplaceAll(ui.Cut(test.text, test.columns), " ", ""); got != test.cut {
			t.Errorf("cut %q to %d: %q, want %q", test.text, test.columns, got, test.cut)
		}
	}
	if got, want := ui.Clip("\x1b[31mred text\x1b[0m", 4), "\x1b[31mred…\x1b[0m"; got != want {
		t.Errorf("clip in colour: %q, want %q", got, want)
	}
}

// words are what random texts are made of: other scripts, marks, emoji, and nothing wider than ten columns.
var words = []string{"a", "key", "rotation", "日本", "한국어", "e\u0301tat", "👍", "🇩🇪", "values,", "user_1", "(ocmt)"}

func randomText(random *rand.Rand) string {
	parts := make([]string, 1+random.IntN(20))
	for i := range parts {
		parts[i] = words[random.IntN(len(words))]
	}
	return strings.Join(parts, " ")
}

var colours = regexp.MustCompile("\x1b\\[[0-9]*m")

// If this fails, a sentence runs over the edge of the terminal, a word is broken or lost, or a path, a key or an address
// cannot be copied.
func TestWrap(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		text, columns, hang := randomText(random), 14+random.IntN(90), random.IntN(4)
		lines := ui.Wrap(text, columns, hang)
		for i, line := range lines {
			if n := ui.ColumnsOf(line); n > columns {
				t.Fatalf("%q in %d columns has a line of %d: %q", text, columns, n, line)
			}
			if i > 0 && len(line)-len(strings.TrimLeft(line, " ")) != hang {
				t.Fatalf("%q in %d columns: line %q is not indented by %d", text, columns, line, hang)
			}
			if strings.HasSuffix(line, " ") {
				t.Fatalf("%q ends with a space", line)
			}
		}
		if got := strings.Fields(strings.Join(lines, "\n")); strings.Join(got, " ") != text {
			t.Fatalf("%q became %q", text, lines)
		}
		painted := strings.ReplaceAll(text, "key", "\x1b[31mkey\x1b[0m")
		if got := colours.ReplaceAllString(strings.Join(ui.Wrap(painted, columns, hang), "\n"), ""); got != strings.Join(lines, "\n") {
			t.Fatalf("colour changes the lines of %q:\n%s", text, got)
		}
	}
	path := "/srv/" + strings.Repeat("long/", 30)
	if got := ui.Wrap("the file "+path+" is not there", 40, 2); len(got) != 3 || got[1] != "  "+path {
		t.Errorf("a long path is broken: %q", got)
	}
}

// If this fails, a command that an operator copies out of a sentence has a line end in it.
func TestCommandsStayWhole(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"ocmt migrate status", "ocmt rotate agent-token --agent-store STORE --yes", "ocmt rotate --from-version 0", "ocmt version",
		"--store /srv/.env", "--from-version 0", "ocmt rotate begin --store=/srv/.env"} {
		for columns := 45; columns < 90; columns++ {
			text := strings.Join(ui.Wrap("it is the word of an operator that he uses "+command+" and then he looks at what it has to say", columns, 2), "\n")
			if !strings.Contains(text, command) {
				t.Errorf("in %d columns:\n%s", columns, text)
			}
		}
	}
	if got := ui.Wrap("add --yes if it is what you want, or leave it", 20, 2); len(got) != 3 {
		t.Errorf("got %q", got)
	}
}

// If this fails, a number stands at the end of a line and its unit at the beginning of the next, or a day and its time.
func TestFiguresStayWhole(t *testing.T) {
	t.Parallel()
	for _, figure := range []string{"(3.1 s),", "(3 min 20 s);", "27 Nov 20:14 UTC.", "3 Mar 2025 20:14 UTC", "250 / 640", "10 rows/s", "version 12", "1 MiB"} {
		for columns := 30; columns < 90; columns++ {
			text := strings.Join(ui.Wrap("it is the word of an operator that he has seen "+figure+" and that it was so", columns, 2), "\n")
			if !strings.Contains(text, figure) {
				t.Errorf("in %d columns:\n%s", columns, text)
			}
		}
	}
	if got := ui.Wrap("there may be 2 of them", 14, 2); len(got) != 2 || got[0] != "there may be 2" {
		t.Errorf("got %q", got)
	}
}

// If this fails, sentences run over the edge of the terminal, a pipe gets broken lines, or a command that an operator
// copies has line ends in it.
func TestProse(t *testing.T) {
	t.Parallel()
	sentence := "  " + strings.TrimSpace(strings.Repeat("word ", 40))
	for _, terminal := range []bool{true, false} {
		p, s := newPrinter(terminal, ui.Options{Verbose: true, NoColour: true})
		p.Line("%s", sentence)
		p.Note("%s", sentence)
		p.Detail("%s", sentence)
		p.Warn("%s", sentence)
		p.Fail(&ui.Error{Message: strings.TrimSpace(sentence), Hints: []string{sentence}})
		for line := range strings.Lines(s.out.String() + s.err.String()) {
			if n := len(strings.TrimSuffix(line, "\n")); terminal == (n > 80) {
				t.Errorf("terminal %v: a line of %d columns: %q", terminal, n, line)
			}
		}
		if terminal && !strings.Contains(s.out.String(), "\n    word") {
			t.Errorf("no hanging indent:\n%s", s.out.String())
		}
		p, s = newPrinter(terminal, ui.Options{})
		p.Code("%s", sentence)
		p.NoteCode("%s", sentence)
		p.Line("%s", ui.Unbroken(sentence))
		if got, want := s.out.String()+s.err.String(), strings.Repeat(sentence+"\n", 3); got != want {
			t.Errorf("terminal %v: code became %q", terminal, got)
		}
	}
}

// If this fails, a label's text goes on under the label, where it is taken for another label.
func TestLabels(t *testing.T) {
	t.Parallel()
	p, s := newPrinter(true, ui.Options{NoColour: true})
	p.Line("    expected  %s", strings.TrimSpace(strings.Repeat("word ", 20)))
	lines := strings.Split(s.out.String(), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[1], strings.Repeat(" ", 14)+"word") {
		t.Errorf("got %q", lines)
	}
}

// If this fails, a document that a script reads has line ends of a terminal in its texts.
func TestDocumentsAreNotWrapped(t *testing.T) {
	t.Parallel()
	p, s := newPrinter(true, ui.Options{JSON: true})
	long := strings.TrimSpace(strings.Repeat("word ", 40))
	if err := p.Document("x", map[string]string{"text": long}); err != nil {
		t.Fatal(err)
	}
	p.Fail(&ui.Error{Message: long})
	for _, text := range []string{s.out.String(), s.err.String()} {
		if !strings.Contains(text, long) {
			t.Errorf("got %s", text)
		}
	}
}
