package cli_test

import (
	"context"
	"crypto/rand"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/cli"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/internal/ui"
)

// If this fails, a script that reads the first lines of a result sees an error for it, or a result
// that nobody has read ends as if all were well.
func TestClosedOutput(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"help"}, {"keygen", "encryption"}, {"validate", "--output", "json"}} {
		reader, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		_ = reader.Close()
		var errors testenv.Output
		code := cli.Main(context.Background(), args, cli.Deps{Streams: ui.Streams{In: nil, Out: writer, Err: &errors},
			Environ: []string{"ENCRYPTION_KEY=7be04c19d2a6f38e5519c0bb47ea2f6d93f1850c6e2db7a4081f9ed35b7c62aa"}, Dir: t.TempDir(),
			Now: time.Now, Sleep: time.Sleep, Cores: 1, Random: rand.Reader, Notify: func(chan<- os.Signal) func() { return func() {} }})
		_ = writer.Close()
		if code != int(ui.ExitInterrupted) || errors.String() != "" {
			t.Errorf("%v: exit code %d, %q", args, code, errors.String())
		}
	}
}

// If this fails, a command whose diagnostics nobody reads any more is killed in the middle, by SIGPIPE and with its status
// 141, in place of ending in order.
func TestClosedDiagnostics(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ocmt := filepath.Join(t.TempDir(), "ocmt")
	if err := os.Symlink(program, ocmt); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want ui.ExitCode
	}{
		{[]string{"keygen", "encryption"}, ui.ExitDone},    // nothing is lost
		{[]string{"keygen", "no-such-kind"}, ui.ExitUsage}, // the error is lost, and its status is not
		{[]string{"validate"}, ui.ExitFound},
	} {
		reader, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		_ = reader.Close()
		command := exec.Command(ocmt, c.args...)
		command.Dir, command.Env, command.Stderr = t.TempDir(), []string{"PATH=" + os.Getenv("PATH")}, writer
		_ = command.Run() // its state is looked at
		_ = writer.Close()
		if got := command.ProcessState.ExitCode(); got != int(c.want) {
			t.Errorf("%v: %v, exit code %d, want %d", c.args, command.ProcessState, got, c.want)
		}
	}
}

// If this fails, a command whose warning nobody has read ends as if all were well.
func TestLostWarning(t *testing.T) {
	t.Parallel()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = reader.Close()
	defer func() { _ = writer.Close() }()
	code := cli.Main(context.Background(), []string{"keygen", "encryption"}, cli.Deps{Streams: ui.Streams{Out: io.Discard, Err: writer}, Dir: t.TempDir(),
		Now: time.Now, Sleep: time.Sleep, Cores: 1, Random: rand.Reader, Notify: func(chan<- os.Signal) func() { return func() {} },
		Harden: func() error { return os.ErrPermission }})
	if code != int(ui.ExitInterrupted) {
		t.Errorf("exit code %d", code)
	}
}
