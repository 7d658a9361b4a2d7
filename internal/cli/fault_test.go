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
