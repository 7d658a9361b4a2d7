package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/crash"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/internal/ui"
)

// brokenSource is a source of randomness with a fault in it, and a secret in that.
type brokenSource struct{}

func (brokenSource) Read([]byte) (int, error) { panic("the seed is " + brokenSecret) }

const brokenSecret = "hidden-5e0d"

// If this fails, a fault in the program fills the screen at 3 a.m. with Go's own trace and with what the
// program worked on, or leaves nothing to report it with.
func TestFaultIsOneSentence(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	var out, diagnostics testenv.Output
	code := Main(context.Background(), []string{"keygen", "encryption"}, Deps{Streams: ui.Streams{In: nil, Out: &out, Err: &diagnostics}, Dir: t.TempDir(),
		Now: time.Now, Sleep: time.Sleep, Cores: 1, Random: brokenSource{}, Notify: func(chan<- os.Signal) func() { return func() {} }})
	said := diagnostics.String()
	if code != int(ui.ExitFailed) || !strings.Contains(said, "error: a fault in ocmt itself; nothing more was written") || strings.Contains(said, "goroutine") {
		t.Errorf("exit code %d, and it says:\n%s", code, said)
	}
	traces, err := filepath.Glob(filepath.Join(temporary, "ocmt-fault-*.txt"))
	if err != nil || len(traces) != 1 || !strings.Contains(said, traces[0]) {
		t.Fatalf("the traces are %v (%v), and it says:\n%s", traces, err, said)
	}
	info, err := os.Stat(traces[0])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the trace: %v, %v", info.Mode(), err)
	}
	text, err := os.ReadFile(traces[0])
	if err != nil || !strings.Contains(string(text), "brokenSource") {
		t.Errorf("the trace does not say where the fault is (%v):\n%s", err, text)
	}
	if all := out.String() + said + string(text); strings.Contains(all, brokenSecret) {
		t.Errorf("it tells a secret:\n%s", all)
	}
}

// If this fails, a command whose heartbeat has died hangs, or goes on without it.
func TestFaultInTheBackgroundEndsTheCommand(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	err := (&App{}).runGuarded(cancel, func() error {
		crash.Go(func() { panic(brokenSecret) })
		<-ctx.Done()
		return context.Cause(ctx)
	})
	if err == nil || err.Error() != "a fault in ocmt itself" {
		t.Errorf("the command ends with %v", err)
	}
}

// brokenError is an error with a fault in it.
type brokenError struct{}

func (brokenError) Error() string { panic(brokenSecret) }

// If this fails, a fault while an error is told, or in what draws the screen, ends with Go's own trace and status 2.
func TestFaultInTellingIsOneSentence(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for name, streams := range map[string]ui.Streams{
		"an error that cannot be told": {},
		"a screen that has no width":   {ErrTTY: true, ErrWidth: func() int { panic(brokenSecret) }},
	} {
		var diagnostics testenv.Output
		streams.Err = &diagnostics
		app := &App{deps: Deps{Streams: streams}, printer: ui.NewPrinter(streams, ui.Options{})}
		code := app.fail(func(error) {}, brokenError{})
		if said := diagnostics.String(); code != ui.ExitFailed || !strings.HasPrefix(said, "error: a fault in ocmt itself") || strings.Contains(said, brokenSecret) {
			t.Errorf("%s: exit code %d, and it says:\n%s", name, code, said)
		}
	}
}

// If this fails, a fault in what draws the progress ends a run without a record of it.
func TestFaultInADisplayEndsTheCommand(t *testing.T) {
	var diagnostics testenv.Output
	ctx, cancel := context.WithCancelCause(context.Background())
	printer := ui.NewPrinter(ui.Streams{Err: &diagnostics}, ui.Options{Now: time.Now, Ticks: func(time.Duration) (<-chan time.Time, func()) { panic(brokenSecret) }})
	err := (&App{}).runGuarded(cancel, func() error {
		defer printer.Activity("working").End()
		<-ctx.Done()
		return context.Cause(ctx)
	})
	if err == nil || err.Error() != "a fault in ocmt itself" {
		t.Errorf("the command ends with %v", err)
	}
}
