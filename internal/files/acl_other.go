//go:build !linux

package files

import (
	"io/fs"

	"github.com/ocmt/ocmt/internal/audit"
)

// readACL returns nothing: POSIX ACLs are read on Linux.
func readACL(string) (accessList, error) { return accessList{}, nil }

// setOwner names nobody: owners are read on Linux.
func setOwner(state *audit.FileState, _, _ fs.FileInfo) {
	state.Owner, state.Group = "unknown", "unknown"
}
