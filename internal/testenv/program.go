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

// programScript holds the guard's input open, as number 3, for as long as the
// program runs, and keeps it from the program and from the server that it may
// start. So where this process is killed meanwhile, the guard waits for the end
// of the program: a folder removed under initdb, or under a server that has no
// pid file yet, makes them fail so hard that their shared memory is left.
const programScript = `trap : TERM; "$@" 3>&-; exit $?`

// endTime is what a program gets to end in order when its context is over.
const endTime = 10 * time.Second

// run runs one of the server's programs to its end.
func (p *Postgres) run(ctx context.Context, program string, args ...string) error {
	args = append([]string{"-c", programScript, "sh", filepath.Join(p.programs, program)}, args...)
	command := exec.CommandContext(ctx, "/bin/sh", args...)
	p.account.apply(command, p.folder)
	command.ExtraFiles = []*os.File{p.alive}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGTERM) }
	command.WaitDelay = endTime
	// A file, not a pipe: the server inherits it, and a pipe would stay open.
	output, err := os.CreateTemp(p.folder, "run-*.log")
	if err != nil {
		return err
	}
	defer func() { _ = output.Close(); _ = os.Remove(output.Name()) }()
	command.Stdout, command.Stderr = output, output
	if err := command.Run(); err != nil {
		said, _ := os.ReadFile(output.Name())
		logged, _ := os.ReadFile(filepath.Join(p.folder, "log"))
		return fmt.Errorf("running %s: %w: %s%s", program, err, said, lastLines(logged))
	}
	return nil
}
