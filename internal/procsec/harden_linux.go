package procsec

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Harden forbids core files, and forbids other processes of the same account to read the
// memory of this process. Programs that it starts later set their own rules.
func Harden() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbidding core files: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("forbidding memory dumps: %w", err)
	}
	return nil
}
