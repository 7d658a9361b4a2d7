package securefile

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// newMark ends the name of a new file until it is committed.
const newMark = ".ocmt-new"

// Leftovers returns the paths of new files that writers which were killed have left: beside the file of a path, or
// in the folder of a path. They hold secrets, with mode 0600. Nothing reads them, and the next writer of
// the same file removes its own. One that a writer is at work with is locked, and is not told. What cannot be
// looked at is left out.
func Leftovers(path string) (left []string) {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil
	}
	folder, name := filepath.Split(path)
	found := []string{filepath.Join(folder, temporaryNameOf(name)), filepath.Join(folder, trialNameOf(name))}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil
		}
		found = nil
		for _, entry := range entries {
			if strings.HasPrefix(entry.Name(), ".") && strings.HasSuffix(entry.Name(), newMark) {
				found = append(found, filepath.Join(path, entry.Name()))
			}
		}
	}
	for _, one := range found {
		if isAbandoned(one) {
			left = append(left, one)
		}
	}
	return left
}

// isAbandoned reports whether there is a plain file that no writer holds.
func isAbandoned(path string) bool {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }() // it gives the lock back, and nothing was written
	info, err := file.Stat()
	return err == nil && info.Mode().IsRegular() && flock(file) == nil
}

// trialNameOf returns what a file is called by which it is tried whether a new one can be written.
func trialNameOf(name string) string { return temporaryNameOf(name + ".try") }

// temporaryNameOf returns what a new file is called until it has the name.
func temporaryNameOf(name string) string { return "." + strings.TrimPrefix(name, ".") + newMark }
