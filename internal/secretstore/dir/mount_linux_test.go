package dir_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/internal/secretstore/storetest"
)

// mount mounts a path over another one until the test ends, as Docker does. It reports false where this
// account may not.
func mount(t *testing.T, source, target string, flags uintptr) bool {
	t.Helper()
	err := unix.Mount(source, target, "", unix.MS_BIND, "")
	if errors.Is(err, unix.EPERM) {
		t.Log("this account may not mount: not tried")
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(target, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	if flags != 0 {
		if err := unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	return true
}

// If this fails, a secret that Docker or systemd has mounted looks changed, and is the old one at the next
// start.
func TestMountsAreReadOnly(t *testing.T) {
	t.Parallel()
	folder := makeFolder(t, map[string]string{"ADMIN_TOKEN": "first"})
	if !mount(t, folder, folder, unix.MS_RDONLY) {
		return
	}
	err := open(folder).Apply(t.Context(), storetest.Put("ADMIN_TOKEN", "first", "second"))
	var problem *secretstore.PlaceError
	if !errors.Is(err, secretstore.ErrReadOnly) || !errors.As(err, &problem) || problem.Fix == "" {
		t.Errorf("%v", err)
	}
	wantFile(t, filepath.Join(folder, "ADMIN_TOKEN"), "first", 0o600)
}

// If this fails, a failure in the middle is told as a success, or as no change at all.
func TestTellsWhatWasDone(t *testing.T) {
	t.Parallel()
	folder := makeFolder(t, map[string]string{"A": "1", "B": "1", "C": "1"})
	if !mount(t, filepath.Join(folder, "B"), filepath.Join(folder, "B"), 0) {
		return
	}
	err := open(folder).Apply(t.Context(), storetest.Put("A", "1", "2"), storetest.Put("B", "1", "2"), storetest.Put("C", "1", "2"))
	var partial *secretstore.PartialError
	if !errors.As(err, &partial) || !slices.Equal(partial.Done, []string{"A"}) || !errors.Is(err, secretstore.ErrReadOnly) {
		t.Errorf("%v", err)
	}
	storetest.WantTexts(t, open(folder), map[string]string{"A": "2", "B": "1", "C": "1"})
	if left := hidden(t, folder); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	err = open(folder).Apply(t.Context(), storetest.Put("B", "1", "2"), storetest.Put("C", "1", "2"))
	if !errors.Is(err, secretstore.ErrReadOnly) || errors.As(err, &partial) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(folder, "C")); err != nil {
		t.Error(err)
	}
}
