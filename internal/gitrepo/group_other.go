//go:build !unix

package gitrepo

import "os/exec"

// killWithChildren leaves a command as it is: this system has no groups of processes, and ends the command
// alone.
func killWithChildren(*exec.Cmd) {}
