package securefile

import (
	"errors"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// accessListName is the extended attribute that a POSIX access list is kept in.
const accessListName = "system.posix_acl_access"

// kernelNames are kept by the kernel itself, or say something about the bytes of the old file.
var kernelNames = []string{accessListName, "security.capability", "security.ima", "security.evm"}

// attributes are the extended attributes of a file.
type attributes struct {
	plain      map[string][]byte
	accessList []byte
}

// readAttributes reads the extended attributes of a file. A file system without them has none.
func readAttributes(file *os.File) (attributes, error) {
	names, err := readWhole(func(buffer []byte) (int, error) { return unix.Flistxattr(int(file.Fd()), buffer) })
	if errors.Is(err, unix.ENOTSUP) {
		return attributes{}, nil
	}
	if err != nil {
		return attributes{}, err
	}
	found := attributes{plain: map[string][]byte{}}
	for name := range strings.SplitSeq(string(names), "\x00") {
		if name == "" || name != accessListName && slices.Contains(kernelNames, name) {
			continue
		}
		value, err := readWhole(func(buffer []byte) (int, error) { return unix.Fgetxattr(int(file.Fd()), name, buffer) })
		if err != nil {
			return attributes{}, err
		}
		if name == accessListName {
			found.accessList = value
			continue
		}
		found.plain[name] = value
	}
	return found, nil
}

// readWhole calls a function of the kernel with a buffer that is large enough.
func readWhole(read func([]byte) (int, error)) ([]byte, error) {
	for {
		size, err := read(nil)
		if err != nil || size == 0 {
			return nil, err
		}
		buffer := make([]byte, size)
		size, err = read(buffer)
		if errors.Is(err, unix.ERANGE) {
			continue // it has grown since
		}
		if err != nil {
			return nil, err
		}
		return buffer[:size], nil
	}
}

// setPlain gives a file the attributes, but for the access list. It returns the names of those that the
// file does not take.
func (a attributes) setPlain(file *os.File) (lost []string) {
	for name, value := range a.plain {
		current, err := readWhole(func(buffer []byte) (int, error) { return unix.Fgetxattr(int(file.Fd()), name, buffer) })
		if err == nil && string(current) == string(value) {
			continue
		}
		if unix.Fsetxattr(int(file.Fd()), name, value, 0) != nil {
			lost = append(lost, name)
		}
	}
	slices.Sort(lost)
	return lost
}

// setAccessList gives a file an access list.
func setAccessList(file *os.File, list []byte) error {
	return unix.Fsetxattr(int(file.Fd()), accessListName, list, 0)
}

// dropAccessList removes the access list of a file, where it has one.
func dropAccessList(file *os.File) error {
	err := unix.Fremovexattr(int(file.Fd()), accessListName)
	if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	return err
}
