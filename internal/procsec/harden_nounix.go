//go:build !unix

package procsec

// Harden does nothing here: the system has no limit for core files.
func Harden() error { return nil }
