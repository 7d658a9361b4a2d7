package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxFile is the most bytes that are read from a settings file. A real one has a few
// kilobytes; a device or a log that is named by mistake must not fill the memory.
const maxFile = 1 << 20

// readFile reads one settings file and returns its text and its mode. A relative path starts
// from dir. Errors show the path as it was given.
func readFile(dir, path string) (text string, info File, err error) {
	full := path
	if !filepath.IsAbs(path) {
		full = filepath.Join(dir, path)
	}
	file, err := os.Open(full)
	if err != nil {
		return "", File{}, wrapFileError(path, err)
	}
	defer file.Close() //nolint:errcheck // the file is only read, so nothing can be lost
	stat, err := file.Stat()
	if err != nil {
		return "", File{}, wrapFileError(path, err)
	}
	if stat.IsDir() {
		return "", File{}, &FileError{Path: path, Reason: "is a folder"}
	}
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return "", File{}, wrapFileError(path, err)
	}
	if len(data) > maxFile {
		return "", File{}, &FileError{Path: path, Reason: "is larger than 1 MiB; is it the right file?"}
	}
	return string(data), File{Path: path, Mode: uint32(stat.Mode().Perm())}, nil
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
func readSecretFile(dir, path string) (string, File, error) {
	text, info, err := readFile(dir, path)
	if err != nil {
		return "", File{}, err
	}
	text = strings.TrimSuffix(text, "\n")
	text = strings.TrimSuffix(text, "\r")
	if text == "" {
		return "", File{}, &FileError{Path: path, Reason: "the file is empty", Advice: "write the value into the file, or unset the variable that points at it"}
	}
	info.Secret = true
	return text, info, nil
}
