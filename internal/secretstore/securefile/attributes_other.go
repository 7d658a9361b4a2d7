//go:build !linux

package securefile

import "os"

// attributes are the extended attributes of a file. They are read on Linux.
type attributes struct{ accessList []byte }

// readAttributes returns none.
func readAttributes(*os.File) (attributes, error) { return attributes{}, nil }

// setPlain does nothing.
func (attributes) setPlain(*os.File) []string { return nil }

// setAccessList does nothing.
func setAccessList(*os.File, []byte) error { return nil }

// dropAccessList does nothing.
func dropAccessList(*os.File) error { return nil }
