package cli_test

import (
	"os"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/cli"
	"github.com/ocmt/ocmt/internal/ui"
)

// runHere runs a command in this process, and looks for secrets in what it writes. What is refused before it does
// anything is run so, each flag with a wrong value and the rest in one of the two forms: there are thousands of these
// runs, and a process for each takes minutes.
func (l *leakTest) runHere(t *testing.T, where string, s situation, args []string) {
	t.Helper()
	l.dir = t.TempDir()
	for name, text := range s.files {
		l.write(t, name, text)
	}
	before := l.files(t)
	var out, diagnostics strings.Builder
	deps := cli.SystemDeps("test", 0)
	deps.Streams = ui.Streams{In: strings.NewReader(""), Out: &out, Err: &diagnostics}
	deps.Environ, deps.Dir, deps.Harden = l.environ(s.environ...), l.dir, nil
	deps.Notify = func(chan<- os.Signal) func() { return func() {} }
	code := cli.Main(t.Context(), args, deps)

	for name, text := range l.written(t, before) {
		t.Errorf("%s: the file %s was written, and holds %q", where, name, l.find(text))
	}
	if found := l.find(out.String() + diagnostics.String()); len(found) > 0 {
		t.Errorf("%s: the output holds %s", where, strings.Join(found, ", "))
	} else if code != int(ui.ExitUsage) {
		t.Errorf("%s: exit code %d: it is not refused\n%s%s", where, code, &out, &diagnostics)
	}
}
