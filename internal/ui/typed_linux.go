package ui

import "golang.org/x/sys/unix"

// newDropTyped returns what implements Streams.DropTyped for a terminal.
func newDropTyped(fd int) func() {
	// A failure leaves the input as it is: the question is asked all the same.
	return func() { _ = unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH) }
}
