//go:build unix

package gitrepo

import (
	"os/exec"
	"syscall"
)

// killWithChildren lets a command that is ended take the programs that it has started with it.
func killWithChildren(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
