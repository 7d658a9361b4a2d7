package screens_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/testenv/tmux"
)

// running is a command at work, on a terminal or in a pipe.
type running struct {
	d      *deployment
	form   string
	line   string
	screen *tmux.Screen // nil in a pipe
	piped  *pipedRun    // nil on a terminal
}

// start starts a command in a form.
func (d *deployment) start(line, form string) *running {
	d.t.Helper()
	if form == piped {
		return &running{d: d, form: form, line: line, piped: d.startPiped(line)}
	}
	return &running{d: d, form: form, line: line, screen: d.openAs(line, form)}
}

// wait waits until what is seen is as wanted. What was seen at an earlier wait does not count where lines stay.
func (r *running) wait(what string, wanted func(string) bool) {
	r.d.t.Helper()
	if r.screen != nil {
		r.screen.Wait(what, wanted)
		return
	}
	r.piped.wait(r.d.t, what, wanted)
}

// waitFor waits until a part is seen.
func (r *running) waitFor(part string) {
	r.d.t.Helper()
	r.wait(part, func(text string) bool { return strings.Contains(text, part) })
}

// text returns what is seen.
func (r *running) text() string {
	r.d.t.Helper()
	if r.screen != nil {
		return r.screen.Text()
	}
	return r.piped.text()
}

// look compares what is seen now with the files of a name.
func (r *running) look(name string) {
	r.d.t.Helper()
	text := r.text()
	check(r.d.t, name, r.form, begun(r.line, r.d.neutral(text)))
	switch r.form {
	case narrow:
		check(r.d.t, name, dyed, begun(r.line, r.d.neutral(r.screen.Colours())))
	case dumb:
		noControl(r.d.t, r.screen, text)
	}
}

// figures takes away what differs with the run: names, and unless it went to its end how much it has moved.
func (r *running) figures(text string) string {
	if text = r.d.neutral(text); strings.Contains(text, "Done.") {
		return text
	}
	return oneCount(text)
}

// interrupt presses Ctrl-C.
func (r *running) interrupt() {
	r.d.t.Helper()
	if r.screen != nil {
		r.screen.Send("C-c")
		return
	}
	if err := r.piped.command.Process.Signal(os.Interrupt); err != nil {
		r.d.t.Fatal(err)
	}
}

// end waits for the end of the command, and compares what is seen then with the files of a name; "" for none.
func (r *running) end(name string) {
	r.d.t.Helper()
	var code int
	if r.screen != nil {
		code = r.screen.End()
	} else {
		code = r.piped.end(r.d.t)
	}
	if name == "" {
		return
	}
	text := r.text()
	check(r.d.t, name, r.form, shown(r.line, r.figures(text), code))
	switch r.form {
	case narrow:
		check(r.d.t, name, dyed, shown(r.line, r.figures(r.screen.Colours()), code))
	case dumb:
		noControl(r.d.t, r.screen, text)
	}
}

// beside runs another command beside this one, in the same form, and compares what it shows.
func (r *running) beside(name, line string) {
	r.d.t.Helper()
	r.d.start(line, r.form).end(name)
}

// pipedRun is a command whose outputs are one pipe.
type pipedRun struct {
	command *exec.Cmd
	mu      sync.Mutex
	out     bytes.Buffer
	grown   chan struct{} // receives after a write
}

// startPiped starts a command in a pipe. It ends with the test.
func (d *deployment) startPiped(line string) *pipedRun {
	d.t.Helper()
	p := &pipedRun{command: exec.Command("sh", "-c", "exec "+line), grown: make(chan struct{}, 1)}
	p.command.Env, p.command.Dir, p.command.Stdout, p.command.Stderr = d.environ, d.dir, p, p
	if err := p.command.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		if p.command.ProcessState == nil {
			_ = p.command.Process.Kill()
			_ = p.command.Wait()
		}
	})
	return p
}

// Write implements io.Writer. It never fails.
func (p *pipedRun) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.Write(text)
	select {
	case p.grown <- struct{}{}:
	default:
	}
	return len(text), nil
}

// whole returns all that was written.
func (p *pipedRun) whole() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

func (p *pipedRun) text() string { return strings.TrimRight(p.whole(), "\n") }

// wait waits until what was written is as wanted, and consists of whole lines then.
func (p *pipedRun) wait(t *testing.T, what string, wanted func(string) bool) {
	t.Helper()
	timeout := time.After(2 * time.Minute)
	for !wanted(p.text()) {
		select {
		case <-p.grown:
		case <-timeout:
			t.Fatalf("%s is not written:\n%s", what, p.text())
		}
	}
	if text := p.whole(); !strings.HasSuffix(text, "\n") {
		t.Errorf("the last line in a pipe is not whole: %q", text)
	}
}

// end waits for the end of the command.
func (p *pipedRun) end(t *testing.T) (code int) {
	t.Helper()
	err := p.command.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return p.command.ProcessState.ExitCode()
}
