package cli

import (
	"time"

	"golang.org/x/sys/unix"
)

// nap sleeps in the kernel. time.Sleep wakes at full milliseconds, and a rest
// between bursts of a third of one would take most of the time.
func nap(length time.Duration) {
	request := unix.NsecToTimespec(length.Nanoseconds())
	_ = unix.Nanosleep(&request, nil) // a signal may cut it short: a rest is no promise
}
