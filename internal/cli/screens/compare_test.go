package screens_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// update writes the files instead of comparing with them.
var update = flag.Bool("update", false, "write the screens that are seen as the expected ones")

// folder is where the screens lie, seen from this package.
const folder = "../../../testdata/screens"

// changing are the texts that differ from run to run, each with what stands for it. A text of the same length keeps
// the columns of a table.
var changing = []struct {
	form *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`127\.0\.0\.1:\d{4,5}`), "127.0.0.1:54321"},
	{regexp.MustCompile(`127\.0\.0\.1 port \d{4,5}`), "127.0.0.1 port 54321"},
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "6f1c2f0e-59d3-4a8e-9b7a-2d4c8e1f0a35"},
	{regexp.MustCompile(`(becomes|is in place|Version 1, fingerprint) [0-9a-f]{16}`), "$1 403f1e2d3c4b5a69"},
	{regexp.MustCompile(`WAL\s+position\s+[0-9A-F]+/[0-9A-F]+`), "WAL position 0/1A2B3C4"},
	{regexp.MustCompile(`\b(process|backend|pid) \d+`), "$1 4711"},
	{regexp.MustCompile(`pg_terminate_backend\(\d+\)`), "pg_terminate_backend(4711)"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?`), "2026-01-02 03:04"},
	{regexp.MustCompile(`\b\d\d:\d\d:\d\d\b`), "03:04:05"},
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\d\b`), "2026-01-02"},
	{regexp.MustCompile(`(\s)\d\d:\d\d\b`), "${1}03:04"},
	{regexp.MustCompile(`\b\d{1,2} [A-Z][a-z]{2}(\s+)03:04`), "2 Jan${1}03:04"},
	{regexp.MustCompile(`\d+ min \d+ s|\b\d+(\.\d)? s\b`), "1.2 s"},
	{regexp.MustCompile(`Looked at [\d,]+ values in \d+ columns of \d+ tables`), "Looked at 1,472 values in 42 columns of 17 tables"},
	{regexp.MustCompile(`[\d,]+/s`), "20/s"},
	{regexp.MustCompile(`[\d,]+ values/s`), "20 values/s"},
	{regexp.MustCompile(`\d+%`), "39%"},
	{regexp.MustCompile(`\d+ / (640|520)`), "250 / 640"},
	{regexp.MustCompile(`among \d+ rows? in hand`), "among 32 rows in hand"},
	{regexp.MustCompile(`\[=*> *\]`), "[=======>            ]"},
	{regexp.MustCompile(`\b\d+ of 640\b`), "250 of 640"},
}

// normalise replaces what differs from run to run.
func normalise(text string) string {
	for _, one := range changing {
		text = one.form.ReplaceAllString(text, one.with)
	}
	return text
}

// breaking are the texts that decide where a line breaks or is cut, each with what stands for it in a comparison.
var breaking = []struct {
	form *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\s+`), " "},
	// A day stands before the time where it is not today, which a midnight decides.
	{regexp.MustCompile(`\b\d{1,2} [A-Z][a-z]{2} 03:04`), "03:04"},
	// How much has room on a line depends on the digits of a process before it.
	{regexp.MustCompile(`(\(ocmt-server\))[^()…]*…`), "$1…"},
}

// sameScreen compares two screens. Where a text of another length stands for one that changes, lines may break
// elsewhere.
func sameScreen(want, got string) bool {
	want, got = ofBusyMachine.ReplaceAllString(want, ""), ofBusyMachine.ReplaceAllString(got, "")
	return inOneLine(want) == inOneLine(got)
}

// ofBusyMachine matches what is shown only where the machine has much to do: a wait for the lock, and a run that gives way.
var ofBusyMachine = regexp.MustCompile(`(?m)^taking the lock of the database .*\n|  gentle$`)

// inOneLine returns a text without what differs where lines break elsewhere.
func inOneLine(text string) string {
	for _, one := range breaking {
		text = one.form.ReplaceAllString(text, one.with)
	}
	return text
}

// passing matches the plain lines that say what a command is at. A busy machine has more of them.
var passing = regexp.MustCompile(`(?m)^((connecting|planning|trying|verifying|searching|recording|taking|looking|asking|opening|ocmt .*: at work)\b|moving .*(nothing new|no answer) ).*\n`)

// telling are the screens that are about the plain lines of a run at work, each with what these lines must have.
var telling = map[string]string{"progress": "", "log": "", "paused": "", "waiting": "waiting for", "stopping": "waiting for",
	"migrate-status-running": "", "migrate-status-paused": ""}

// plainLines returns a screen without what only a busy machine has: of the lines that say the same of a run at work, one
// is kept, and none where the screen is about something else.
func plainLines(name, text string) string {
	part, tells := telling[name]
	var kept []string
	for _, line := range plain.FindAllString(passing.ReplaceAllString(text, ""), -1) {
		line = strings.TrimPrefix(line, "^C") // the terminal shows what was typed
		last := len(kept) - 1
		switch subject := subjectOf(line); {
		case subject == "":
			kept = append(kept, line)
		case !tells || !strings.Contains(inOneLine(line), part):
		case last < 0 || subjectOf(kept[last]) != subject:
			kept = append(kept, line)
		case strings.Contains(line, " left") || !strings.Contains(kept[last], " left"):
			kept[last] = line
		}
	}
	return strings.Join(kept, "")
}

// plain matches a line, one of a run at work with those that it goes on in.
var plain = regexp.MustCompile(`(?m)^(\^C)?(moving|stopping after)\b.*(\n {8}.*|\n  [a-z0-9].*)*\n?|^.*\n|^.+\z`)

// subjectOf says what a plain line of a run at work is about; "" for another line.
func subjectOf(line string) string {
	switch {
	case strings.HasPrefix(line, "stopping after"):
		return "stopping"
	case !strings.HasPrefix(line, "moving"):
		return ""
	}
	for _, subject := range []string{"paused by", "waiting for"} {
		if strings.Contains(inOneLine(line), subject) {
			return subject
		}
	}
	return "moving"
}

// check compares a screen with its file.
func check(t *testing.T, name, form, text string) {
	t.Helper()
	checkWidth(t, name, form, text)
	if form == piped || form == dumb {
		text = plainLines(name, text)
	}
	text = normalise(text) + "\n"
	path := filepath.Join(folder, name+"."+form+".txt")
	want, err := os.ReadFile(path)
	switch {
	case err == nil && sameScreen(string(want), text):
	case *update:
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	case err != nil:
		t.Error(err)
	default:
		t.Errorf("%s differs; go test ./internal/cli/screens -update writes it. Seen:\n%s\nExpected:\n%s", path, text, want)
	}
}

// copied matches a line that may be wider than the terminal, because an operator copies what is in it.
var copied = regexp.MustCompile(`ocmt |psql |select |grant |://|(^|[\s"])/\S|--`)

// colour matches a colour sequence.
var colour = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// checkWidth looks for lines that the terminal has broken, and for control sequences where there must be none.
func checkWidth(t *testing.T, name, form, text string) {
	t.Helper()
	if form != "80-colour" && strings.ContainsRune(text, '\x1b') {
		t.Errorf("%s.%s has control sequences: %q", name, form, text)
	}
	if !utf8.ValidString(text) {
		t.Errorf("%s.%s is not UTF-8: %q", name, form, text)
	}
	if form == "200" || form == "pipe" {
		return
	}
	for line := range strings.Lines(colour.ReplaceAllString(text, "")) {
		line = strings.TrimRight(line, "\n")
		if width := runewidth.StringWidth(line); width > 80 && !copied.MatchString(line) {
			t.Errorf("%s.%s: a line of %d columns: %s", name, form, width, line)
		}
	}
}
