package dir_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/internal/secretstore/dir"
	"github.com/ocmt/ocmt/internal/secretstore/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m, open)) }

func open(path string) secretstore.Store { return dir.New(path, dir.Options{}) }

// makeFolder makes a folder with files in it.
func makeFolder(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
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
		t.Errorf("%s is %q, mode %04o; want %q, mode %04o", path, text, info.Mode().Perm(), want, mode)
	}
}

// hidden returns the names that no setting has.
func hidden(t *testing.T, folder string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if strings.Contains(entry.Name(), ".") {
			names = append(names, entry.Name())
		}
	}
	return names
}

// TestStore: see the suite for what an operator would lose.
func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Maker{Make: makeFolder, Open: open, Left: hidden,
		Inspect: func(t *testing.T, place string) {
			t.Helper()
			entries, err := os.ReadDir(place)
			if err != nil {
				t.Fatal(err)
			}
			for _, entry := range entries {
				if info, err := entry.Info(); err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("%s: %v, %v", entry.Name(), info.Mode(), err)
				}
			}
		}})
}

// If this fails, a server that finds its secret under a name in lower case, or reads it with its line end,
// does not get the new one.
func TestKeepsNamesAndLineEnds(t *testing.T) {
	t.Parallel()
	folder := makeFolder(t, map[string]string{"admin_token": "first\n", "CSRF_SECRET": "first\r\n", "session_secret": "first", "README.md": "no secret", "Mixed_Case": "no setting"})
	store := open(folder)
	storetest.WantTexts(t, store, map[string]string{"ADMIN_TOKEN": "first", "CSRF_SECRET": "first", "SESSION_SECRET": "first"})
	storetest.MustApply(t, store, storetest.Put("ADMIN_TOKEN", "first", "second"), storetest.Put("CSRF_SECRET", "first", "second"),
		storetest.Put("SESSION_SECRET", "first", "second"), storetest.Put("AUTH_TOKEN", "", "new"))
	for name, want := range map[string]string{"admin_token": "second\n", "CSRF_SECRET": "second\r\n", "session_secret": "second", "AUTH_TOKEN": "new", "README.md": "no secret"} {
		wantFile(t, filepath.Join(folder, name), want, 0o600)
	}
	storetest.MustApply(t, store, storetest.Put("ADMIN_TOKEN", "second", ""))
	if _, err := os.Stat(filepath.Join(folder, "admin_token")); !os.IsNotExist(err) {
		t.Errorf("the file is still there: %v", err)
	}
}

// If this fails, a server that reads its secret by its group loses it, or a secret stays open to others.
func TestKeepsModes(t *testing.T) {
	t.Parallel()
	folder := makeFolder(t, map[string]string{"A": "1", "B": "1", "C": "1"})
	for name, mode := range map[string]os.FileMode{"A": 0o640, "B": 0o644, "C": 0o400} {
		if err := os.Chmod(filepath.Join(folder, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	store := dir.New(folder, dir.Options{})
	storetest.MustApply(t, store, storetest.Put("A", "1", "2"), storetest.Put("B", "1", "2"), storetest.Put("C", "1", "2"))
	for name, mode := range map[string]os.FileMode{"A": 0o640, "B": 0o600, "C": 0o400} {
		wantFile(t, filepath.Join(folder, name), "2", mode)
	}
	if notes := store.Notes(); len(notes) != 1 || !strings.Contains(notes[0], "0644") {
		t.Errorf("notes: %q", notes)
	}
}

// If this fails, ocmt reports a change of a secret that Kubernetes undoes, or spoils the mount.
func TestKubernetesIsReadOnly(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "..2026_11_26"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "..2026_11_26", "ADMIN_TOKEN"), []byte("first"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"..data": "..2026_11_26", "ADMIN_TOKEN": "..data/ADMIN_TOKEN"} {
		if err := os.Symlink(target, filepath.Join(folder, link)); err != nil {
			t.Fatal(err)
		}
	}
	store := open(folder)
	err := store.Apply(t.Context(), storetest.Put("ADMIN_TOKEN", "first", "second"))
	var problem *secretstore.PlaceError
	if !errors.Is(err, secretstore.ErrReadOnly) || !errors.As(err, &problem) || !strings.Contains(problem.Fix, "kubectl apply") {
		t.Errorf("%v", err)
	}
	storetest.WantTexts(t, store, map[string]string{"ADMIN_TOKEN": "first"})
}

// If this fails, ocmt changes one of two files of a setting, and the server reads the other.
func TestRefusesTwoFilesOfOneSetting(t *testing.T) {
	t.Parallel()
	store := open(makeFolder(t, map[string]string{"ADMIN_TOKEN": "a", "admin_token": "b"}))
	if _, err := store.Get(t.Context(), "ADMIN_TOKEN"); !errors.Is(err, secretstore.ErrTwice) {
		t.Errorf("%v", err)
	}
}

// If this fails, a secret is written where others can replace it, or a pipe holds ocmt for ever.
func TestRefusesForeignPlaces(t *testing.T) {
	t.Parallel()
	folder := makeFolder(t, map[string]string{"ADMIN_TOKEN": "a"})
	if err := os.Chmod(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := open(folder).Apply(t.Context(), storetest.Put("ADMIN_TOKEN", "a", "b")); !errors.Is(err, secretstore.ErrForeign) {
		t.Errorf("%v", err)
	}
	if err := open(folder).Try(t.Context(), storetest.Put("ADMIN_TOKEN", "a", "")); !errors.Is(err, secretstore.ErrForeign) {
		t.Errorf("%v", err)
	}
	pipe := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(pipe, "ADMIN_TOKEN"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(pipe).Apply(t.Context(), storetest.Put("ADMIN_TOKEN", "a", "b")); !errors.Is(err, secretstore.ErrNoPlainFile) {
		t.Errorf("%v", err)
	}
	if _, err := open(filepath.Join(pipe, "nowhere")).Names(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// If this fails, a second ocmt writes while the first one does, or waits for ever.
func TestIsLocked(t *testing.T) {
	t.Parallel()
	folder := makeFolder(t, map[string]string{"ADMIN_TOKEN": "a"})
	handle, err := os.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer handle.Close()
	if err := syscall.Flock(int(handle.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	store := dir.New(folder, dir.Options{Wait: 20 * time.Millisecond})
	if err := store.Apply(t.Context(), storetest.Put("ADMIN_TOKEN", "a", "b")); !errors.Is(err, secretstore.ErrLocked) {
		t.Errorf("%v", err)
	}
	storetest.WantTexts(t, store, map[string]string{"ADMIN_TOKEN": "a"})
}

// If this fails, a refusal of one secret leaves the others changed, without anybody knowing.
func TestOneRefusalChangesNothing(t *testing.T) {
	t.Parallel()
	folder := makeFolder(t, map[string]string{"A": "1", "C": "1"})
	elsewhere := makeFolder(t, map[string]string{"target": "1"})
	if err := os.Symlink(filepath.Join(elsewhere, "target"), filepath.Join(folder, "B")); err != nil {
		t.Fatal(err)
	}
	store := open(folder)
	storetest.MustApply(t, store, storetest.Put("B", "1", "2"))
	wantFile(t, filepath.Join(elsewhere, "target"), "2", 0o600)
	if err := os.Chmod(elsewhere, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := store.Apply(t.Context(), storetest.Put("A", "1", "2"), storetest.Put("B", "2", "3"), storetest.Put("C", "1", "2")); !errors.Is(err, secretstore.ErrForeign) {
		t.Errorf("%v", err)
	}
	storetest.WantTexts(t, store, map[string]string{"A": "1", "B": "2", "C": "1"})
	if left := hidden(t, folder); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}
