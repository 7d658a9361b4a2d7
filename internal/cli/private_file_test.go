package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// If this fails, a key that is made on a file system without hard links is not written, or
// overwrites one that is there.
func TestReserveAndRename(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	temporary, target := filepath.Join(folder, "temporary"), filepath.Join(folder, "key")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(temporary, "new")
	if err := reserveAndRename(temporary, target); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(target)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	write(temporary, "newer")
	if err := reserveAndRename(temporary, target); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file that is there: %v", err)
	}
	if text, err := os.ReadFile(target); err != nil || string(text) != "new" {
		t.Errorf("the file has %q, %v", text, err)
	}
}
