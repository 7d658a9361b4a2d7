package config

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/crash"
)

// maxFile is the most bytes that are read from a settings file. A real one has a few
// kilobytes; a device or a log that is named by mistake must not fill the memory.
const maxFile = 1 << 20

// defaultFileTimeout is how long a file may take to read. A pipe that nobody writes to, or a
// network disk that does not answer, would hold the program for ever.
const defaultFileTimeout = 10 * time.Second

// fileReader reads a settings file and returns its text and its mode.
type fileReader func(path string) (text string, info File, err error)

// newFileReader returns a fileReader for a request: a relative path starts from its folder, and errors
// show the path as it was given. When ctx ends, it returns the cause.
func newFileReader(ctx context.Context, request Request) fileReader {
	dir, timeout := request.Dir, cmp.Or(request.FileTimeout, defaultFileTimeout)
	return func(path string) (string, File, error) {
		full := path
		if !filepath.IsAbs(path) {
			full = filepath.Join(dir, path)
		}
		var found contents
		err := Await(ctx, timeout, func() { found = readContents(full) }, func() {
			if request.Waiting != nil {
				request.Waiting(path)
			}
		})
		switch {
		case err == nil:
			return found.check(path)
		case !errors.Is(err, ErrFileTimeout):
			return "", File{}, err
		}
		return "", File{}, &FileError{Path: path, Reason: fmt.Sprintf("gave nothing within %s", timeout),
			Advice: "if it is a pipe, see that something writes to it and closes it"}
	}
}

// waitingAfter is how long a file may be silent until the operator is told what is waited for.
const waitingAfter = 2 * time.Second

// Await reads a file in the background, and returns when that is done; with the cause of the context when
// it ends before; or with ErrFileTimeout. It tells of a wait that takes longer than two seconds. After an
// error the reading goes on alone, because the system offers no way to end an open of a pipe: what it has
// read may not be used.
func Await(ctx context.Context, timeout time.Duration, read, waiting func()) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, ErrFileTimeout)
	defer cancel()
	done := make(chan struct{})
	crash.Go(func() {
		defer close(done)
		read()
	})
	silent := time.NewTimer(waitingAfter)
	defer silent.Stop()
	for {
		select {
		case <-done:
			return nil
		case <-silent.C:
			waiting()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// ErrFileTimeout says that a file gave nothing in time.
var ErrFileTimeout = errors.New("it gave nothing in time")

// contents is what reading a file came to.
type contents struct {
	data    []byte
	mode    fs.FileMode
	mounted bool
	err     error
}

// kubernetesData is where the files of a volume of Kubernetes lie: each is a link into it, so that
// all change at once.
const kubernetesData = "..data/"

// readContents reads a file up to a little more than maxFile.
func readContents(path string) (found contents) {
	file, err := os.Open(path)
	if err != nil {
		return contents{err: err}
	}
	defer file.Close() //nolint:errcheck // the file is only read, so nothing can be lost
	stat, err := file.Stat()
	if err != nil {
		return contents{err: err}
	}
	found.mode = stat.Mode()
	if target, err := os.Readlink(path); err == nil {
		found.mounted = strings.HasPrefix(filepath.ToSlash(target), kubernetesData)
	}
	if !stat.IsDir() {
		found.data, found.err = io.ReadAll(io.LimitReader(file, maxFile+1))
	}
	return found
}

// check returns the text of a file that can be one of settings.
func (c contents) check(path string) (string, File, error) {
	switch {
	case c.err != nil:
		return "", File{}, wrapFileError(path, c.err)
	case c.mode.IsDir():
		return "", File{}, &FileError{Path: path, Reason: "is a folder"}
	case len(c.data) > maxFile:
		return "", File{}, &FileError{Path: path, Reason: "is larger than 1 MiB; is it the right file?"}
	}
	return string(c.data), File{Path: path, Mode: uint32(c.mode.Perm()), Mounted: c.mounted || isMountPath(path)}, nil
}

// isMountPath reports whether a path is where Docker and Kubernetes mount secrets.
func isMountPath(path string) bool {
	clean := filepath.ToSlash(filepath.Clean(path))
	return strings.HasPrefix(clean, "/run/secrets/") || strings.HasPrefix(clean, "/var/run/secrets/")
}

// wrapFileError keeps the reason of an error, such as "permission denied", and drops the path
// that it repeats.
func wrapFileError(path string, err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	return &FileError{Path: path, Cause: err, Advice: "check that the path is right and that this account may read it"}
}

// readSecretFile reads a file that contains one value, as NAME_FILE points at. It drops one
// newline at the end, because editors and echo add one, and nothing else, because a value
// may end in spaces.
func readSecretFile(read fileReader, path string) (string, File, error) {
	text, info, err := read(path)
	if err != nil {
		return "", File{}, err
	}
	if reason := findForeignText(text); reason != "" {
		return "", File{}, &FileError{Path: path, Reason: reason, Advice: "write the value into the file anew, as plain text in UTF-8"}
	}
	text = strings.TrimSuffix(text, "\n")
	text = strings.TrimSuffix(text, "\r")
	if text == "" {
		return "", File{}, &FileError{Path: path, Reason: "the file is empty", Advice: "write the value into the file, or unset the variable that points at it"}
	}
	info.Secret = true
	return text, info, nil
}
