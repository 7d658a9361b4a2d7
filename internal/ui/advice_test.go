package ui_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/ui"
)

// withFlag stands for what the command line puts into advice.
func withFlag(text string) string {
	return strings.ReplaceAll(text, "ocmt go", "ocmt go "+ui.Unbroken("--env-file 'a <b>.env'"))
}

const followed = "ocmt go --env-file 'a <b>.env'"

// If this fails, some way of advice to the operator misses the flags that make it right, or what is no advice is
// told otherwise than it is.
func TestEveryAdviceCanBeFollowed(t *testing.T) {
	t.Parallel()
	for _, advise := range []func(string) string{withFlag, nil} {
		p, s := newPrinter(false, ui.Options{Advise: advise})
		p.Line("  next: %s", "ocmt go")
		p.Code("%s", "ocmt go")
		p.Note("next: %s", "ocmt go")
		p.NoteCode("%s", "ocmt go")
		p.Warn("%s says more", "ocmt go")
		p.Heading("ocmt go: heading")
		p.Table(ui.Table{Columns: []ui.Column{{Title: "A"}}, Rows: [][]ui.Cell{ui.Row("ocmt go: cell")},
			Notes: map[int][]ui.Note{0: {{Head: ui.Cell{Text: "next:"}, Text: "ocmt go"}, {Head: ui.Cell{Text: "why:"}, Text: "ocmt go: cause"}}}})
		p.Fail(&ui.Error{Message: "ocmt go: message", Why: "ocmt go: reason", Hints: []string{"ocmt go", "then ocmt go"}})
		shown := s.out.String() + s.err.String()
		want := 8
		if advise == nil {
			want = 0
		}
		if got := strings.Count(shown, followed); got != want {
			t.Errorf("%d of %d commands can be followed:\n%s", got, want, shown)
		}
		if strings.Contains(shown, "\u2007") {
			t.Errorf("a space in a command is none for a shell: %q", shown)
		}
		for _, plain := range []string{"heading", "cell", "cause", "message", "reason"} {
			if !strings.Contains(shown, "ocmt go: "+plain) {
				t.Errorf("the %s is not told as it is:\n%s", plain, shown)
			}
		}
	}
}

// If this fails, a command is broken in two on a narrow screen, and the part that is pasted works on another
// deployment.
func TestAdvisedCommandStaysWhole(t *testing.T) {
	t.Parallel()
	p, s := newPrinter(true, ui.Options{Advise: withFlag})
	sentence := strings.Repeat("word ", 12) + "ocmt go"
	p.Line("%s", sentence)
	p.Fail(&ui.Error{Message: "m", Hints: []string{sentence}})
	p.Table(ui.Table{Columns: []ui.Column{{Title: "A"}}, Rows: [][]ui.Cell{ui.Row("a")}, Notes: map[int][]ui.Note{0: {{Head: ui.Cell{Text: "fix:"}, Text: sentence}}}})
	shown := s.out.String() + s.err.String()
	if got := strings.Count(shown, followed); got != 3 {
		t.Errorf("%d of 3 are whole:\n%s", got, shown)
	}
}

// If this fails, a program that follows a document works on another deployment, or a member that is no advice is
// changed.
func TestDocumentsAdvise(t *testing.T) {
	t.Parallel()
	type step struct {
		Text    string `json:"text"`
		Command string `json:"command"`
	}
	type found struct {
		Message string `json:"message"`
		Fix     string `json:"fix"`
	}
	type document struct {
		Message string   `json:"message"`
		Next    []step   `json:"next"`
		Empty   struct{} `json:"empty"`
		After   string   `json:"after"`
		Found   []found  `json:"found"`
		Grant   string   `json:"grant"`
	}
	given := document{Message: "ocmt go", Next: []step{{"then ocmt go", "ocmt go --now"}}, After: "ocmt go",
		Found: []found{{"ocmt go", "ocmt go"}}, Grant: "ocmt go"}
	for name, write := range map[string]func(*ui.Printer) error{
		"document": func(p *ui.Printer) error { return p.Document("d", given) },
		"line":     func(p *ui.Printer) error { return p.DocumentLine("d", given) },
	} {
		p, s := newPrinter(false, ui.Options{JSON: true, Advise: withFlag})
		if err := write(p); err != nil {
			t.Fatal(err)
		}
		var got document
		if err := json.Unmarshal(s.out.Bytes(), &got); err != nil {
			t.Fatalf("%s: %v in %s", name, err, &s.out)
		}
		if got.Message != "ocmt go" || got.After != "ocmt go" || got.Found[0].Message != "ocmt go" {
			t.Errorf("%s: what is no advice was changed: %s", name, &s.out)
		}
		if got.Next[0].Text != "then "+followed || got.Next[0].Command != followed+" --now" || got.Found[0].Fix != followed || got.Grant != followed {
			t.Errorf("%s: advice cannot be followed: %s", name, &s.out)
		}
	}
	p, s := newPrinter(false, ui.Options{JSON: true, Advise: withFlag})
	failure := &ui.Error{Message: "ocmt go", Hints: []string{"ocmt go"}, Findings: []finding.Finding{{Fix: "ocmt go"}}}
	p.Fail(failure)
	var got struct {
		Error struct {
			Message  string   `json:"message"`
			Next     []string `json:"next"`
			Findings []found  `json:"findings"`
		} `json:"error"`
	}
	if err := json.Unmarshal(s.err.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Error.Message != "ocmt go" || got.Error.Next[0] != followed || got.Error.Findings[0].Fix != followed {
		t.Errorf("an error: %s", &s.err)
	}
	if failure.Hints[0] != "ocmt go" || failure.Findings[0].Fix != "ocmt go" {
		t.Error("the error itself was changed")
	}
}
