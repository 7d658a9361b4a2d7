package procsec

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Harden forbids core files and lets no other process of the same account read
// this one's memory. Programs started later set their own rules.
func Harden() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbidding core files: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("forbidding memory dumps: %w", err)
	}
	return nil
}
