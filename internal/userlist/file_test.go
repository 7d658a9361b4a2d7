package userlist_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ocmt/ocmt/internal/userlist"
	"github.com/ocmt/ocmt/pkg/secret"
)

// list writes a file into a folder that only this account may write.
func list(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "userlist.txt")
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	return path
}

// If this fails, PgBouncer loses other accounts, or the account that is changed.
func TestSetKeepsTheRest(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ before, to, after string }{
		"in the middle":      {"; x\n\"a\" \"1\"\n\"ocmt\" \"old\" ; note\r\n\"b\" \"2\"", "new", "; x\n\"a\" \"1\"\n\"ocmt\" \"new\" ; note\r\n\"b\" \"2\""},
		"quotes":             {"\"oc\"\"mt\" \"x\"\n\"ocmt\"\t\"o\"\"ld\"\n", `n"e"w`, "\"oc\"\"mt\" \"x\"\n\"ocmt\"\t\"n\"\"e\"\"w\"\n"},
		"new":                {"\"a\" \"1\"", "new", "\"a\" \"1\"\n\"ocmt\" \"new\"\n"},
		"new, of Windows":    {"\"a\" \"1\"\r\n", "new", "\"a\" \"1\"\r\n\"ocmt\" \"new\"\r\n"},
		"taken out":          {"\"a\" \"1\"\n\"ocmt\" \"old\"\n\"b\" \"2\"\n", "", "\"a\" \"1\"\n\"b\" \"2\"\n"},
		"taken out, the end": {"\"a\" \"1\"\n\"ocmt\" \"old\"", "", "\"a\" \"1\"\n"},
		"not there":          {"\"a\" \"1\"\n", "", "\"a\" \"1\"\n"},
		"empty":              {"", "new", "\"ocmt\" \"new\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := list(t, test.before)
			if err := userlist.New(path).Set("ocmt", secret.NewValue(test.to)); err != nil {
				t.Fatal(err)
			}
			after, err := os.ReadFile(path)
			if err != nil || string(after) != test.after {
				t.Errorf("became %q, %v", after, err)
			}
			if held, err := userlist.New(path).Secret("ocmt"); err != nil || held.Reveal() != test.to {
				t.Errorf("is read as another: %v", err)
			}
			info, err := os.Stat(path)
			if err != nil || info.Mode().Perm() != 0o640 {
				t.Errorf("has the mode %v: %v", info.Mode(), err)
			}
			if names, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(names) > 0 {
				t.Errorf("left behind: %v", names)
			}
		})
	}
}

// If this fails, a file is damaged that PgBouncer reads in another way, or that others can replace.
func TestFilesThatAreRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		"ocmt old\n":                             userlist.ErrForm,
		"\"ocmt\" old\n":                         userlist.ErrForm,
		"\"ocmt\" \"old\n\"a\" \"1\"\n":          userlist.ErrForm,
		"\"ocmt\" \"old\"\n\"ocmt\" \"older\"\n": userlist.ErrTwice,
	} {
		path := list(t, text)
		if err := userlist.New(path).Set("ocmt", secret.NewValue("new")); !errors.Is(err, want) {
			t.Errorf("%q: %v", text, err)
		}
		if after, _ := os.ReadFile(path); string(after) != text {
			t.Errorf("%q was changed", text)
		}
	}
	path := list(t, "\"ocmt\" \"old\"\n")
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := userlist.New(path).Set("ocmt", secret.NewValue("new")); !errors.Is(err, userlist.ErrOthersWrite) {
		t.Errorf("a file that everybody may write: %v", err)
	}
	if err := userlist.New(path).Set("ocmt", secret.NewValue("a\nb")); err == nil {
		t.Error("a password of two lines was written")
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := userlist.New(pipe).Secret("ocmt"); !errors.Is(err, userlist.ErrNotPlain) {
		t.Errorf("a pipe: %v", err)
	}
	if _, err := userlist.New(filepath.Join(t.TempDir(), "none")).Secret("ocmt"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// If this fails, the link that PgBouncer's settings name becomes a file of its own, and the file behind it is not
// changed.
func TestLinkStays(t *testing.T) {
	t.Parallel()
	path := list(t, "\"ocmt\" \"old\"\n")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := userlist.New(link).Set("ocmt", secret.NewValue("new")); err != nil {
		t.Fatal(err)
	}
	if target, err := os.Readlink(link); err != nil || target != path {
		t.Errorf("the link leads to %q, %v", target, err)
	}
	if after, _ := os.ReadFile(path); string(after) != "\"ocmt\" \"new\"\n" {
		t.Errorf("the file is %q", after)
	}
}

// If this fails, a file that was written cannot be read again, or other entries are lost.
func FuzzSet(f *testing.F) {
	f.Add("; x\n\"a\" \"1\"\n\"ocmt\" \"old\" rest\n", "new")
	f.Add("\"ocmt\"\"\" \"\"\r\n", `a"b`)
	f.Add("\n\v\f \"x\"\t \"y\"", "")
	path := filepath.Join(f.TempDir(), "userlist.txt")
	f.Fuzz(func(t *testing.T, text, to string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		other, otherErr := userlist.New(path).Secret("a")
		if err := userlist.New(path).Set("ocmt", secret.NewValue(to)); err != nil {
			return
		}
		if held, err := userlist.New(path).Secret("ocmt"); err != nil || held.Reveal() != to {
			t.Errorf("%q: %q is not read again: %v", text, to, err)
		}
		if now, err := userlist.New(path).Secret("a"); (err == nil) != (otherErr == nil) || now.Reveal() != other.Reveal() {
			t.Errorf("%q: another account was changed: %v", text, err)
		}
		if after, _ := os.ReadFile(path); !strings.HasSuffix(string(after), "\n") && !strings.HasPrefix(string(after), text[:min(len(text), 1)]) {
			t.Errorf("%q became %q", text, after)
		}
	})
}
