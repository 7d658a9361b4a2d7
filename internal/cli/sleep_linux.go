package cli

import (
	"time"

	"golang.org/x/sys/unix"
)

// sleep sleeps in the kernel. time.Sleep wakes at full milliseconds, so that a rest
// between bursts of a third of a millisecond would take most of the time.
func sleep(length time.Duration) {
	request := unix.NsecToTimespec(length.Nanoseconds())
	_ = unix.Nanosleep(&request, nil) // a signal may cut it short, which does no harm
}
