//go:build !(linux || darwin || dragonfly || freebsd || netbsd || openbsd)

package ui

// newDropTyped returns nil where there is no such call.
func newDropTyped(int) func() { return nil }
