package files

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// The reasons why ReadRegular does not read a file.
var (
	ErrNotRegular = errors.New("it is no regular file")
	ErrTooLarge   = errors.New("it is too large")
)

// ReadRegular reads a regular file of at most so many bytes. A pipe or a device, which could keep the program for
// ever, is not opened: whoever waits for a reader would be let go. One that takes the place of the file
// meanwhile is not waited for. Errors: ErrNotRegular, ErrTooLarge, and those of the system.
func ReadRegular(path string, most int64) ([]byte, error) {
	switch info, err := os.Stat(path); {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, ErrNotRegular
	}
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	switch info, err := file.Stat(); {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, ErrNotRegular
	case info.Size() > most:
		return nil, ErrTooLarge
	}
	return io.ReadAll(io.LimitReader(file, most))
}
