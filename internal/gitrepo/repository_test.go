package gitrepo_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/gitrepo"
	"github.com/ocmt/ocmt/internal/leak"
)

// token is an invented secret.
const token = "Zq8vT2mK5xR1wN7cB4yH9sD3"

func newMatcher() *leak.Matcher {
	return leak.New([]leak.Secret{{Name: "ADMIN_TOKEN", Value: config.NewSecret(token)}})
}

// git runs git as a user would, with a configuration of its own.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=A", "-c", "user.email=a@example.org",
		"-c", "init.defaultBranch=main", "-c", "commit.gpgSign=false", "-c", "protocol.file.allow=always", "-c", "gc.auto=0"}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v: %s", args[0], err, out)
	}
	return strings.TrimSpace(string(out))
}

// newRepository returns a repository with one commit.
func newRepository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, "init", "-q")
	write(t, dir, "README", "a readme\n")
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-qm", "Begin")
	return dir
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func commit(t *testing.T, dir, name, text string) {
	t.Helper()
	write(t, dir, name, text)
	git(t, dir, "add", "-A", "-f")
	git(t, dir, "commit", "-qm", "Change "+filepath.Base(name))
}

func open(t *testing.T, dir string) *gitrepo.Repository {
	t.Helper()
	r, err := gitrepo.Open(t.Context(), dir, newMatcher(), os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func scan(t *testing.T, dir string) *gitrepo.Scan {
	t.Helper()
	s, err := open(t, dir).Scan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// hide puts a secret into a repository in a way that its files do not show.
var hide = map[string]func(t *testing.T, dir string){
	"deleted file": func(t *testing.T, dir string) {
		commit(t, dir, "conf", "TOKEN="+token)
		git(t, dir, "rm", "-q", "conf")
		git(t, dir, "commit", "-qm", "Remove")
	},
	"deleted branch": func(t *testing.T, dir string) {
		git(t, dir, "switch", "-qc", "side")
		commit(t, dir, "conf", "TOKEN="+token)
		git(t, dir, "switch", "-q", "main")
		git(t, dir, "branch", "-qD", "side")
		git(t, dir, "reflog", "expire", "--expire=now", "--all")
	},
	"stash": func(t *testing.T, dir string) {
		write(t, dir, "README", token)
		git(t, dir, "stash", "-q")
	},
	"note":           func(t *testing.T, dir string) { git(t, dir, "notes", "add", "-m", "the token is "+token) },
	"annotated tag":  func(t *testing.T, dir string) { git(t, dir, "tag", "-a", "v1", "-m", token) },
	"commit message": func(t *testing.T, dir string) { git(t, dir, "commit", "-q", "--allow-empty", "-m", "Use "+token) },
	"name of a file": func(t *testing.T, dir string) { commit(t, dir, "backup-"+token, "x") },
	"staged once": func(t *testing.T, dir string) {
		write(t, dir, "conf", token)
		git(t, dir, "add", "conf")
		git(t, dir, "rm", "-q", "--cached", "conf")
	},
	"merge alone": func(t *testing.T, dir string) {
		git(t, dir, "switch", "-qc", "side")
		commit(t, dir, "a", "a")
		git(t, dir, "switch", "-q", "main")
		commit(t, dir, "b", "b")
		git(t, dir, "merge", "-q", "--no-commit", "side")
		commit(t, dir, "conf", token)
	},
	"Base64, packed": func(t *testing.T, dir string) {
		commit(t, dir, "secret.yaml", "token: "+base64.StdEncoding.EncodeToString([]byte("ADMIN_TOKEN="+token+"\n")))
		git(t, dir, "gc", "-q")
	},
	"large file, loose": func(t *testing.T, dir string) {
		commit(t, dir, "dump", strings.Repeat("line of a dump\n", 100_000)+token+strings.Repeat("more lines\n", 90_000))
	},
	"large file, packed": func(t *testing.T, dir string) {
		commit(t, dir, "dump", strings.Repeat("x", 1<<20-10)+token+strings.Repeat("more lines\n", 90_000))
		git(t, dir, "gc", "-q")
	},
	"SHA-256 repository": func(t *testing.T, dir string) {
		if err := os.RemoveAll(filepath.Join(dir, ".git")); err != nil {
			t.Fatal(err)
		}
		git(t, dir, "init", "-q", "--object-format=sha256")
		commit(t, dir, ".env", token)
	},
}

// If this fails, an operator takes a secret for safe that everyone with a clone can read.
func TestSecretIsFoundWhereverItIs(t *testing.T) {
	t.Parallel()
	for name, put := range hide {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := newRepository(t)
			if s := scan(t, dir); len(s.Finds) > 0 || len(s.Incomplete) > 0 || s.Objects != 3 {
				t.Fatalf("a clean repository: %+v", s)
			}
			put(t, dir)
			s := scan(t, dir)
			if len(s.Finds) != 1 || s.Finds[0].Secret != "ADMIN_TOKEN" || s.Finds[0].Count == 0 || len(s.Finds[0].Objects) == 0 {
				t.Fatalf("found %+v", s.Finds)
			}
			if len(s.Incomplete) > 0 {
				t.Errorf("incomplete: %v", s.Incomplete)
			}
		})
	}
}

// If this fails, the search misses a repository whose git directory is elsewhere.
func TestWorktreesAndBareRepositories(t *testing.T) {
	t.Parallel()
	dir, other := newRepository(t), t.TempDir()
	commit(t, dir, "deep/er/.env", token)
	git(t, dir, "worktree", "add", "-q", filepath.Join(other, "tree"), "-b", "tree")
	git(t, dir, "clone", "-q", "--bare", dir, filepath.Join(other, "bare"))
	for _, place := range []string{filepath.Join(other, "tree"), filepath.Join(other, "bare"), filepath.Join(dir, "deep"), filepath.Join(dir, ".git")} {
		s := scan(t, place)
		if len(s.Finds) != 1 || len(s.EnvFiles) != 1 || len(s.Incomplete) > 0 {
			t.Errorf("%s: %+v", filepath.Base(place), s)
		}
		tracked, err := open(t, place).TrackedEnvFiles(t.Context())
		if err != nil || len(tracked) != 1 || tracked[0].Path != "deep/er/.env" {
			t.Errorf("%s: tracked %+v, error %v", filepath.Base(place), tracked, err)
		}
	}
	if a, b := open(t, dir), open(t, filepath.Join(other, "tree")); a.GitDir() != b.GitDir() {
		t.Errorf("one repository has two names: %s and %s", a.GitDir(), b.GitDir())
	}
}

// If this fails, an operator does not learn that an env file was ever committed, or is told of
// examples.
func TestEnvFilesOfTheHistory(t *testing.T) {
	t.Parallel()
	dir := newRepository(t)
	for name, text := range map[string]string{"app/.env": "A=1", ".env.production": "B=2", "prod.ENV": "C=3", ".env.example": "D=", "environment.ts": "x", ".environment": "y", "sub/.env/inner": "z"} {
		commit(t, dir, name, text)
	}
	git(t, dir, "rm", "-rq", ".")
	git(t, dir, "commit", "-qm", "Remove all")
	commit(t, dir, ".env", "A=4")
	got := map[string]int64{}
	for _, e := range scan(t, dir).EnvFiles {
		got[e.Name] = e.Count
	}
	if len(got) != 3 || got[".env"] != 2 || got[".env.production"] != 1 || got["prod.ENV"] != 1 {
		t.Errorf("found %v", got)
	}
}

// If this fails, an operator cannot tell which commit has to be cut out of the history.
func TestCommitOfAFindIsNamed(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"deleted file", "stash", "merge alone", "staged once"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			dir := newRepository(t)
			hide[how](t, dir)
			blob := ""
			for _, o := range scan(t, dir).Finds[0].Objects {
				if o.Kind == "blob" {
					blob = o.ID
				}
			}
			places, err := open(t, dir).Locate(t.Context(), []string{blob})
			if err != nil {
				t.Fatal(err)
			}
			place, there := places[blob]
			if there == (how == "staged once") {
				t.Fatalf("located: %v", places)
			}
			if there && !strings.Contains(git(t, dir, "show", place.Commit+":"+place.Path), token) {
				t.Errorf("%+v does not have it", place)
			}
		})
	}
}

// If this fails, objects that were accepted in a baseline come back as new after git gc, and others vanish.
func TestNamedObjectsDoNotDependOnTheirOrder(t *testing.T) {
	t.Parallel()
	dir := newRepository(t)
	for i := range 30 {
		write(t, dir, fmt.Sprintf("conf%d", i), fmt.Sprintf("TOKEN=%s %d", token, i))
		write(t, dir, fmt.Sprintf("%d/.env", i), fmt.Sprintf("NUMBER=%d", i))
	}
	git(t, dir, "add", "-A", "-f")
	git(t, dir, "commit", "-qm", "Add all")
	before := scan(t, dir)
	git(t, dir, "gc", "-q")
	after := scan(t, dir)
	if !reflect.DeepEqual(before.Finds, after.Finds) || !reflect.DeepEqual(before.EnvFiles, after.EnvFiles) {
		t.Errorf("before git gc %+v, after it %+v", before, after)
	}
	objects := after.Finds[0].Objects
	if after.Finds[0].Count != 30 || len(objects) != 20 || !slices.IsSortedFunc(objects, func(a, b gitrepo.Object) int { return strings.Compare(a.ID, b.ID) }) {
		t.Errorf("found %+v", after.Finds[0])
	}
}
