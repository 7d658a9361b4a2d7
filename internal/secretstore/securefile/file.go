package securefile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/ocmt/ocmt/internal/secretstore"
)

// maxSize is the most bytes that are read. A real file of secrets has a few kilobytes.
const maxSize = 1 << 20

// The bounds of a wait for another writer, which needs some milliseconds.
const (
	lockPeriod     = 5 * time.Millisecond
	defaultTimeout = 10 * time.Second
)

// File is a file of secrets that was found by its path. Its folder is held open: what is read and written
// stays in it, wherever the path leads later.
type File struct {
	place string // for errors
	asked string // the path as it was given
	path  string // the path without links
	name  string // the last part of path
	root  *os.Root
	// replaced is the new file, which keeps the lock until Close.
	replaced *os.File
}

// Open finds the file of a path, through links, and opens its folder. The place names it in errors. A file
// that is not there is an error unless missing is set. Close the result.
func Open(place, path string, missing bool) (*File, error) {
	f := &File{place: place, asked: path}
	target, err := follow(path, missing)
	if err != nil {
		return nil, f.systemError("following its path", err)
	}
	f.path, f.name = target, filepath.Base(target)
	if f.root, err = os.OpenRoot(filepath.Dir(target)); err != nil {
		return nil, f.systemError("opening its folder", err)
	}
	return f, nil
}

// follow resolves every link of a path. The last part may be missing where that is allowed.
func follow(path string, missing bool) (string, error) {
	target, err := filepath.EvalSymlinks(path)
	if err == nil || !missing || !errors.Is(err, fs.ErrNotExist) {
		return target, err
	}
	if _, err := os.Lstat(path); err == nil {
		return "", errors.New("it is a link that leads nowhere")
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(path))
	return filepath.Join(folder, filepath.Base(path)), err
}

// Close closes the folder, and gives back the lock of a file that was replaced.
func (f *File) Close() {
	if f.replaced != nil {
		_ = f.replaced.Close() // it was flushed before
	}
	_ = f.root.Close() // nothing was written through it
}

// Read returns the bytes of the file, and its state.
func (f *File) Read() ([]byte, fs.FileInfo, error) {
	file, info, err := f.openPlain()
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = file.Close() }() // it is only read
	text, err := f.readAll(file)
	return text, info, err
}

// ReadLocked takes the lock of the file, which the caller gives back, and reads the file behind it. It refuses
// a file that others could replace before it waits.
func (f *File) ReadLocked(ctx context.Context, wait time.Duration) (text []byte, info fs.FileInfo, unlock func(), err error) {
	if err := f.Check(); err != nil {
		return nil, nil, nil, err
	}
	if unlock, err = f.Lock(ctx, wait); err != nil {
		return nil, nil, nil, err
	}
	if text, info, err = f.Read(); err != nil {
		unlock()
		return nil, nil, nil, err
	}
	return text, info, unlock, nil
}

// maxSwapped bounds how often a file is opened again because another writer replaced it in this moment.
const maxSwapped = 100

// openPlain opens a plain file. Without O_NONBLOCK it would wait for the other end of a pipe.
func (f *File) openPlain() (*os.File, fs.FileInfo, error) {
	for range maxSwapped {
		info, err := f.root.Lstat(f.name)
		if err != nil {
			return nil, nil, f.systemError("reading it", err)
		}
		if !info.Mode().IsRegular() {
			return nil, nil, f.notPlain(info)
		}
		file, err := f.root.OpenFile(f.name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
		if err != nil {
			return nil, nil, f.systemError("reading it", err)
		}
		opened, err := file.Stat()
		if err == nil && os.SameFile(info, opened) {
			return file, opened, nil
		}
		_ = file.Close() // it is only read
		if err != nil {
			return nil, nil, f.systemError("reading it", err)
		}
	}
	return nil, nil, f.moved()
}

// readAll reads an open file from its beginning.
func (f *File) readAll(file *os.File) ([]byte, error) {
	text, err := io.ReadAll(io.NewSectionReader(file, 0, maxSize+1))
	if err != nil {
		return nil, f.systemError("reading it", err)
	}
	if len(text) > maxSize {
		return nil, f.problem(secretstore.ErrNoPlainFile, "it is larger than 1 MiB", "check that the path is right")
	}
	return text, nil
}

// notPlain says what stands in the place of a file.
func (f *File) notPlain(info fs.FileInfo) error {
	what := "a device"
	switch mode := info.Mode(); {
	case mode.IsDir():
		what = "a folder"
	case mode&fs.ModeNamedPipe != 0:
		what = "a pipe"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	case mode&fs.ModeSymlink != 0:
		return f.moved()
	}
	return f.problem(secretstore.ErrNoPlainFile, fmt.Sprintf("%q is %s, not a file", f.path, what), "name the file itself")
}

// Lock keeps other writers out. It waits for them, ten seconds where wait is 0, and then returns ErrLocked.
// It returns what unlocks it. The lock lies on the file itself, so that it leaves nothing behind. Where
// another writer has replaced the file meanwhile, the new one is locked.
func (f *File) Lock(ctx context.Context, wait time.Duration) (unlock func(), err error) {
	if wait == 0 {
		wait = defaultTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, wait, secretstore.ErrLocked)
	defer cancel()
	for {
		file, info, err := f.openPlain()
		if err != nil {
			return nil, err
		}
		if err = waitForLock(ctx, file); err != nil {
			_ = file.Close() // it is only read
			return nil, f.lockError(err)
		}
		if named, err := f.root.Lstat(f.name); err == nil && os.SameFile(info, named) {
			return func() { _ = file.Close() }, nil
		}
		_ = file.Close() // it was replaced while it was waited for
	}
}

// LockFolder keeps other writers of the folder out, as Lock does for a file. It returns what unlocks it.
func LockFolder(ctx context.Context, place, folder string, wait time.Duration) (unlock func(), err error) {
	f := &File{place: place}
	if wait == 0 {
		wait = defaultTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, wait, secretstore.ErrLocked)
	defer cancel()
	handle, err := os.Open(folder)
	if err != nil {
		return nil, f.systemError("opening it", err)
	}
	if err := waitForLock(ctx, handle); err != nil {
		_ = handle.Close() // nothing was written
		return nil, f.lockError(err)
	}
	return func() { _ = handle.Close() }, nil
}

// lockError names the place of a lock that was not had.
func (f *File) lockError(err error) error {
	if errors.Is(err, secretstore.ErrLocked) {
		return f.problem(secretstore.ErrLocked, "another program has been writing it all the time that was waited; nothing was written",
			"see whether another ocmt runs, and run this again when it has ended")
	}
	return f.systemError("locking it", err)
}

// waitForLock takes the lock of a file when its holder gives it back.
func waitForLock(ctx context.Context, file *os.File) error {
	ticker := time.NewTicker(lockPeriod)
	defer ticker.Stop()
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		err := flock(file)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// flock tries to take a lock, again where a signal interrupts it.
func flock(file *os.File) error {
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
