package ui_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/testenv/tmux"
	"github.com/ocmt/ocmt/internal/ui"
)

// sceneName is the variable that makes the test program play a scene on its terminal.
const sceneName = "OCMT_TEST_SCENE"

func TestMain(m *testing.M) {
	if scene := os.Getenv(sceneName); scene != "" {
		playScene(scene, os.Args[1])
		return
	}
	os.Exit(m.Run())
}

// liveText is a live line that takes most of a terminal of 80 columns.
var liveText = "live " + strings.Repeat("work ", 13) + "end"

// playScene plays a scene until there is a file of that name, or until the question is answered.
func playScene(scene, ending string) {
	p := ui.NewPrinter(ui.SystemStreams(os.Environ()), ui.Options{NoColour: true})
	ctx := context.Background()
	switch scene {
	case "live", "still":
		p.Note("one\ntwo\nthree\nfour\nbefore")
		for drawn := false; ; drawn = true {
			if _, err := os.Stat(ending); err == nil {
				break
			}
			if !drawn || scene == "live" {
				p.ShowLive(liveText)
			}
			time.Sleep(5 * time.Millisecond) // the pace of the scene, not a wait for something
		}
		p.ShowLive("")
		p.Note("after")
	case "quiet":
		p.ShowLive("live")
		p.ShowLive("")
		p.Note("quiet")
		waitForFile(ending)
		p.Note("after")
	case "question", "planning":
		if scene == "planning" {
			p.Note("planning\nthe plan")
			waitForFile(ending)
		}
		err := p.Confirm(ctx, ui.Question{Text: "Is this the database whose values are to be moved to the key of version one, all of them?"})
		p.Note("after: %v", err)
	case "secret":
		secret, err := p.ReadSecret(ctx, "Password of the database:")
		p.Note("after: %d %v", len(secret), err)
	}
}

// waitForFile returns when there is such a file.
func waitForFile(name string) {
	for {
		if _, err := os.Stat(name); err == nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// screenOf is a terminal with a shell in it.
type screenOf struct {
	*tmux.Screen
	t      *testing.T
	ending string
}

// openScreen opens a terminal of 80 columns with a shell that plays a scene, with redirections behind it.
func openScreen(t *testing.T, shell, scene string, redirections ...string) *screenOf {
	t.Helper()
	if _, err := exec.LookPath(shell); err != nil {
		t.Skipf("%s is not installed: nothing was seen on a terminal", shell)
	}
	command := map[string][]string{"bash": {"bash", "--norc"}, "dash": {"dash"}}[shell]
	ending := filepath.Join(t.TempDir(), "end")
	s := &screenOf{t: t, ending: ending, Screen: tmux.Open(t, tmux.Program{Args: command, Term: "screen", Columns: 80,
		Environ: append(os.Environ(), "PS1=$ ", "ENV=", "scene="+os.Args[0], "ending="+ending)})}
	s.Wait("a prompt", func(text string) bool { return strings.HasPrefix(text, "$") })
	s.Send("clear; "+sceneName+"="+scene+` "$scene" "$ending" `+strings.Join(redirections, " "), "Enter")
	return s
}

// end lets the scene end.
func (s *screenOf) end() {
	s.t.Helper()
	if err := os.WriteFile(s.ending, nil, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// stop presses Ctrl-Z and waits for the shell.
func (s *screenOf) stop() string {
	s.t.Helper()
	s.Send("C-z")
	return s.Wait("the shell's word", func(text string) bool { return strings.Contains(text, "Stopped") && strings.HasSuffix(text, "$") })
}

// If this fails, a window that is made narrower during a run is full of pieces of the progress line, or what was there
// before is lost.
func TestResizedLiveLine(t *testing.T) {
	t.Parallel()
	s := openScreen(t, "bash", "live")
	s.WaitFor("work end")
	for _, columns := range []int{30, 100, 21, 60, 80} {
		s.Resize(columns)
		want := liveText
		if len(want) > columns-1 {
			want = ui.Clip(want, columns-1)
		}
		s.Wait("a live line that fits", func(text string) bool {
			return strings.HasSuffix(text, "before\n"+want) && strings.Count(text, "live work") == 1
		})
	}
	s.end()
	s.Wait("a clean end", func(text string) bool {
		return strings.HasSuffix(text, "before\nafter\n$") && !strings.Contains(text, "work")
	})
}

// If this fails, Ctrl-Z leaves half of the progress line under the shell's words, or fg shows nothing until the run has
// news.
func TestSuspendedLiveLine(t *testing.T) {
	t.Parallel()
	s := openScreen(t, "bash", "still")
	s.WaitFor("work end")
	if text := s.stop(); strings.Contains(text, "work") || !strings.Contains(text, "\nbefore\n") {
		t.Errorf("the shell's screen:\n%s", text)
	}
	s.Send("fg", "Enter")
	text := s.WaitFor("work end")
	if strings.Count(text, "live work") != 1 {
		t.Errorf("after fg:\n%s", text)
	}
	s.stop()
	s.Send("fg", "Enter")
	s.WaitFor("work end")
	s.end()
	if text := s.WaitFor("after"); strings.Contains(text, "work") {
		t.Errorf("at the end:\n%s", text)
	}
}

// If this fails, Ctrl-Z does nothing any more once a progress line or a question has gone.
func TestSuspendedQuiet(t *testing.T) {
	t.Parallel()
	s := openScreen(t, "bash", "quiet")
	s.WaitFor("\nquiet")
	s.stop()
	s.Send("fg", "Enter")
	s.WaitFor("\n" + sceneName)
	s.end()
	s.WaitFor("\nafter")
}

// If this fails, an unclear answer is taken for a no, Ctrl-Z leaves an operator before an empty line, or a question stays
// on the screen in pieces.
func TestQuestionOnATerminal(t *testing.T) {
	t.Parallel()
	s := openScreen(t, "bash", "question")
	s.WaitFor("[y/N]")
	s.Send("maybe", "Enter")
	if text := s.WaitFor("Please answer yes or no."); !strings.Contains(text, "[y/N] maybe\nPlease answer") {
		t.Errorf("asked again:\n%s", text)
	}
	if text := s.stop(); strings.Contains(text, "Please answer") {
		t.Errorf("the shell's screen:\n%s", text)
	}
	s.Send("fg", "Enter")
	if text := s.WaitFor("Please answer"); strings.Count(text, "Please answer") != 1 {
		t.Errorf("after fg:\n%s", text)
	}
	for range 6 { // the delay of a stop and the word that it is over come in either order
		s.stop()
		time.Sleep(300 * time.Millisecond) // longer than a program waits for its stop
		s.Send("fg", "Enter")
		s.WaitFor("Please answer")
	}
	if text := s.stop(); strings.Contains(text, "Please answer") {
		t.Errorf("the question is left behind:\n%s", text)
	}
	s.Send("fg", "Enter")
	s.WaitFor("Please answer")
	s.Send("y", "Enter")
	if text := s.WaitFor("after: <nil>"); strings.Count(text, "[y/N] y\nafter") != 1 || strings.Count(text, "[y/N]") != 2 {
		t.Errorf("at the end:\n%s", text)
	}
}

// If this fails, an Enter typed while a command is still planning takes a key away, or a line of the plan is gone from what
// an operator reads before he answers.
func TestTypedBeforeAQuestion(t *testing.T) {
	t.Parallel()
	s := openScreen(t, "bash", "planning")
	s.WaitFor("the plan")
	s.Send("y", "Enter", "y")
	s.WaitFor("the plan\ny\ny")
	s.end()
	if text := s.WaitFor("[y/N]"); !strings.Contains(text, "planning\nthe plan\ny\nIs this the database") {
		t.Errorf("at the question:\n%s", text)
	}
	s.Send("n", "Enter")
	if text := s.WaitFor("after:"); !strings.Contains(text, "the answer was no") || !strings.Contains(text, "[y/N] n\nafter:") {
		t.Errorf("after the answer:\n%s", text)
	}
}

// If this fails, who keeps the messages of a command in a file is asked nothing, and the work starts unasked.
func TestQuestionBesideStandardError(t *testing.T) {
	t.Parallel()
	s := openScreen(t, "bash", "question", `2>"$ending"`, `| tail -3`)
	s.WaitFor("of them? [y/N]")
	s.Send("maybe", "Enter")
	s.WaitFor("Please answer yes or no.")
	s.Send("y", "Enter")
	var told []byte
	s.Wait("what came of it", func(string) bool {
		told, _ = os.ReadFile(s.ending)
		return len(told) > 0
	})
	if string(told) != "after: <nil>\n" {
		t.Errorf("standard error has %q", told)
	}
}

// If this fails, the shell's prompt stands behind the question, or nobody knows why the command has ended.
func TestEndOfInputOnATerminal(t *testing.T) {
	t.Parallel()
	s := openScreen(t, "bash", "question")
	s.WaitFor("[y/N]")
	s.Send("C-d")
	text := s.WaitFor("after:")
	if !regexp.MustCompile(`(?m)^after: stopped: no answer came, and nothing was changed$`).MatchString(text) || strings.Count(text, "[y/N]") != 1 {
		t.Errorf("got\n%s", text)
	}
}

// If this fails, a shell does not show what is typed after Ctrl-Z at a password, or the password is shown after fg.
func TestSuspendedSecret(t *testing.T) {
	t.Parallel()
	s := openScreen(t, "dash", "secret") // bash mends the terminal by itself
	s.WaitFor("database:")
	s.stop()
	s.Send("stty -a | tr ' ;' '\\n\\n' | grep -x -e echo -e -echo", "Enter")
	s.Wait("echo", func(text string) bool { return regexp.MustCompile(`(?m)^echo$`).MatchString(text) })
	s.Send("fg", "Enter")
	s.Wait("the question", func(text string) bool { return strings.HasSuffix(text, "database:") })
	s.Send("invented", "Enter")
	if text := s.WaitFor("after: 8 <nil>"); strings.Contains(text, "invented") {
		t.Errorf("the secret is shown:\n%s", text)
	}
}

// If this fails, an editor's shell or a serial console shows escape sequences as text.
func TestDumbTerminal(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		environ []string
		dumb    bool
	}{
		{[]string{"TERM=dumb"}, true}, {nil, true}, {[]string{"TERM="}, true}, {[]string{"TERM=xterm", "TERM=dumb"}, true},
		{[]string{"TERM=xterm"}, false},
	} {
		if got := ui.SystemStreams(test.environ).Dumb; got != test.dumb {
			t.Errorf("%q: dumb is %v", test.environ, got)
		}
	}
	var screen strings.Builder
	asked := 0
	p := ui.NewPrinter(ui.Streams{In: strings.NewReader("maybe\nno\n"), Out: &screen, Err: &screen, InTTY: true, OutTTY: true, ErrTTY: true,
		Dumb: true, Colour: true, OutWidth: columns(80), ErrWidth: columns(80),
		ReadPassword: func() ([]byte, error) { asked++; return []byte("x"), nil }}, ui.Options{Now: time.Now})
	if err := p.Confirm(context.Background(), ui.Question{Text: "Go on?"}); !errors.Is(err, ui.ErrDeclined) {
		t.Error(err)
	}
	if _, err := p.ReadSecret(context.Background(), "Password:"); err != nil || asked != 1 {
		t.Error(err)
	}
	p.Line("%s", p.Paint(ui.Bad, "x"))
	p.Warn("y")
	p.Progress("a", "rows").End()
	if text := screen.String(); strings.ContainsAny(text, "\x1b\r") || !strings.Contains(text, "Password: \n") {
		t.Errorf("got %q", text)
	}
}

// If this fails, a window that an operator makes wider or narrower stays at the width of the start, or the shell's
// COLUMNS is taken for the terminal's size.
func TestWidthIsRead(t *testing.T) {
	t.Parallel()
	width := 40
	var out strings.Builder
	p := ui.NewPrinter(ui.Streams{Out: &out, OutTTY: true, OutWidth: func() int { return width }}, ui.Options{})
	for _, width = range []int{40, 60} {
		out.Reset()
		p.Line("%s", strings.Repeat("word ", 20))
		if n := len(strings.Split(out.String(), "\n")[0]); n > width || n < width-5 {
			t.Errorf("%d columns on a terminal of %d", n, width)
		}
	}
	if got := ui.SystemStreams([]string{"COLUMNS=33"}).OutWidth(); !ui.SystemStreams(nil).OutTTY && got != 33 {
		t.Errorf("a terminal without a size is %d columns wide", got)
	}
}
