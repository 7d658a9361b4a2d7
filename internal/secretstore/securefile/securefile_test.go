package securefile_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/internal/secretstore/securefile"
)

// makeLink makes two files, and a link to the first.
func makeLink(t *testing.T) (link, first, second string) {
	t.Helper()
	folder := t.TempDir()
	link, first, second = filepath.Join(folder, "link"), filepath.Join(folder, "first"), filepath.Join(folder, "second")
	for _, path := range []string{first, second} {
		if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(first, link); err != nil {
		t.Fatal(err)
	}
	return link, first, second
}

// If this fails, a link or a file that changes in the middle of a write makes ocmt overwrite what it has not
// looked at, or leave a copy of a secret behind.
func TestChangesInTheMiddle(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(link, first, second string) error
		want   error
	}{
		"nothing": {func(string, string, string) error { return nil }, nil},
		"link": {func(link, _, second string) error {
			return errors.Join(os.Remove(link), os.Symlink(second, link))
		}, secretstore.ErrMoved},
		"link gone":     {func(link, _, _ string) error { return os.Remove(link) }, secretstore.ErrMoved},
		"text":          {func(_, first, _ string) error { return os.WriteFile(first, []byte("theirs"), 0o600) }, secretstore.ErrChanged},
		"other file":    {func(_, first, second string) error { return os.Rename(second, first) }, secretstore.ErrChanged},
		"file gone":     {func(_, first, _ string) error { return os.Remove(first) }, secretstore.ErrMoved},
		"folder in it":  {func(_, first, _ string) error { return errors.Join(os.Remove(first), os.Mkdir(first, 0o700)) }, secretstore.ErrNoPlainFile},
		"folder itself": {func(_, first, _ string) error { return swapFolder(filepath.Dir(first)) }, secretstore.ErrMoved},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			link, first, second := makeLink(t)
			file, err := securefile.Open("place", link, false)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			unlock, err := file.Lock(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unlock()
			text, info, err := file.Read()
			if err != nil {
				t.Fatal(err)
			}
			prepared, err := file.Prepare(info, text, []byte("new"))
			if err != nil {
				t.Fatal(err)
			}
			temporary := filepath.Join(filepath.Dir(first), ".first.ocmt-new")
			if state, err := os.Stat(temporary); err != nil || state.Mode().Perm() != 0o600 {
				t.Errorf("the file beside it: %v", err)
			}
			if err := test.change(link, first, second); err != nil {
				t.Fatal(err)
			}
			done, _, err := prepared.Commit()
			if !errors.Is(err, test.want) || done != (test.want == nil) {
				t.Errorf("done %v, %v; want %v", done, err, test.want)
			}
			for _, folder := range []string{filepath.Dir(first), filepath.Dir(first) + ".moved"} {
				if _, err := os.Stat(filepath.Join(folder, ".first.ocmt-new")); err == nil {
					t.Error("the new secret lies about")
				}
			}
		})
	}
}

// swapFolder puts an equal folder in the place of one.
func swapFolder(folder string) error {
	moved := folder + ".moved"
	return errors.Join(os.Rename(folder, moved), os.Mkdir(folder, 0o700), os.WriteFile(filepath.Join(folder, "first"), []byte("old"), 0o600),
		os.Symlink(filepath.Join(folder, "first"), filepath.Join(folder, "link")))
}

// If this fails, a secret that is new overwrites one that another program makes in this moment.
func TestFileThatWasNotThere(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	for _, test := range []struct {
		theirs string
		want   error
	}{{"", nil}, {"theirs", secretstore.ErrChanged}} {
		_ = os.Remove(path) // it is not there at first
		file, err := securefile.Open("place", path, true)
		if err != nil {
			t.Fatal(err)
		}
		prepared, err := file.Prepare(nil, nil, []byte("new"))
		if err != nil {
			t.Fatal(err)
		}
		if test.theirs != "" {
			if err := os.WriteFile(path, []byte(test.theirs), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if done, _, err := prepared.Commit(); !errors.Is(err, test.want) || done != (test.want == nil) {
			t.Errorf("done %v, %v; want %v", done, err, test.want)
		}
		file.Close()
		want := "new"
		if test.theirs != "" {
			want = test.theirs
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != want {
			t.Errorf("it holds %q, %v", text, err)
		}
	}
}
