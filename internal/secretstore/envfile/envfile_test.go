package envfile_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/internal/secretstore/envfile"
	"github.com/ocmt/ocmt/internal/secretstore/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m, open)) }

func open(path string) secretstore.Store { return envfile.New(path, envfile.Options{}) }

// writeFile writes an env file into a folder of its own, with that mode exactly.
func writeFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// wantFile checks every byte of a file, and its mode.
func wantFile(t *testing.T, path, want string, mode os.FileMode) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != want || info.Mode().Perm() != mode {
		t.Errorf("the file is %q, mode %04o; want %q, mode %04o", text, info.Mode().Perm(), want, mode)
	}
}

// filesBeside returns the names in the folder of a file, but for the file itself.
func filesBeside(t *testing.T, path string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.Name() != filepath.Base(path) {
			names = append(names, entry.Name())
		}
	}
	return names
}

// maker makes env files for the suite.
var maker = storetest.Maker{
	Make: func(t *testing.T, secrets map[string]string) string {
		t.Helper()
		var text strings.Builder
		text.WriteString("# secrets\n")
		for _, name := range slices.Sorted(maps.Keys(secrets)) {
			fmt.Fprintf(&text, "%s='%s'\n", name, secrets[name])
		}
		return writeFile(t, text.String(), 0o600)
	},
	Open: open, Whole: true, Left: filesBeside,
	Inspect: func(t *testing.T, place string) {
		t.Helper()
		for _, name := range append(filesBeside(t, place), filepath.Base(place)) {
			if info, err := os.Stat(filepath.Join(filepath.Dir(place), name)); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", name, info.Mode(), err)
			}
		}
	},
}

// TestStore: see the suite for what an operator would lose.
func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, maker)
}
