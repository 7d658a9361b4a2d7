package gitaudit_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/files"
	"github.com/ocmt/ocmt/internal/gitrepo/gitaudit"
	"github.com/ocmt/ocmt/internal/leak"
)

// token is an invented secret.
const token = "Zq8vT2mK5xR1wN7cB4yH9sD3"

func newMatcher() *leak.Matcher {
	return leak.New([]leak.Secret{{Name: "ADMIN_TOKEN", Value: config.NewSecret(token)}})
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=A", "-c", "user.email=a@example.org",
		"-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always", "-c", "gc.auto=0"}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v: %s", args[0], err, out)
	}
	return strings.TrimSpace(string(out))
}

// newRepository returns a repository as it should be.
func newRepository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, "init", "-q")
	commit(t, dir, ".gitignore", ".env\n.env.*\n!.env.example\n")
	commit(t, dir, ".env.example", `# The settings of the server
ENCRYPTION_KEY=generate-64-hex-chars-32-bytes-key
ADMIN_TOKEN="change-me-to-a-long-random-token" # openssl rand
AUTH_TOKEN=
CSRF_SECRET=${CSRF_SECRET}
SESSION_SECRET=<at least 32 characters>
DATABASE_URL=postgresql://ocmt:password@localhost:5432/ocmt
REDIS_URL=redis://localhost:6379
GOOGLE_CLIENT_SECRET=your-google-client-secret
PORT=300000000000
`)
	write(t, dir, ".env", "ADMIN_TOKEN="+token+"\n")
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
	git(t, dir, "add", "-f", name)
	git(t, dir, "commit", "-qm", "Add "+name)
}

type silent struct{}

func (silent) Checking(string, int, int) {}

// ask runs one check on the repositories of folders, and fails if its result has a secret.
func ask(t *testing.T, id string, matcher *leak.Matcher, folders ...string) audit.Result {
	t.Helper()
	sources := &audit.Sources{Git: gitaudit.OpenFolders(t.Context(), files.NameFolders("", folders), matcher, os.Getenv)}
	report, err := audit.Run(t.Context(), sources, audit.Request{Only: []string{id}, Now: time.Unix(0, 0)}, silent{})
	if err != nil {
		t.Fatal(err)
	}
	if printed := fmt.Sprintf("%+v", report); len(newMatcher().Find([]byte(printed))) > 0 || strings.Contains(printed, "hunter2") {
		t.Error("the result has a secret")
	}
	return report.Results[0]
}

var checks = []string{"GIT-001", "GIT-002", "GIT-003", "GIT-004", "GIT-005"}

// If this fails, an operator who has done everything right is told of faults, and stops reading them.
func TestSoundRepositoryPasses(t *testing.T) {
	t.Parallel()
	dir := newRepository(t)
	for _, id := range checks {
		if r := ask(t, id, newMatcher(), dir, filepath.Join(dir, ".git")); r.Outcome != audit.Pass || r.Looked == "" {
			t.Errorf("%s: %s, findings %+v, gaps %+v", id, r.Outcome, r.Findings, r.Gaps)
		}
		if r := ask(t, id, newMatcher(), t.TempDir()); r.Outcome != audit.NotApplicable || r.Absent == "" {
			t.Errorf("%s outside of a repository: %s", id, r.Outcome)
		}
	}
	bare := filepath.Join(t.TempDir(), "bare")
	git(t, dir, "clone", "-q", "--bare", dir, bare)
	if r := ask(t, "GIT-004", newMatcher(), bare); r.Outcome != audit.NotApplicable {
		t.Errorf("a bare repository: %s", r.Outcome)
	}
	if r := ask(t, "GIT-002", leak.New(nil), dir); r.Outcome != audit.NotApplicable {
		t.Errorf("without secrets: %s", r.Outcome)
	}
}

// If this fails, a code host shows what is wrong in one repository at a file of another.
func TestFilesOfSeveralRepositories(t *testing.T) {
	t.Parallel()
	current, parent := newRepository(t), t.TempDir()
	other := filepath.Join(parent, "other")
	if err := os.Rename(newRepository(t), other); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{current, other} {
		commit(t, dir, "srv/.env", "A=1")
		commit(t, dir, ".gitignore", "")
	}
	for id, want := range map[string][]string{"GIT-001": {"srv/.env", "other/srv/.env"}, "GIT-004": {".gitignore", "other/.gitignore"}} {
		sources := &audit.Sources{Git: gitaudit.OpenFolders(t.Context(), files.NameFolders(current, []string{current, other}), newMatcher(), os.Getenv)}
		report, err := audit.Run(t.Context(), sources, audit.Request{Only: []string{id}, Now: time.Unix(0, 0)}, silent{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, finding := range report.Findings() {
			got = append(got, finding.File)
		}
		slices.Sort(got)
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", id, got, want)
		}
	}
}

// If this fails, a secret that is in git is not reported.
func TestEachFaultIsFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		id, cause, place, message string
		severity                  audit.Severity
		spoil                     func(t *testing.T, dir string)
	}{
		"tracked": {"GIT-001", "srv/.env", "srv/.env", "tracked", audit.Critical, func(t *testing.T, dir string) { commit(t, dir, "srv/.env", "A=1") }},
		"example with a secret": {"GIT-001", ".env.sample", ".env.sample", "example", audit.High, func(t *testing.T, dir string) {
			commit(t, dir, ".env.sample", "# CSRF_SECRET=9f3c1b7ae25d40688c7f\nDATABASE_URL=postgresql://o:hunter2hunter2@db/o\n")
		}},
		"secret in the history": {"GIT-002", "ADMIN_TOKEN", "conf/app.yaml", "history", audit.Critical, func(t *testing.T, dir string) {
			commit(t, dir, "conf/app.yaml", "token: "+token)
			git(t, dir, "rm", "-q", "conf/app.yaml")
			git(t, dir, "commit", "-qm", "Remove")
		}},
		"secret in a message": {"GIT-002", "ADMIN_TOKEN", "message of commit", "history", audit.Critical, func(t *testing.T, dir string) {
			git(t, dir, "commit", "-q", "--allow-empty", "-m", token)
		}},
		"secret staged once": {"GIT-002", "ADMIN_TOKEN", "in no commit", "history", audit.Critical, func(t *testing.T, dir string) {
			git(t, dir, "add", "-f", ".env")
			git(t, dir, "rm", "-q", "--cached", ".env")
		}},
		"env file in the history": {"GIT-003", ".env.production", "old/.env.production", "committed", audit.High, func(t *testing.T, dir string) {
			commit(t, dir, "old/.env.production", "A=1")
			git(t, dir, "rm", "-q", "old/.env.production")
			git(t, dir, "commit", "-qm", "Remove")
		}},
		"not ignored": {"GIT-004", "env files", ".env", "ignored", audit.Medium, func(t *testing.T, dir string) { write(t, dir, ".gitignore", "*.log\n") }},
		"remote with a password": {"GIT-005", "config of the git directory", "config", "credential", audit.High, func(t *testing.T, dir string) {
			git(t, dir, "remote", "add", "origin", "https://ci:hunter2hunter2@example.org/a.git")
		}},
		"hook with a secret": {"GIT-005", "ADMIN_TOKEN", "hooks/post-merge", "secret", audit.High, func(t *testing.T, dir string) {
			write(t, dir, ".git/hooks/post-merge", "TOKEN="+token+"\n")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := newRepository(t)
			c.spoil(t, dir)
			r := ask(t, c.id, newMatcher(), dir)
			if r.Outcome != audit.Found || len(r.Findings) != 1 {
				t.Fatalf("%s, findings %+v, gaps %+v", r.Outcome, r.Findings, r.Gaps)
			}
			f := r.Findings[0]
			if !strings.Contains(f.Cause, c.cause) || f.Severity != c.severity || !strings.Contains(strings.Join(f.Places, " "), c.place) || !strings.Contains(f.Message, c.message) {
				t.Errorf("found %+v", f)
			}
		})
	}
}

// If this fails, a fault that was accepted hides a new one beside it.
func TestFindOfAnotherContentIsAnotherObject(t *testing.T) {
	t.Parallel()
	dir := newRepository(t)
	commit(t, dir, "a", token)
	before := ask(t, "GIT-002", newMatcher(), dir).Findings[0]
	commit(t, dir, "b", "x"+token)
	after := ask(t, "GIT-002", newMatcher(), dir).Findings[0]
	if before.Digest != after.Digest || len(before.Objects) != 1 || len(after.Objects) != 2 {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

// If this fails, a repository that could not be looked at passes.
func TestRepositoryThatCannotBeSeenIsAGap(t *testing.T) {
	t.Parallel()
	dir := newRepository(t)
	shallow, broken := filepath.Join(t.TempDir(), "shallow"), newRepository(t)
	git(t, dir, "clone", "-q", "--depth=1", "file://"+dir, shallow)
	write(t, broken, ".git/HEAD", "nothing\n")
	for _, id := range checks {
		r := ask(t, id, newMatcher(), broken, dir)
		if r.Outcome != audit.Unchecked || len(r.Gaps) != 1 || r.Gaps[0].Grant == "" {
			t.Errorf("%s, broken: %s, gaps %+v, findings %+v", id, r.Outcome, r.Gaps, r.Findings)
		}
	}
	for _, id := range []string{"GIT-002", "GIT-003"} {
		if r := ask(t, id, newMatcher(), shallow); r.Outcome != audit.Unchecked || !strings.Contains(r.Gaps[0].Grant, "--unshallow") {
			t.Errorf("%s, shallow: %s, gaps %+v", id, r.Outcome, r.Gaps)
		}
	}
	short := leak.New([]leak.Secret{{Name: "ADMIN_PASSWORD", Value: config.NewSecret("short")}})
	for _, id := range []string{"GIT-002", "GIT-005"} {
		if r := ask(t, id, short, dir); r.Outcome != audit.Unchecked || !strings.Contains(r.Gaps[0].What, "ADMIN_PASSWORD") {
			t.Errorf("%s, a short secret: %s, gaps %+v", id, r.Outcome, r.Gaps)
		}
	}
}

// If this fails, one repository with two worktrees has each fault twice.
func TestWorktreesShareTheirHistory(t *testing.T) {
	t.Parallel()
	dir, other := newRepository(t), filepath.Join(t.TempDir(), "other")
	commit(t, dir, "conf", token)
	git(t, dir, "worktree", "add", "-q", "-b", "other", other)
	if r := ask(t, "GIT-002", newMatcher(), dir, other); len(r.Findings) != 1 || r.Findings[0].Count != 1 {
		t.Errorf("findings %+v", r.Findings)
	}
}

// If this fails, a secret in the history of a submodule is overlooked, because its objects are elsewhere.
func TestSubmodulesAreSearched(t *testing.T) {
	t.Parallel()
	dir, module := newRepository(t), newRepository(t)
	commit(t, module, "conf", token)
	git(t, dir, "submodule", "--quiet", "add", module, "sub")
	git(t, dir, "commit", "-qm", "Add a submodule")
	r := ask(t, "GIT-002", newMatcher(), dir)
	if len(r.Findings) != 1 || !strings.Contains(r.Findings[0].Cause, "submodule sub") {
		t.Errorf("findings %+v, gaps %+v", r.Findings, r.Gaps)
	}
	if r := ask(t, "GIT-005", newMatcher(), dir); r.Outcome != audit.Pass {
		t.Errorf("%s, findings %+v, gaps %+v", r.Outcome, r.Findings, r.Gaps)
	}
}

// If this fails, what was accepted in a baseline is new again when the folder is named in another way, or
// after git gc.
func TestFindingsDoNotDependOnTheSpelling(t *testing.T) {
	t.Parallel()
	dir, link := newRepository(t), filepath.Join(t.TempDir(), "link")
	for i := range 30 {
		write(t, dir, fmt.Sprintf("srv/conf%d", i), fmt.Sprintf("%s %d", token, i))
	}
	git(t, dir, "add", "-A")
	commit(t, dir, "srv/.env.production", "A=1")
	write(t, dir, ".git/description", token)
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	known := map[string]string{}
	for round, folder := range []string{dir, dir + "/./", link, filepath.Join(dir, "srv"), filepath.Join(dir, "srv", "..")} {
		for _, id := range []string{"GIT-001", "GIT-002", "GIT-003", "GIT-005"} {
			got := ""
			for _, finding := range ask(t, id, newMatcher(), folder).Findings {
				got += fmt.Sprintln(finding.Cause, finding.Digest, finding.Objects, finding.File)
			}
			if round == 0 {
				known[id] = got
			}
			if got == "" || got != known[id] {
				t.Errorf("%s of %s: %s, before %s", id, folder, got, known[id])
			}
		}
		git(t, dir, "gc", "-q")
	}
}
