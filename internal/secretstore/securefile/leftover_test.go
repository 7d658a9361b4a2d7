package securefile_test

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/ocmt/ocmt/internal/secretstore/securefile"
)

// If this fails, a copy of every secret that a killed writer left stays on the disk, and nobody is told of it; or one
// that a writer is at work with is told as left.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	for _, name := range []string{".env", "TOKEN", ".env.ocmt-new", ".token.ocmt-new", ".busy.ocmt-new"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("T=invented"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(folder, ".env"), link); err != nil {
		t.Fatal(err)
	}
	busy, err := os.Open(filepath.Join(folder, ".busy.ocmt-new"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	if err := syscall.Flock(int(busy.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	own, other := filepath.Join(folder, ".env.ocmt-new"), filepath.Join(folder, ".token.ocmt-new")
	for path, want := range map[string][]string{
		filepath.Join(folder, ".env"):  {own},
		link:                           {own},
		filepath.Join(folder, "TOKEN"): nil,
		filepath.Join(folder, "busy"):  nil,
		folder:                         {own, other},
		filepath.Join(folder, "none"):  nil,
	} {
		if left := securefile.Leftovers(path); !slices.Equal(left, want) {
			t.Errorf("%s: %v, want %v", path, left, want)
		}
	}
}
