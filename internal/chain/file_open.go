package chain

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// openPrivate opens a file that is only the account's own: no link, no device, no other owner, and
// nobody else's to read or write.
func openPrivate(path string, flags int) (*os.File, error) {
	file, err := openPlain(path, flags)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil {
		err = checkPrivate(info)
	}
	if err != nil {
		_ = file.Close() // nothing was written
		return nil, err
	}
	return file, nil
}

// checkPrivate refuses a file that others may write, or that is not the account's own.
func checkPrivate(info os.FileInfo) error {
	const others = 0o077
	if status, known := info.Sys().(*syscall.Stat_t); known && int(status.Uid) != os.Geteuid() {
		return ErrForeignOwner
	}
	if info.Mode().Perm()&others != 0 {
		return ErrOpenToOthers
	}
	return nil
}

// openForReading opens a file that may be somebody else's: an auditor's own account reads it.
func openForReading(path string) (*os.File, error) { return openPlain(path, os.O_RDONLY) }

// openPlain opens a plain file, and makes it with mode 0600 where the flags say so. Without
// O_NONBLOCK it would wait for the other end of a pipe.
func openPlain(path string, flags int) (*os.File, error) {
	const mode = 0o600
	file, err := os.OpenFile(path, flags|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, mode)
	if errors.Is(err, syscall.ELOOP) {
		return nil, ErrNoPlainFile
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = ErrNoPlainFile
	}
	if err != nil {
		_ = file.Close() // nothing was written
		return nil, err
	}
	return file, nil
}

// The bounds of a wait for another writer, which needs some milliseconds.
const (
	lockPeriod  = 5 * time.Millisecond
	lockTimeout = 10 * time.Second
)

// lockFile keeps other writers, and with LOCK_EX also readers, from the file until it is closed.
func lockFile(ctx context.Context, file *os.File, how int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, lockTimeout, ErrLocked)
	defer cancel()
	ticker := time.NewTicker(lockPeriod)
	defer ticker.Stop()
	for {
		err := flock(file, how|syscall.LOCK_NB)
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

// openLocked opens a file and locks it. Where another file took its name in between, as a rotation of
// logs does, it opens that one: an entry would be added to a file that is put away.
func openLocked(ctx context.Context, path string, how int, open func() (*os.File, error)) (*os.File, error) {
	for range maxReopened {
		file, err := open()
		if err != nil {
			return nil, err
		}
		if err = lockFile(ctx, file, how); err == nil {
			var same bool
			if same, err = hasName(file, path); same {
				return file, nil
			}
		}
		_ = file.Close() // nothing was written
		if err != nil {
			return nil, err
		}
	}
	return nil, ErrMoved
}

// maxReopened bounds how often a file is opened again because it was renamed.
const maxReopened = 100

// hasName reports whether the file is still the one of that name.
func hasName(file *os.File, path string) (bool, error) {
	held, err := file.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(held, named), err
}

// flock tries to take a lock, again where a signal interrupts it.
func flock(file *os.File, how int) error {
	for {
		err := syscall.Flock(int(file.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// syncFolder makes the name of a new file survive a power cut.
func syncFolder(folder string) error {
	handle, err := os.Open(folder)
	if err != nil {
		return err
	}
	err = handle.Sync()
	if closeErr := handle.Close(); err == nil {
		err = closeErr
	}
	return err
}
