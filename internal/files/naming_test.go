package files_test

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/files"
)

// makeFolders makes folders below a new one, and returns that with its links resolved.
func makeFolders(t *testing.T, names ...string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// If this fails, a finding that was accepted is new again when the same folder is named in another way, or
// from another place.
func TestNamesDoNotDependOnTheSpelling(t *testing.T) {
	t.Parallel()
	dir := makeFolders(t, "a/.git", "a/srv", "b/.git", "other/b/.git", "plain/srv", "bare/objects", "bare/refs", "bare/HEAD", "c/b", "c/.git")
	if err := os.Symlink("a", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		current string
		paths   []string
		want    [][2]string // name and repository
	}{
		"top":                    {"a", []string{"a"}, [][2]string{{"", "."}}},
		"top from elsewhere":     {"plain", []string{"a"}, [][2]string{{"", "."}}},
		"top through a link":     {"plain", []string{"link"}, [][2]string{{"", "."}}},
		"below the top":          {"a/srv", []string{"a/srv"}, [][2]string{{"srv", "."}}},
		"below, from elsewhere":  {"plain", []string{"link/srv"}, [][2]string{{"srv", "."}}},
		"bare":                   {"plain", []string{"bare"}, [][2]string{{"", "."}}},
		"git directory":          {"plain", []string{"a/.git"}, [][2]string{{".git", "."}}},
		"two folders":            {"a", []string{"a", "a/srv"}, [][2]string{{"", "."}, {"srv", "."}}},
		"two repositories":       {"a/srv", []string{"b", "a/srv"}, [][2]string{{"b", "b"}, {"srv", "."}}},
		"neither is the current": {"plain", []string{"a", "b"}, [][2]string{{"a", "a"}, {"b", "b"}}},
		"one name":               {"a", []string{"b", "other/b"}, [][2]string{{dir + "/b", dir + "/b"}, {dir + "/other/b", dir + "/other/b"}}},
		"name of a folder":       {"c", []string{"c", "b"}, [][2]string{{"", "."}, {dir + "/b", dir + "/b"}}},
		"no repository":          {"plain", []string{"plain"}, [][2]string{{"", "."}}},
		"below the current":      {"plain", []string{"plain/srv"}, [][2]string{{"srv", "."}}},
		"elsewhere":              {"a", []string{"plain"}, [][2]string{{dir + "/plain", dir + "/plain"}}},
	} {
		var paths []string
		for _, path := range c.paths {
			paths = append(paths, filepath.Join(dir, path))
		}
		var got [][2]string
		for _, folder := range files.NameFolders(filepath.Join(dir, c.current), paths) {
			got = append(got, [2]string{folder.Name, folder.Repository})
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// If this fails, an env file passes because another one that was found has the same name.
func TestFilesWithOneNameAreToldApart(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	other := makeFolders(t, ".git")
	if err := os.WriteFile(filepath.Join(other, ".env"), []byte("ADMIN_TOKEN=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.write(".env", "ADMIN_TOKEN=1\n", 0o644)
	d.options.Folders = files.NameFolders(d.dir, []string{other})
	d.options.EnvFiles = []files.EnvFile{{Path: ".env", Own: true}}
	d.wantFindings("OCMT-FIL-001", filepath.Join(d.dir, ".env")+" is not kept from others")
	if err := os.Chmod(d.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	d.wantFindings("OCMT-FIL-002", "is a folder in which every account can replace what is there")
}

// If this fails, a folder that is a link is not looked at, and what is in it passes.
func TestFolderThatIsALink(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.write(".env", "ADMIN_TOKEN=1\n", 0o644)
	link := filepath.Join(makeFolders(t), "link")
	if err := os.Symlink(d.dir, link); err != nil {
		t.Fatal(err)
	}
	d.options.Folders = []files.Folder{{Path: link}}
	d.wantFindings("OCMT-FIL-001", ".env is not kept from others")
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	d.wantOutcome("OCMT-FIL-001", audit.Unchecked)
}
