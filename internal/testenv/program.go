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

// programScript holds the guard's input open, as descriptor 3, for as long as the program runs,
// and closes it for the program and for a server that the program starts. Where this process is
// killed meanwhile, the guard so waits for the program to end: initdb, or a server without a pid
// file, whose folder is removed leaves its shared memory behind.
const programScript = `trap : TERM; "$@" 3>&-; exit $?`

// endTime is how long a program may take to end in order after its context has ended.
const endTime = 10 * time.Second

// run runs one of the server's programs to its end.
func (p *Postgres) run(ctx context.Context, program string, args ...string) error {
	args = append([]string{"-c", programScript, "sh", filepath.Join(p.programs, program)}, args...)
	command := exec.CommandContext(ctx, "/bin/sh", args...)
	p.account.apply(command, p.folder)
	command.ExtraFiles = []*os.File{p.alive}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGTERM) }
	command.WaitDelay = endTime
	// The output goes to a file: the server inherits it, and a pipe would stay open.
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
