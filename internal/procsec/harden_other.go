//go:build unix && !linux

package procsec

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Harden forbids core files.
func Harden() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbidding core files: %w", err)
	}
	return nil
}
