package files

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/ocmt/ocmt/internal/audit"
)

// maxACL is how many bytes of an ACL are read: 8,000 entries.
const maxACL = 64 << 10

// readACL returns what the POSIX ACL of a file allows to others. A file system without ACLs allows
// nothing.
func readACL(path string) (accessList, error) {
	value := make([]byte, maxACL)
	length, err := unix.Getxattr(path, "system.posix_acl_access", value)
	switch {
	case errors.Is(err, unix.ENODATA), errors.Is(err, unix.ENOTSUP):
		return accessList{}, nil
	case err != nil:
		return accessList{}, err
	}
	return parseACL(value[:length])
}

// setOwner fills in the owner of a file. The account that also owns the folder could put another file in
// its place, so it is no stranger.
func setOwner(state *audit.FileState, info, folder fs.FileInfo) {
	stat, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return
	}
	state.Owner, state.Group = userName(stat.Uid), groupName(stat.Gid)
	around, known := folder.Sys().(*syscall.Stat_t)
	state.Foreign = stat.Uid != 0 && int(stat.Uid) != os.Geteuid() && (!known || around.Uid != stat.Uid)
}
