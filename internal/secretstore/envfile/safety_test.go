package envfile_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/internal/secretstore/envfile"
	"github.com/ocmt/ocmt/internal/secretstore/storetest"
)

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// wantRefused checks that a change is refused for a reason, says what to do, and leaves the file as it is.
func wantRefused(t *testing.T, path string, want error) {
	t.Helper()
	before, _ := os.ReadFile(path)
	err := envfile.New(path, envfile.Options{Wait: 20 * time.Millisecond}).Apply(t.Context(), storetest.Put("T", "old", "new"))
	var problem *secretstore.PlaceError
	if !errors.Is(err, want) || !errors.As(err, &problem) || problem.Fix == "" {
		t.Errorf("%v, want %v with advice", err, want)
	}
	if err := envfile.New(path, envfile.Options{Wait: 20 * time.Millisecond}).Try(t.Context(), storetest.Put("T", "old", "new")); !errors.Is(err, want) {
		t.Errorf("a trial does not refuse what the change does: %v, want %v", err, want)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("the file has changed")
	}
}

// If this fails, a server that reads its file by its group is locked out, or secrets stay open to everybody.
func TestModes(t *testing.T) {
	t.Parallel()
	for before, after := range map[os.FileMode]os.FileMode{0o600: 0o600, 0o400: 0o400, 0o640: 0o640, 0o660: 0o640, 0o644: 0o600, 0o666: 0o600, 0o700: 0o600, 0o444: 0o400, 0o440: 0o440} {
		path := writeFile(t, "T=old\n", before)
		store := envfile.New(path, envfile.Options{})
		storetest.MustApply(t, store, storetest.Put("T", "old", "new"))
		wantFile(t, path, "T=new\n", after)
		if said := len(store.Notes()) > 0; said != (before != after) {
			t.Errorf("%04o: notes %q", before, store.Notes())
		}
	}
}

// If this fails, the link of a deployment becomes a file of its own, and the servers go on with the old one.
func TestLinks(t *testing.T) {
	t.Parallel()
	target := writeFile(t, "T=old\n", 0o600)
	link := filepath.Join(t.TempDir(), ".env")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	storetest.MustApply(t, open(link), storetest.Put("T", "old", "new"))
	wantFile(t, target, "T=new\n", 0o600)
	if found, err := os.Readlink(link); err != nil || found != target {
		t.Errorf("the link is %q, %v", found, err)
	}
	nowhere := filepath.Join(t.TempDir(), ".env")
	if err := os.Symlink(filepath.Join(t.TempDir(), "gone"), nowhere); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, nowhere, os.ErrNotExist)
	wantRefused(t, filepath.Join(t.TempDir(), ".env"), os.ErrNotExist)
}

// If this fails, a secret is written where another account reads it or puts its own in its place.
func TestForeignPlaces(t *testing.T) {
	t.Parallel()
	const stranger = 54321
	open := writeFile(t, "T=old\n", 0o600)
	if err := os.Chmod(filepath.Dir(open), 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, open, secretstore.ErrForeign)
	aroundLink := filepath.Join(filepath.Dir(open), "link")
	if err := os.Symlink(writeFile(t, "T=old\n", 0o600), aroundLink); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, aroundLink, secretstore.ErrForeign)
	if os.Geteuid() != 0 {
		t.Log("files of other accounts can be made by root alone: not tried")
		return
	}
	for name, give := range map[string]func(path string) error{
		"file":   func(path string) error { return os.Chown(path, stranger, 0) },
		"folder": func(path string) error { return os.Chown(filepath.Dir(path), stranger, 0) },
		"group": func(path string) error {
			return errors.Join(os.Chown(filepath.Dir(path), 0, stranger), os.Chmod(filepath.Dir(path), 0o770))
		},
	} {
		path := writeFile(t, "T=old\n", 0o600)
		if err := give(path); err != nil {
			t.Fatal(err)
		}
		t.Log(name)
		wantRefused(t, path, secretstore.ErrForeign)
	}
	path := writeFile(t, "T=old\n", 0o640)
	if err := os.Chown(path, 0, stranger); err != nil {
		t.Fatal(err)
	}
	storetest.MustApply(t, envfile.New(path, envfile.Options{}), storetest.Put("T", "old", "new"))
	wantFile(t, path, "T=new\n", 0o640)
	var status syscall.Stat_t
	if err := syscall.Stat(path, &status); err != nil || status.Gid != stranger {
		t.Errorf("the group is %d, %v", status.Gid, err)
	}
}

// If this fails, a pipe or a device holds ocmt for ever, or a file is spoilt that is no env file.
func TestNoPlainFiles(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), ".env")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), ".env")
	if err := os.Symlink("/dev/zero", link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, link, t.TempDir()} {
		err := open(path).Apply(t.Context(), storetest.Put("T", "old", "new"))
		if !errors.Is(err, secretstore.ErrNoPlainFile) {
			t.Errorf("%v", err)
		}
	}
	for _, text := range []string{"\xff\xfeT\x00=\x00", "\xfe\xff\x00T", "T=old\n\x00", "T=old\n#\u2028A=1", strings.Repeat("#\n", 600_000)} {
		wantRefused(t, writeFile(t, text, 0o600), secretstore.ErrNoPlainFile)
	}
}

// If this fails, a second writer goes on beside the first one.
func TestIsLocked(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "T=old\n", 0o600)
	holder, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	if err := syscall.Flock(int(holder.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, path, secretstore.ErrLocked)
}

// If this fails, the only copy of an older encryption key is overwritten.
func TestKeyThatStandsTwice(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "ENCRYPTION_KEY=older\n# c\nENCRYPTION_KEY=old\n", 0o600)
	err := open(path).Apply(t.Context(), storetest.Put("ENCRYPTION_KEY", "old", "new"))
	if !errors.Is(err, secretstore.ErrTwice) || !strings.Contains(err.Error(), "1, 3") {
		t.Errorf("%v", err)
	}
	wantFile(t, path, "ENCRYPTION_KEY=older\n# c\nENCRYPTION_KEY=old\n", 0o600)
	path = writeFile(t, "T=older\nT=old\n", 0o600)
	store := envfile.New(path, envfile.Options{})
	storetest.MustApply(t, store, storetest.Put("T", "old", "new"))
	if notes := strings.Join(store.Notes(), "\n"); !strings.Contains(notes, "lines 1, 2") || strings.Contains(notes, "older") {
		t.Errorf("notes: %q", notes)
	}
}

// If this fails, a copy with old secrets lies about that nobody knows of, or the one asked for is missing.
func TestBackup(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "T=old\n", 0o644)
	store := envfile.New(path, envfile.Options{Backup: true, Now: func() time.Time { return time.Unix(1_800_000_000, 0) }})
	if err := store.Apply(t.Context(), storetest.Put("T", "other", "new")); !errors.Is(err, secretstore.ErrChanged) {
		t.Fatal(err)
	}
	if left := filesBeside(t, path); len(left) > 0 || len(store.Backups()) > 0 {
		t.Errorf("left behind: %q", left)
	}
	storetest.MustApply(t, store, storetest.Put("T", "old", "new"))
	if got := store.Backups(); len(got) != 1 || got[0] != path+".20270115T080000.000Z.bak" {
		t.Fatalf("backups: %q", got)
	}
	wantFile(t, store.Backups()[0], "T=old\n", 0o600)
	if err := store.Apply(t.Context(), storetest.Put("T", "new", "newer")); !errors.Is(err, os.ErrExist) {
		t.Errorf("over a copy that is there: %v", err)
	}
	wantFile(t, path, "T=new\n", 0o600)
}

// If this fails, what a crash has left stays, or what an administrator has set on the file is lost in silence.
func TestKeepsAttributes(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "T=old\n", 0o640)
	stale := filepath.Join(filepath.Dir(path), ".env.ocmt-new")
	if err := os.WriteFile(stale, []byte("T=half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(path, filepath.Join(filepath.Dir(path), "other-name")); err != nil {
		t.Fatal(err)
	}
	list := binary.LittleEndian.AppendUint32(nil, 2)
	for _, entry := range [][3]uint32{{1, 6, ^uint32(0)}, {2, 4, 1234}, {4, 4, ^uint32(0)}, {16, 4, ^uint32(0)}, {32, 0, ^uint32(0)}} {
		list = binary.LittleEndian.AppendUint16(list, uint16(entry[0]))
		list = binary.LittleEndian.AppendUint16(list, uint16(entry[1]))
		list = binary.LittleEndian.AppendUint32(list, entry[2])
	}
	attributes := map[string][]byte{"user.note": []byte("kept"), "system.posix_acl_access": list}
	for name, value := range attributes {
		if err := unix.Setxattr(path, name, value, 0); errors.Is(err, unix.ENOTSUP) {
			delete(attributes, name)
			t.Logf("the file system has no %s: not tried", name)
		} else if err != nil {
			t.Fatal(err)
		}
	}
	store := envfile.New(path, envfile.Options{})
	storetest.MustApply(t, store, storetest.Put("T", "old", "new"))
	wantFile(t, path, "T=new\n", 0o640)
	for name, want := range attributes {
		value := make([]byte, 1000)
		if size, err := unix.Getxattr(path, name, value); err != nil || string(value[:size]) != string(want) {
			t.Errorf("%s is %q, %v", name, value[:max(size, 0)], err)
		}
	}
	if left := filesBeside(t, path); len(left) != 1 {
		t.Errorf("left behind: %q", left)
	}
	if notes := store.Notes(); len(notes) != 1 || !strings.Contains(notes[0], "hard link") {
		t.Errorf("notes: %q", notes)
	}
}
