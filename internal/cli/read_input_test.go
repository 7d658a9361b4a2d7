package cli

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/internal/ui"
)

// If this fails, an operator whose --plan is a pipe that nobody writes to reads that the command is at work, and looks for
// the reason in the database.
func TestWaitingForAPipeIsTold(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	pipe := filepath.Join(folder, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	var diagnostics testenv.Output
	streams := ui.Streams{Err: &diagnostics}
	app := &App{deps: Deps{Streams: streams, Dir: folder}, command: "rotate", stop: Stop{Graceful: make(chan struct{})},
		printer: ui.NewPrinter(streams, ui.Options{Now: time.Now, Ticks: ui.SystemTicks})}
	defer app.showActivity()()
	read := make(chan string, 1)
	go func() {
		text, err := app.readInput("pipe", 100)
		read <- string(text)
		if err != nil {
			t.Error(err)
		}
	}()
	const told = `waiting for "pipe": nothing has come from it yet`
	for deadline := time.Now().Add(time.Minute); !strings.Contains(diagnostics.String(), told) && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	if err := os.WriteFile(pipe, []byte("plan"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := <-read; got != "plan" || !strings.Contains(diagnostics.String(), told) || !strings.Contains(diagnostics.String(), "ocmt rotate: at work") {
		t.Errorf("read %q, and it says:\n%s", got, &diagnostics)
	}
}
