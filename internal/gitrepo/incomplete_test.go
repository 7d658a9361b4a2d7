package gitrepo_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/gitrepo"
)

// If this fails, a repository of which git shows a part counts as searched.
func TestWhatCannotBeSeenIsSaid(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		want error
		make func(t *testing.T, dir, other string) string
	}{
		"shallow": {gitrepo.ErrShallow, func(t *testing.T, dir, other string) string {
			git(t, dir, "clone", "-q", "--depth=1", "file://"+dir, other)
			return other
		}},
		"partial": {gitrepo.ErrPartial, func(t *testing.T, dir, other string) string {
			git(t, dir, "config", "uploadpack.allowFilter", "true")
			git(t, dir, "clone", "-q", "--filter=blob:none", "--no-checkout", "file://"+dir, other)
			return other
		}},
		"missing object": {gitrepo.ErrMissingObjects, func(t *testing.T, dir, _ string) string {
			remove(t, objectPath(dir, git(t, dir, "rev-parse", "HEAD:old")))
			return dir
		}},
		"missing commit": {gitrepo.ErrMissingObjects, func(t *testing.T, dir, _ string) string {
			remove(t, objectPath(dir, git(t, dir, "rev-parse", "HEAD~1")))
			return dir
		}},
		"broken object": {gitrepo.ErrUnreadable, func(t *testing.T, dir, _ string) string {
			path := objectPath(dir, git(t, dir, "rev-parse", "HEAD:old"))
			remove(t, path)
			write(t, filepath.Dir(path), filepath.Base(path), "no object")
			return dir
		}},
		"broken pack": {gitrepo.ErrUnreadable, func(t *testing.T, dir, _ string) string {
			git(t, dir, "gc", "-q")
			packs, err := filepath.Glob(filepath.Join(dir, ".git/objects/pack/*.pack"))
			if err != nil || len(packs) != 1 {
				t.Fatalf("%v %v", packs, err)
			}
			pack, err := os.ReadFile(packs[0])
			if err != nil {
				t.Fatal(err)
			}
			for i := 12; i < len(pack)-20; i++ {
				pack[i] ^= 0x55
			}
			remove(t, packs[0])
			write(t, filepath.Dir(packs[0]), filepath.Base(packs[0]), string(pack))
			return dir
		}},
		"missing alternate": {gitrepo.ErrMissingAlternate, func(t *testing.T, dir, other string) string {
			git(t, dir, "clone", "-q", "--shared", dir, other)
			write(t, other, ".git/objects/info/alternates", filepath.Join(dir, "gone/objects")+"\n")
			return other
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := newRepository(t)
			commit(t, dir, "old", "old\n")
			commit(t, dir, "found", token)
			place := c.make(t, dir, filepath.Join(t.TempDir(), "other"))
			s := scan(t, place)
			if !slices.ContainsFunc(s.Incomplete, func(err error) bool { return errors.Is(err, c.want) }) {
				t.Errorf("incomplete: %v, want %v", s.Incomplete, c.want)
			}
			if strings.HasPrefix(name, "missing") && name != "missing alternate" && len(s.Finds) != 1 {
				t.Errorf("what is there was not searched: %+v", s)
			}
		})
	}
}

// If this fails, a complete repository that borrows objects is reported for nothing, and the objects
// that it borrows are not searched.
func TestAlternatesAreSearched(t *testing.T) {
	t.Parallel()
	dir, other := newRepository(t), filepath.Join(t.TempDir(), "other")
	commit(t, dir, "conf", token)
	git(t, dir, "clone", "-q", "--shared", dir, other)
	if s := scan(t, other); len(s.Finds) != 1 || len(s.Incomplete) > 0 {
		t.Errorf("%+v", s)
	}
}

func objectPath(dir, id string) string { return filepath.Join(dir, ".git/objects", id[:2], id[2:]) }

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// If this fails, a folder that could not be looked at counts as one without a repository, or the
// other way round.
func TestOpenSaysWhyItCannot(t *testing.T) {
	t.Parallel()
	broken := newRepository(t)
	remove(t, filepath.Join(broken, ".git/HEAD"))
	for name, c := range map[string]struct {
		dir  string
		want error
	}{
		"no repository": {t.TempDir(), gitrepo.ErrNotRepository},
		"broken":        {filepath.Join(broken), gitrepo.ErrBroken},
		"no folder":     {filepath.Join(broken, "gone"), os.ErrNotExist},
	} {
		if _, err := gitrepo.Open(t.Context(), c.dir, newMatcher(), os.Getenv); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// If this fails, git's refusal of a folder of another account is taken for an empty repository.
func TestForeignOwnedRepositoryIsRefused(t *testing.T) {
	t.Parallel()
	dir := newRepository(t)
	const other = 12345
	for _, path := range []string{dir, filepath.Join(dir, ".git")} {
		if err := os.Chown(path, other, other); err != nil {
			t.Skip("only root can give a folder to another account")
		}
	}
	if _, err := gitrepo.Open(t.Context(), dir, newMatcher(), os.Getenv); !errors.Is(err, gitrepo.ErrForeignOwned) {
		t.Errorf("error %v", err)
	}
}
