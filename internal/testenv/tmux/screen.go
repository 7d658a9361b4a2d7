// Package tmux runs a program on a terminal of tmux, types into it, and reads what an operator would see.
package tmux

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Rows is the height of each terminal: that of a serial console.
const Rows = 24

const (
	// patience is how long a busy machine may take to show something.
	patience = 2 * time.Minute
	// pollInterval is the time between two looks at the screen.
	pollInterval = 10 * time.Millisecond
)

// Program is what runs on a terminal.
type Program struct {
	Args    []string
	Environ []string // all of it; TERM is set for the program alone
	Dir     string   // where it runs; "" for the folder of the test
	Term    string   // TERM; "" for a terminal with 256 colours
	Columns int      // the width at the start
}

// Screen is a terminal with a program on it. It ends with the test.
type Screen struct {
	t   testing.TB
	dir string // holds the socket, the code that the program ended with, and the bytes that it wrote
}

// wrapper runs the program when the test is ready to record its bytes, keeps its exit status, and keeps the terminal.
const wrapper = `trap : INT
tmux -S "$dir/tmux" wait-for start
env TERM="$term" "$@"
code=$?
echo $code >"$dir/part"
mv "$dir/part" "$dir/code"
while :; do tmux -S "$dir/tmux" wait-for end || exit; done`

// Open starts a program on a new terminal. Without tmux the test is skipped, and fails where CI is true.
func Open(t testing.TB, program Program) *Screen {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("tmux is not installed: nothing would be seen on a terminal")
		}
		t.Skip("tmux is not installed: nothing was seen on a terminal")
	}
	dir, err := os.MkdirTemp("", "ocmt-screen") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	s := &Screen{t: t, dir: dir}
	t.Cleanup(func() {
		_ = s.command("kill-server").Run()
		_ = os.RemoveAll(dir)
	})
	term := program.Term
	if term == "" {
		term = "xterm-256color"
	}
	args := append([]string{"-f", "/dev/null", "new-session", "-d", "-x", strconv.Itoa(program.Columns), "-y", strconv.Itoa(Rows),
		"sh", "-c", wrapper, "sh"}, program.Args...)
	start := s.command(args...)
	start.Dir = program.Dir
	start.Env = append(append([]string{}, program.Environ...), "dir="+dir, "term="+term)
	if out, err := start.CombinedOutput(); err != nil {
		t.Fatalf("starting tmux: %v: %s", err, out)
	}
	s.tmux("pipe-pane", "cat >'"+filepath.Join(dir, "bytes")+"'")
	s.tmux("wait-for", "-S", "start")
	return s
}

func (s *Screen) command(args ...string) *exec.Cmd {
	return exec.Command("tmux", append([]string{"-u", "-S", filepath.Join(s.dir, "tmux")}, args...)...)
}

func (s *Screen) tmux(args ...string) string {
	s.t.Helper()
	out, err := s.command(args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("tmux %q: %v: %s", args, err, out)
	}
	return string(out)
}

// Send types keys, by the names that tmux has for them: "Enter", "C-c".
func (s *Screen) Send(keys ...string) {
	s.t.Helper()
	s.tmux(append([]string{"send-keys"}, keys...)...)
}

// Resize gives the window another width.
func (s *Screen) Resize(columns int) {
	s.t.Helper()
	s.tmux("resize-window", "-x", strconv.Itoa(columns), "-y", strconv.Itoa(Rows))
}

// Text returns what is and was on the screen, without what is empty at its end. A line that was wider than the
// terminal is one line.
func (s *Screen) Text() string {
	s.t.Helper()
	return tidy(s.tmux("capture-pane", "-p", "-J", "-S", "-"))
}

// Colours returns the same with the colour sequences.
func (s *Screen) Colours() string {
	s.t.Helper()
	return tidy(s.tmux("capture-pane", "-p", "-J", "-e", "-S", "-"))
}

// tidy takes away what is empty at the ends of the lines and of the text.
func tidy(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// Wait returns the text of the screen once it is as wanted.
func (s *Screen) Wait(what string, wanted func(string) bool) string {
	s.t.Helper()
	text := ""
	s.poll(func() string { return what + " is not seen:\n" + text }, func() bool {
		text = s.Text()
		return wanted(text)
	})
	return text
}

// WaitFor returns the text of the screen once a part is on it.
func (s *Screen) WaitFor(part string) string {
	s.t.Helper()
	return s.Wait(fmt.Sprintf("%q", part), func(text string) bool { return strings.Contains(text, part) })
}

// End waits for the end of the program and returns its exit status.
func (s *Screen) End() (code int) {
	s.t.Helper()
	s.poll(func() string { return "the program does not end:\n" + s.Text() }, func() bool {
		text, err := os.ReadFile(filepath.Join(s.dir, "code"))
		if errors.Is(err, fs.ErrNotExist) {
			return false
		}
		if code, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil {
			s.t.Fatal(err)
		}
		return true
	})
	return code
}

// Bytes returns what the program has written to the terminal, once a part is among it.
func (s *Screen) Bytes(part string) string {
	s.t.Helper()
	text := ""
	s.poll(func() string { return fmt.Sprintf("%q is not among the bytes: %q", part, text) }, func() bool {
		read, err := os.ReadFile(filepath.Join(s.dir, "bytes"))
		text = string(read)
		return err == nil && strings.Contains(text, part)
	})
	return text
}

func (s *Screen) poll(failure func() string, so func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(pollInterval) {
		if time.Now().After(deadline) {
			s.t.Fatal(failure())
		}
	}
}
