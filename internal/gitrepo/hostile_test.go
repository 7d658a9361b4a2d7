package gitrepo_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/gitrepo"
)

// lookAtAll calls everything that runs git.
func lookAtAll(t *testing.T, r *gitrepo.Repository) {
	t.Helper()
	s, err := r.Scan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{"0123456789012345678901234567890123456789"}
	for _, f := range s.Finds {
		for _, o := range f.Objects {
			ids = append(ids, o.ID)
		}
	}
	if _, err := r.Locate(t.Context(), ids); err != nil {
		t.Fatal(err)
	}
	if _, err := r.TrackedEnvFiles(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.NotIgnored(t.Context(), []string{".env"}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.ScanGitDir(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// If this fails, who sends an operator a repository runs programs with the operator's rights.
func TestConfigurationOfARepositoryRunsNothing(t *testing.T) {
	t.Parallel()
	dir, mark := newRepository(t), filepath.Join(t.TempDir(), "ran")
	commit(t, dir, ".env.example", token)
	commit(t, dir, "conf.txt", token)
	write(t, dir, "conf.txt", "changed")
	write(t, dir, ".gitattributes", "* diff=evil filter=evil\n")
	script := filepath.Join(dir, ".git/evil")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho $0 $@ >>"+mark+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	hooks, err := filepath.Glob(filepath.Join(dir, ".git/hooks/*.sample"))
	if err != nil {
		t.Fatal(err)
	}
	for _, hook := range append(hooks, filepath.Join(dir, ".git/hooks/fsmonitor-watchman")) {
		if err := os.Symlink(script, strings.TrimSuffix(hook, ".sample")); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
	config, err := os.OpenFile(filepath.Join(dir, ".git/config"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = config.WriteString(strings.ReplaceAll(`
[core]
	fsmonitor = EVIL
	pager = EVIL
	editor = EVIL
	sshCommand = EVIL
	gitProxy = EVIL
	askPass = EVIL
	alternateRefsCommand = EVIL
	untrackedCache = true
[diff]
	external = EVIL
[diff "evil"]
	textconv = EVIL
	command = EVIL
[filter "evil"]
	clean = EVIL
	smudge = EVIL
	process = EVIL
	required = true
[gpg]
	program = EVIL
[log]
	showSignature = true
[pager]
	log = EVIL
	ls-files = EVIL
	cat-file = EVIL
	check-ignore = EVIL
[credential]
	helper = EVIL
[alias]
	log = !EVIL
[remote "origin"]
	url = ext::EVIL
	promisor = true
	partialclonefilter = blob:none
	uploadpack = EVIL
[extensions]
	partialClone = origin
[protocol]
	allow = always
`, "EVIL", script))
	_ = config.Close()
	for _, missing := range []string{"HEAD:README"} { // a missing object of a partial clone is fetched
		remove(t, objectPath(dir, gitClean(t, dir, "rev-parse", missing)))
	}
	lookAtAll(t, open(t, dir))
	if ran, err := os.ReadFile(mark); err == nil {
		t.Errorf("it ran: %s", ran)
	}
}

// gitClean runs git without what TestConfigurationOfARepositoryRunsNothing configures.
func gitClean(t *testing.T, dir string, args ...string) string {
	t.Helper()
	return git(t, dir, append([]string{"--no-pager", "-c", "core.fsmonitor=false"}, args...)...)
}

// If this fails, every account of the machine reads a secret from the list of processes, or from
// the environment of git.
func TestNoSecretGetsToGit(t *testing.T) {
	program, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	dir := newRepository(t)
	commit(t, dir, "conf", token)
	bin, seen := t.TempDir(), filepath.Join(t.TempDir(), "seen")
	script := "#!/bin/sh\n{ echo \"$@\"; env; } >>" + seen + "\nexec " + program + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "git"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("ADMIN_TOKEN", token)
	t.Setenv("GIT_DIR", "/nonexistent")
	t.Setenv("GIT_EXTERNAL_DIFF", "false")
	t.Setenv("TMPDIR", t.TempDir())
	lookAtAll(t, open(t, dir))
	text, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	if len(newMatcher().Find(text)) > 0 || strings.Contains(string(text), "GIT_DIR=") || strings.Contains(string(text), "GIT_EXTERNAL_DIFF") {
		t.Error("git gets more than it needs")
	}
	if !strings.Contains(string(text), "cat-file --batch-all-objects") {
		t.Error("the program of this test was not used")
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("temporary files: %v, error %v", left, err)
	}
}
