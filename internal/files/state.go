package files

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ocmt/ocmt/internal/audit"
)

// describe returns what is known of a file: of a symbolic link, of its target.
func describe(file found) (audit.FileState, error) {
	state := audit.FileState{Path: file.name}
	link, err := os.Lstat(file.path)
	if err != nil {
		return audit.FileState{}, statError(file.name, err)
	}
	info, full := link, file.path
	if link.Mode()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(file.path)
		if err != nil {
			return audit.FileState{}, statError(file.name, err)
		}
		state.Target, state.Mounted = target, strings.HasPrefix(filepath.ToSlash(target), "..data/")
		if full, err = filepath.EvalSymlinks(file.path); err != nil {
			return audit.FileState{}, statError(file.name, err)
		}
		if info, err = os.Stat(full); err != nil {
			return audit.FileState{}, statError(file.name, err)
		}
	}
	state.Mode = info.Mode()
	state.Mounted = state.Mounted || isMount(file.path)
	folder, err := os.Stat(filepath.Dir(full))
	if err != nil {
		return audit.FileState{}, statError(file.name, err)
	}
	setOwner(&state, info, folder)
	list, err := readACL(full)
	if err != nil {
		return audit.FileState{}, &audit.GapError{Gap: audit.Gap{What: "the ACL of " + file.name, Reason: "it cannot be read"}}
	}
	state.ACL, state.ACLGroup = list.others, list.group
	return state, nil
}

// isMount reports whether a path is where Docker and Kubernetes mount secrets.
func isMount(path string) bool {
	clean := filepath.ToSlash(filepath.Clean(path))
	return strings.HasPrefix(clean, "/run/secrets/") || strings.HasPrefix(clean, "/var/run/secrets/")
}
