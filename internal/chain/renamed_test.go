package chain_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/chain"
)

// countOpen returns how many open files of this process have a name.
func countOpen(t *testing.T, path string) (count int) {
	t.Helper()
	handles, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("this system does not list open files")
	}
	for _, handle := range handles {
		if target, err := os.Readlink(filepath.Join("/proc/self/fd", handle.Name())); err == nil && target == path {
			count++
		}
	}
	return count
}

// If this fails, an entry that is made while logs are rotated is added to the file that is put away,
// and is missing from the record.
func TestFileIsRenamedWhileAWriterWaits(t *testing.T) {
	t.Parallel()
	path, file := newFile(t, 2)
	held, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	if err := syscall.Flock(int(held.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	added := make(chan error, 1)
	go func() {
		_, err := file.Append(t.Context(), moment, author, events(1)...)
		added <- err
	}()
	for range time.Tick(time.Millisecond) {
		if countOpen(t, path) == 2 {
			break
		}
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(held.Fd()), syscall.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	if err := <-added; err != nil {
		t.Fatal(err)
	}
	if old, made := mustVerify(t, chain.NewFile(path+".1"), ""), mustVerify(t, file, ""); old.Count != 2 || made.Count != 1 || old.Break != nil || made.Break != nil {
		t.Errorf("%+v, %+v", old, made)
	}
}
