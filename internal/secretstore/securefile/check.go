package securefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/ocmt/ocmt/internal/secretstore"
)

// The classes of permission bits.
const (
	groupWrite  fs.FileMode = 0o020
	othersWrite fs.FileMode = 0o002
	others      fs.FileMode = 0o007
	groupRead   fs.FileMode = 0o040
	owner       fs.FileMode = 0o700
	private     fs.FileMode = 0o600
)

// Check refuses, with ErrForeign, what another account could read or replace: the file, its folder, and a
// link that leads to it must belong to this account or to root, and nobody else may write the folder.
func (f *File) Check() error {
	folder, err := f.root.Stat(".")
	if err != nil {
		return f.systemError("looking at its folder", err)
	}
	if err := f.checkFolder(filepath.Dir(f.path), folder); err != nil {
		return err
	}
	info, err := f.root.Lstat(f.name)
	if err == nil {
		err = f.checkOwner(f.path, info)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return f.systemError("looking at it", err)
	}
	link, err := os.Lstat(f.asked)
	if err != nil || link.Mode()&fs.ModeSymlink == 0 {
		return nil
	}
	if err := f.checkOwner(f.asked, link); err != nil {
		return err
	}
	around, err := os.Stat(filepath.Dir(f.asked))
	if err != nil {
		return f.systemError("looking at the folder of its link", err)
	}
	return f.checkFolder(filepath.Dir(f.asked), around)
}

// checkOwner refuses what another account owns, but for root, who may do anything anyway.
func (f *File) checkOwner(path string, info fs.FileInfo) error {
	status, known := info.Sys().(*syscall.Stat_t)
	if !known || status.Uid == 0 || int(status.Uid) == os.Geteuid() {
		return nil
	}
	return f.problem(secretstore.ErrForeign, fmt.Sprintf("%q belongs to another account (user %d), who could replace it; nothing was written", path, status.Uid),
		fmt.Sprintf("run this as that account: sudo -u '#%d' ocmt …", status.Uid))
}

// checkFolder refuses a folder in which another account could replace the file. A folder that its group may
// write is taken where the group is the account's own: many systems make such folders.
func (f *File) checkFolder(path string, info fs.FileInfo) error {
	if err := f.checkOwner(path, info); err != nil {
		return err
	}
	fix := "take the right away: chmod go-w " + ShellQuote(path)
	if info.Mode()&othersWrite != 0 {
		return f.problem(secretstore.ErrForeign, fmt.Sprintf("its folder %q can be written by every account, who could replace the file; nothing was written", path), fix)
	}
	status, known := info.Sys().(*syscall.Stat_t)
	if known && info.Mode()&groupWrite != 0 && status.Gid != 0 && int(status.Gid) != os.Getegid() {
		return f.problem(secretstore.ErrForeign, fmt.Sprintf("its folder %q can be written by another group (%d), who could replace the file; nothing was written", path, status.Gid), fix)
	}
	return nil
}

// ShellQuote writes a path as a shell takes it.
func ShellQuote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// checkUnmoved refuses, with ErrMoved, where the path leads elsewhere than when it was opened.
func (f *File) checkUnmoved() error {
	target, err := follow(f.asked, true)
	if err != nil || target != f.path {
		return f.moved()
	}
	held, err := f.root.Stat(".")
	if err != nil {
		return f.systemError("looking at its folder", err)
	}
	named, err := os.Stat(filepath.Dir(f.path))
	if err != nil || !os.SameFile(held, named) {
		return f.moved()
	}
	return nil
}

// checkUnchanged refuses, with ErrChanged, where the file is no longer what was read: an editor takes no
// lock. A file that was not there has no info.
func (f *File) checkUnchanged(info fs.FileInfo, text []byte) error {
	now, found, err := f.Read()
	switch {
	case info == nil && errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case err == nil && info != nil && os.SameFile(info, found) && string(now) == string(text):
		return nil
	}
	return f.problem(secretstore.ErrChanged, "another program changed it in this moment; its change stands, and nothing was written",
		"close editors that have it open, then run this again")
}

// keptMode returns the mode of a new file: never more open than the old one was. Where every account could
// read or write the old one, only the owner can use the new one. Else the group keeps its right to read,
// because servers get their secrets by it; it does not keep the right to write.
func keptMode(old fs.FileMode) fs.FileMode {
	if old&others != 0 {
		return old.Perm() & private
	}
	return old.Perm() & (private | groupRead)
}
