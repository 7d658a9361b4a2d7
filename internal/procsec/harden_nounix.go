//go:build !unix

package procsec

// Harden does nothing, because this system has no limit for core files.
func Harden() error { return nil }
