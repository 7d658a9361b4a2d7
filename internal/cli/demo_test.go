package cli_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/cli"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/internal/ui"
)

var (
	demoVerdict = regexp.MustCompile(`(?m)^Done\. [1-9][\d,]* values open with the new key alone; the servers wrote [1-9][\d,]* values meanwhile and lost none\.$`)
	demoServer  = regexp.MustCompile(`/\S+/ocmt-pg-\w+`)
	demoNext    = regexp.MustCompile(`(?ms)^next, to rotate it by hand:\n(.*)\z`)
)

// If this fails, a newcomer who follows the last lines of the demo cannot rotate by hand, or has
// servers on the machine that nothing ends.
func TestDemoKept(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ocmt", "demo", "--keep", "--users", "300").Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, command := range []string{"\n$ ocmt status\n", "\n$ ocmt rotate --from-version 0 --yes\n", "\n$ ocmt migrate verify\n"} {
		if !bytes.Contains(out, []byte(command)) {
			t.Errorf("the command %q was not shown", command)
		}
	}
	if !bytes.Contains(out, []byte("; 4 other connections at work.")) || !bytes.Contains(out, []byte("do not count the same number")) {
		t.Errorf("the plan does not see the servers that go on writing, or nothing says why the counts differ:\n%s", out)
	}
	next := demoNext.FindSubmatch(out)
	if !demoVerdict.Match(out) || next == nil {
		t.Fatalf("there is no verdict, or nothing to type next:\n%s", out)
	}
	lines := strings.Fields(string(next[1]))
	file, folder := filepath.Join(lines[1], ".env"), lines[len(lines)-1]
	t.Cleanup(func() { _ = testenv.EndKept(context.WithoutCancel(ctx), folder) })
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the settings are not in a file of mode 0600: %v", err)
	}
	server := demoServer.Find(out)
	sessions := "ocmt session-invalidate list --user user7@example.org"
	if !bytes.Contains(out, []byte(sessions)) {
		t.Errorf("nothing says what else there is to try:\n%s", out)
	}
	answered := strings.ReplaceAll(string(next[1]), "ocmt rotate", "ocmt --yes rotate") // a newcomer is asked
	answered = strings.Replace(answered, "cd -", sessions+"\ncd -", 1)
	typed := exec.CommandContext(ctx, "bash", "-ec", answered)
	typed.Dir = t.TempDir()
	said, err := typed.CombinedOutput()
	if err != nil || !strings.Contains(string(said), "values open with the new key alone.") ||
		!strings.Contains(string(said), "Moved ") || !strings.Contains(string(said), "Version 1 is the only key in use") || !strings.Contains(string(said), "Firefox/128.0") || !strings.Contains(string(said), "The servers of the demo have ended") {
		t.Errorf("typing what it says: %v\n%s", err, said)
	}
	checkGone(t, folder, string(server))
	again := exec.CommandContext(ctx, "ocmt", "demo", "--stop", folder)
	if said, err := again.CombinedOutput(); again.ProcessState.ExitCode() != 2 {
		t.Errorf("ending what has ended: %v, want status 2\n%s", err, said)
	}
}

// If this fails, a newcomer who presses Ctrl-C has a PostgreSQL on the machine that nobody asked for.
func TestDemoInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	folder := t.TempDir()
	var out, complaints testenv.Output
	command := exec.CommandContext(ctx, "ocmt", "demo", "--users", "20000")
	command.Env = append(os.Environ(), "TMPDIR="+folder)
	command.Stdout, command.Stderr = &out, &complaints
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the rotation to begin", func() bool { return strings.Contains(out.String(), "$ ocmt rotate") })
	if err := command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); command.ProcessState.ExitCode() != 130 {
		t.Errorf("it ended with %v, want status 130\n%s%s", err, &out, &complaints)
	}
	if !strings.Contains(complaints.String(), "its servers are gone, with their data") {
		t.Errorf("it does not say what has become of the servers:\n%s", &complaints)
	}
	if strings.Contains(complaints.String(), "next:") {
		t.Errorf("it says how to go on, where nothing is left to go on with:\n%s", &complaints)
	}
	checkGone(t, demoServer.FindString(out.String()))
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("it has left %v (%v)", left, err)
	}
}

// If this fails, a newcomer who has built ocmt, and not installed it, types what the demo says is next, and the shell finds no
// such command.
func TestDemoNamesItsProgramAsTheShellFindsIt(t *testing.T) {
	t.Parallel()
	var out, complaints testenv.Output
	deps := cli.SystemDeps("test", 0)
	deps.Streams = ui.Streams{In: strings.NewReader(""), Out: &out, Err: &complaints}
	deps.Harden, deps.Program = nil, func() string { return "bin/ocmt" }
	code := cli.Main(t.Context(), []string{"demo", "--users", "60"}, deps)
	if said := out.String(); code != 0 || !strings.Contains(said, "\nnext: bin/ocmt demo --keep ") || !strings.Contains(said, "\nnext: bin/ocmt help ") {
		t.Errorf("status %d\n%s%s", code, said, &complaints)
	}
}

// If this fails, a newcomer whose shell finds no programs reads one line with codes in it, and not what is missing.
func TestDemoSaysInLinesWhatOtherProgramsSay(t *testing.T) {
	t.Parallel()
	var complaints bytes.Buffer
	command := exec.CommandContext(t.Context(), "ocmt", "demo")
	command.Env = []string{"PATH="}
	command.Stderr = &complaints
	if err := command.Run(); err == nil || command.ProcessState.ExitCode() != 1 {
		t.Fatalf("it ended with %v, want status 1\n%s", err, &complaints)
	}
	said := complaints.String()
	if !strings.Contains(said, "mktemp") || strings.Contains(said, `\x`) {
		t.Errorf("it says:\n%s", said)
	}
}

// checkGone checks that nothing is left of folders, which must have been named.
func checkGone(t *testing.T, folders ...string) {
	t.Helper()
	for _, folder := range folders {
		if _, err := os.Lstat(folder); folder == "" || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("folder %q: %v, want it gone", folder, err)
		}
	}
}
