//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package ui

import "golang.org/x/sys/unix"

// inputOnly is FREAD of sys/fcntl.h: the input of the terminal, and not its output.
const inputOnly = 1

// newDropTyped returns what implements Streams.DropTyped for a terminal.
func newDropTyped(fd int) func() {
	// A failure leaves the input as it is: the question is asked all the same.
	return func() { _ = unix.IoctlSetPointerInt(fd, unix.TIOCFLUSH, inputOnly) }
}
