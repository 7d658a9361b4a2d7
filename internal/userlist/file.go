package userlist

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/ocmt/ocmt/pkg/secret"
)

// maxSize bounds a file that is read: it has a short line for each account.
const maxSize = 16 << 20

// ErrNotPlain says that a path is no plain file, or too large for one with accounts.
var ErrNotPlain = errors.New("it is no plain file of accounts")

// ErrChanged says that a file was changed by somebody else while it was written.
var ErrChanged = errors.New("somebody else has changed it meanwhile")

// ErrOthersWrite says that accounts other than the owner may write a file or its folder, and so could replace what is
// written there.
var ErrOthersWrite = errors.New("every account may write it or its folder")

// File is an auth_file of PgBouncer.
type File struct{ path string }

// New returns the file at a path. It opens nothing.
func New(path string) *File { return &File{path: path} }

// Path returns the path.
func (f *File) Path() string { return f.path }

// Secret returns the password or verifier of an account. It is not set where the file does not have the account.
// The error wraps ErrForm, ErrTwice, ErrNotPlain, or that of the system.
func (f *File) Secret(name string) (secret.Value, error) {
	data, _, err := read(f.path)
	if err != nil {
		return secret.Value{}, fmt.Errorf("reading %s: %w", f.path, err)
	}
	list, err := parse(data)
	if err != nil {
		return secret.Value{}, fmt.Errorf("reading %s: %w", f.path, err)
	}
	found, err := find(list, name)
	if err != nil {
		return secret.Value{}, fmt.Errorf("reading %s: %w", f.path, err)
	}
	if found == nil {
		return secret.Value{}, nil
	}
	return found.secret, nil
}

// Set gives an account another password or verifier; one that is not set takes the account out. The file is
// written beside the old one, with its owner and mode, and then put in its place, so that PgBouncer reads the old
// or the new one. A symbolic link stays, and what it points to is replaced. It reads back what it wrote. The error
// wraps ErrForm, ErrTwice, ErrNotPlain, ErrOthersWrite, ErrChanged, or that of the system.
func (f *File) Set(name string, to secret.Value) error {
	path, err := filepath.EvalSymlinks(f.path)
	if err != nil {
		return fmt.Errorf("writing %s: %w", f.path, err)
	}
	if err := replace(path, name, to); err != nil {
		return fmt.Errorf("writing %s: %w", f.path, err)
	}
	written, err := f.Secret(name)
	if err != nil {
		return err
	}
	if written.Reveal() != to.Reveal() {
		return fmt.Errorf("reading %s again: %w", f.path, ErrChanged)
	}
	return nil
}

func replace(path, name string, to secret.Value) error {
	data, info, err := read(path)
	if err != nil {
		return err
	}
	made, err := change(data, name, to)
	if err != nil || bytes.Equal(made, data) {
		return err
	}
	if err := checkWriters(path, info); err != nil {
		return err
	}
	beside := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text()[:8])
	if err := writeBeside(beside, made, info); err != nil {
		return errors.Join(err, removeIfThere(beside))
	}
	now, again, err := read(path)
	if err == nil && (!os.SameFile(info, again) || !bytes.Equal(now, data)) {
		err = ErrChanged
	}
	if err == nil {
		err = os.Rename(beside, path)
	}
	if err != nil {
		return errors.Join(err, removeIfThere(beside))
	}
	return syncFolder(filepath.Dir(path))
}

// read returns the content of a plain file, without waiting for a pipe.
func read(path string) ([]byte, os.FileInfo, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, withoutPath(err)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, nil, withoutPath(err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxSize {
		return nil, nil, ErrNotPlain
	}
	data := make([]byte, info.Size())
	read, err := file.ReadAt(data, 0)
	if err != nil && read < len(data) {
		return nil, nil, ErrChanged
	}
	return data, info, nil
}

// checkWriters refuses a file that every account may replace.
func checkWriters(path string, info os.FileInfo) error {
	const others = 0o002
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return withoutPath(err)
	}
	if info.Mode().Perm()&others != 0 || folder.Mode().Perm()&others != 0 && folder.Mode()&os.ModeSticky == 0 {
		return ErrOthersWrite
	}
	return nil
}

// writeBeside writes a new file with the owner and the mode of an old one, and onto the disk. Nobody else may open
// it until it has its owner.
func writeBeside(path string, data []byte, like os.FileInfo) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return withoutPath(err)
	}
	if owner, known := like.Sys().(*syscall.Stat_t); known {
		err = file.Chown(int(owner.Uid), int(owner.Gid))
	}
	if err == nil {
		err = file.Chmod(like.Mode().Perm())
	}
	if err == nil {
		_, err = file.Write(data)
	}
	if err == nil {
		err = file.Sync()
	}
	return withoutPath(errors.Join(err, file.Close()))
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return withoutPath(err)
	}
	return nil
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return withoutPath(err)
	}
	return withoutPath(errors.Join(folder.Sync(), folder.Close()))
}

// withoutPath returns what the system said of a path that the caller names.
func withoutPath(err error) error {
	var of *os.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}
