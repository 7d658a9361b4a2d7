package cli_test

import (
	"strings"
	"testing"
)

// If this fails, the new key stands where nobody asked for it: on the terminal
// though it went into a file, or in a log of errors.
func TestKeygenShowsItsKeyOnlyWhereAsked(t *testing.T) {
	t.Parallel()
	l := newLeakTest(t)
	for _, test := range []struct {
		args string
		file string
	}{
		{args: "encryption"},
		{args: "encryption --verbose --format env --key-version 3"},
		{args: "encryption --verbose --output json"},
		{args: "encryption --format json"},
		{args: "encryption --verbose --out key", file: "key"},
		{args: "encryption --verbose --out key --force --format env", file: "key"},
		{args: "encryption --verbose --out key --output json", file: "key"},
		{args: "encryption --quiet --out key --format json", file: "key"},
		{args: "agent-token --verbose --format docker --setting AUTH_TOKEN"},
		{args: "agent-token --verbose --out key --format docker", file: "key"},
		{args: "csrf-secret --verbose --out key --count 3", file: "key"},
	} {
		l.dir = t.TempDir()
		if strings.Contains(test.args, "--force") {
			l.write(t, "key", "another")
		}
		p := l.start(t, l.environ(), append([]string{"keygen"}, strings.Fields(test.args)...)...)
		lines, _ := watchArguments(p)
		if p.code != 0 {
			t.Errorf("keygen %s: exit code %d", test.args, p.code)
		}
		files := l.files(t)
		asked := p.out.String()
		if test.file != "" {
			asked = files["/"+test.file]
		}
		made := needles{}
		made.add("the new key", longestHex(asked))
		if len(made) == 0 {
			t.Errorf("keygen %s: there is no key where it was asked for", test.args)
		}
		look := func(place, text string) {
			for _, found := range made.in(text) {
				t.Errorf("keygen %s: %s holds %s", test.args, place, found)
			}
			for _, found := range l.find(text) {
				t.Errorf("keygen %s: %s holds %s", test.args, place, found)
			}
		}
		look("standard error", p.errors.String())
		look("the process list", strings.Join(lines, " "))
		if test.file != "" {
			look("standard output", p.out.String())
		}
		for name, text := range files {
			if name != "/"+test.file {
				look("the file "+name, text)
			}
		}
	}
}

// longestHex returns the key in what keygen wrote, or nothing.
func longestHex(text string) (longest string) {
	for _, run := range strings.FieldsFunc(text, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) }) {
		if len(run) == 64 {
			longest = run
		}
	}
	return longest
}
