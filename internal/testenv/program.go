package testenv

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// programScript keeps the input of the guard open, as descriptor 3, while the program runs, so
// that the guard waits for the program if this process is killed. If the folder were removed
// earlier, initdb, or a server without a pid file, would leave its shared memory behind. The
// script closes the descriptor for the program and for a server that the program starts.
const programScript = `trap : TERM; "$@" 3>&-; exit $?`

// endTimeout is how long a program may take to end after its context has ended.
const endTimeout = 10 * time.Second

// run runs one of the server's programs to its end.
func (p *Postgres) run(ctx context.Context, program string, args ...string) error {
	args = append([]string{"-c", programScript, "sh", filepath.Join(p.programs, program)}, args...)
	command := exec.CommandContext(ctx, "/bin/sh", args...)
	p.account.apply(command, p.folder)
	command.ExtraFiles = []*os.File{p.alive}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGTERM) }
	command.WaitDelay = endTimeout
	// The output goes to a file, because the server inherits it and would keep a pipe open.
	output, err := os.CreateTemp(p.folder, "run-*.log")
	if err != nil {
		return err
	}
	defer func() { _ = output.Close(); _ = os.Remove(output.Name()) }()
	command.Stdout, command.Stderr = output, output
	if err := command.Run(); err != nil {
		text, _ := os.ReadFile(output.Name())
		log, _ := os.ReadFile(filepath.Join(p.folder, "log"))
		return fmt.Errorf("running %s: %w: %s%s", program, err, text, lastLines(log))
	}
	return nil
}
