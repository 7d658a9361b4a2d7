package securefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/ocmt/ocmt/internal/secretstore"
)

// Replacement is a new file that lies beside the old one, on disk, until Commit gives it the old one's name.
// It has mode 0600 until then, so that a crash leaves no copy that others can read. The next writer removes
// what a crash has left.
type Replacement struct {
	file    *File
	pending *os.File
	name    string
	info    fs.FileInfo // of the old file; nil where there was none
	old     []byte
	attributes
	notes []string
}

// temporaryName returns the name of the new file until it is committed. It begins with a dot, because
// programs that read all files of a folder pass over such names.
func (f *File) temporaryName() string { return temporaryNameOf(f.name) }

// Prepare writes a new text beside the file. The caller has the lock, and has read old and info from the
// file since; info is nil where the file is not there.
func (f *File) Prepare(info fs.FileInfo, old, text []byte) (*Replacement, error) {
	return f.prepare(f.temporaryName(), info, old, text)
}

// prepare does the same with a file of a name.
func (f *File) prepare(name string, info fs.FileInfo, old, text []byte) (*Replacement, error) {
	if err := f.Check(); err != nil {
		return nil, err
	}
	r := &Replacement{file: f, name: name, info: info, old: old}
	if err := f.root.Remove(r.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, f.systemError("removing what an interrupted writer left", err)
	}
	pending, err := f.root.OpenFile(r.name, os.O_RDWR|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, private)
	if err != nil {
		return nil, f.systemError("writing beside it", err)
	}
	r.pending = pending
	if err := r.fill(text); err != nil {
		r.Abort()
		return nil, f.systemError("writing beside it", err)
	}
	return r, nil
}

// TryToReplace writes a new file beside the old one, and removes it. It has the old text: a secret that is not
// in use must not lie on a disk. The file has a name of its own, so that what an interrupted writer has left stays. The
// caller has the lock, as for Prepare.
func (f *File) TryToReplace(info fs.FileInfo, old []byte) error {
	replacement, err := f.prepare(trialNameOf(f.name), info, old, old)
	if err == nil {
		replacement.Abort()
	}
	return err
}

// fill writes the text, and gives the new file what the old one had, but for what opens it to others.
func (r *Replacement) fill(text []byte) error {
	if err := r.pending.Chmod(private); err != nil { // the umask may have taken something away
		return err
	}
	if err := flock(r.pending); err != nil { // the next writer waits until this one has looked at it
		return err
	}
	if _, err := r.pending.Write(text); err != nil {
		return err
	}
	if r.info != nil {
		if err := r.keepOwner(); err != nil {
			return err
		}
		if err := r.keepAttributes(); err != nil {
			return err
		}
	}
	return r.pending.Sync()
}

// keepOwner gives the new file the owner and the group of the old one.
func (r *Replacement) keepOwner() error {
	old, known := r.info.Sys().(*syscall.Stat_t)
	info, err := r.pending.Stat()
	if err != nil {
		return err
	}
	current, alsoKnown := info.Sys().(*syscall.Stat_t)
	if !known || !alsoKnown || old.Uid == current.Uid && old.Gid == current.Gid {
		return nil
	}
	if err := r.pending.Chown(int(old.Uid), int(old.Gid)); err != nil {
		return r.file.problem(secretstore.ErrForeign, fmt.Sprintf("this account may not give the new file the owner of the old one (user %d, group %d); nothing was written", old.Uid, old.Gid),
			"run this as root, or give the file to this account and one of its groups first")
	}
	return nil
}

// keepAttributes finds what the old file has beside its bytes, its owner and its mode.
func (r *Replacement) keepAttributes() error {
	old, info, err := r.file.openPlain()
	if err != nil {
		return err
	}
	defer func() { _ = old.Close() }() // it is only read
	if !os.SameFile(info, r.info) {
		return r.file.checkUnchanged(r.info, r.old)
	}
	r.attributes, err = readAttributes(old)
	if err != nil {
		return err
	}
	for _, name := range r.setPlain(r.pending) {
		r.notes = append(r.notes, fmt.Sprintf("%q had the extended attribute %s, which could not be kept", r.file.path, name))
	}
	if status, known := info.Sys().(*syscall.Stat_t); known && status.Nlink > 1 {
		r.notes = append(r.notes, fmt.Sprintf("%q has another name (a hard link) that still leads to the old text: find it with find -inum %d", r.file.path, status.Ino))
	}
	return nil
}

// Abort removes the new file. The old one stays as it was.
func (r *Replacement) Abort() {
	_ = r.file.root.Remove(r.name) // the next writer removes it, and it has mode 0600
	_ = r.pending.Close()          // its text is not needed
}

// Commit gives the new file its name, and its mode. It reports whether that was done, which it can be even
// where an error follows: then the new text stands there, and what was asked for beside that is not certain.
// The notes say what could not be kept. Errors where it was not done: ErrMoved, ErrChanged.
func (r *Replacement) Commit() (done bool, notes []string, err error) {
	f := r.file
	if err = f.checkUnmoved(); err == nil {
		err = f.checkUnchanged(r.info, r.old)
	}
	if err == nil {
		err = f.systemRename(r.name)
	}
	if err != nil {
		r.Abort()
		return false, nil, err
	}
	f.replaced = r.pending
	err = r.open()
	if syncErr := f.syncFolder(); err == nil {
		err = syncErr
	}
	return true, r.notes, err
}

// systemRename gives a file the name of the old one.
func (f *File) systemRename(from string) error {
	if err := f.root.Rename(from, f.name); err != nil {
		return f.systemError("replacing it", err)
	}
	return nil
}

// open gives the new file the mode of the old one, as far as that is safe. It comes after the rename, so
// that no file under a temporary name is ever open to others.
func (r *Replacement) open() error {
	if r.info == nil {
		return r.dropInherited()
	}
	mode, before := keptMode(r.info.Mode()), r.info.Mode().Perm()
	if mode != before {
		r.notes = append(r.notes, fmt.Sprintf("%q had mode %04o, so that others could read or write it; it has %04o now", r.file.path, before, mode))
	}
	if err := r.setAccessList(mode); err != nil {
		return err
	}
	if mode == private {
		return nil
	}
	if err := r.pending.Chmod(mode); err != nil {
		return r.file.systemError("giving it its mode back", err)
	}
	if err := r.pending.Sync(); err != nil {
		return r.file.systemError("writing it to disk", err)
	}
	return nil
}

// setAccessList gives the new file the access list of the old one, or says that it is gone.
func (r *Replacement) setAccessList(mode fs.FileMode) error {
	if len(r.accessList) > 0 && mode&groupRead != 0 {
		if err := setAccessList(r.pending, r.accessList); err == nil {
			return nil
		}
	}
	if len(r.accessList) > 0 {
		r.notes = append(r.notes, fmt.Sprintf("%q had an access list (ACL), which was not kept: see who needs it, and set it anew with setfacl", r.file.path))
	}
	return r.dropInherited()
}

// dropInherited removes an access list that the folder gave the new file.
func (r *Replacement) dropInherited() error {
	if err := dropAccessList(r.pending); err != nil {
		return r.file.systemError("removing the access list that its folder gave it", err)
	}
	return nil
}

// Remove removes the file. The caller has the lock, and has read old and info since. It reports whether that
// was done, which it can be even where an error follows: then it is not certain to survive a power cut.
func (f *File) Remove(info fs.FileInfo, old []byte) (done bool, err error) {
	for _, check := range []func() error{f.Check, f.checkUnmoved, func() error { return f.checkUnchanged(info, old) }} {
		if err := check(); err != nil {
			return false, err
		}
	}
	if err := f.root.Remove(f.name); err != nil {
		return false, f.systemError("removing it", err)
	}
	return true, f.syncFolder()
}

// syncFolder makes a name survive a power cut.
func (f *File) syncFolder() error {
	folder, err := f.root.Open(".")
	if err != nil {
		return f.systemError("writing its folder to disk", err)
	}
	err = folder.Sync()
	if closeErr := folder.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return f.systemError("writing its folder to disk", err)
	}
	return nil
}

// Copy writes a copy of the old text beside the file, with mode 0600, under the file's name and a suffix. It
// returns its path. A name that is taken is an error.
func (f *File) Copy(text []byte, suffix string) (path string, err error) {
	name := f.name + suffix
	file, err := f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, private)
	if err != nil {
		return "", f.systemError("making a copy of it", err)
	}
	if err = file.Chmod(private); err == nil {
		err = dropAccessList(file)
	}
	if err == nil {
		_, err = file.Write(text)
	}
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = f.syncFolder()
	}
	if err != nil {
		return "", errors.Join(f.systemError("making a copy of it", err), f.root.Remove(name))
	}
	return filepath.Join(filepath.Dir(f.path), name), nil
}

// RemoveCopy removes a copy that is not needed, because nothing was changed.
func (f *File) RemoveCopy(path string) error { return f.root.Remove(filepath.Base(path)) }
