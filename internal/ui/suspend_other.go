//go:build !unix

package ui

// newOnSuspend returns nil where programs are not suspended.
func newOnSuspend() func(before, after func()) (release func()) { return nil }
