package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/ocmt/ocmt/internal/leak"
)

// Repository is a git repository that can be looked at.
type Repository struct {
	// Dir is the folder that was opened; it can be any folder of the repository.
	Dir string

	matcher     *leak.Matcher
	program     string
	environment []string
	limits      Limits
	gitDir      string // of this worktree
	commonDir   string // of all worktrees
	top         string // the top folder of the files that are checked out; "" for a bare repository
	shallow     bool
}

// Open looks for the repository that a folder is in, with the default limits. getenv is asked for PATH and
// HOME alone. Errors: ErrNoGit, ErrNotRepository, ErrForeignOwned, ErrBroken, ErrSlow and those of running git.
func Open(ctx context.Context, dir string, matcher *leak.Matcher, getenv func(string) string) (*Repository, error) {
	return OpenWithin(ctx, dir, matcher, getenv, Limits{})
}

// OpenWithin is Open with limits of how long each git may run.
func OpenWithin(ctx context.Context, dir string, matcher *leak.Matcher, getenv func(string) string, limits Limits) (*Repository, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("finding folder %q: %w", dir, err)
	}
	program, err := exec.LookPath("git")
	switch {
	case err != nil && hasGitDir(absolute):
		return nil, ErrNoGit
	case err != nil:
		return nil, ErrNotRepository
	}
	r := &Repository{Dir: absolute, matcher: matcher, program: program, environment: cleanEnvironment(getenv), limits: limits}
	if _, err := os.Stat(absolute); err != nil {
		return nil, fmt.Errorf("finding folder %q: %w", dir, err)
	}
	answer, err := r.output(ctx, absolute, nil, nil, "rev-parse", "--absolute-git-dir", "--git-common-dir", "--is-shallow-repository", "--is-bare-repository")
	if errors.Is(err, ErrNotRepository) && hasGitDir(absolute) {
		return nil, ErrBroken
	}
	if err != nil {
		return nil, err
	}
	lines := strings.Split(string(answer), "\n")
	if len(lines) != 5 {
		return nil, ErrBroken
	}
	r.gitDir, r.commonDir, r.shallow = lines[0], lines[1], lines[2] == "true"
	if !filepath.IsAbs(r.commonDir) {
		r.commonDir = filepath.Join(absolute, r.commonDir)
	}
	if lines[3] == "true" {
		return r, nil
	}
	// Within the git directory there is no top folder.
	if top, err := r.output(ctx, absolute, nil, nil, "rev-parse", "--show-toplevel"); err == nil {
		r.top = strings.TrimSuffix(string(top), "\n")
	}
	return r, nil
}

// hasGitDir reports whether a folder or one above it has a .git that git did not take for one, or
// one that this account may not look at.
func hasGitDir(dir string) bool {
	for {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return true
		}
		if dir == filepath.Dir(dir) {
			return false
		}
		dir = filepath.Dir(dir)
	}
}

// Top returns the top folder of the files that are checked out; "" for a bare repository.
func (r *Repository) Top() string { return r.top }

// GitDir returns the folder that names the repository: that which all its worktrees share.
func (r *Repository) GitDir() string { return r.commonDir }

// IsBare reports whether no files are checked out.
func (r *Repository) IsBare() bool { return r.top == "" }

// Submodules returns the git directories of the submodules that are kept in that of the repository.
// Their objects are not among those of the repository.
func (r *Repository) Submodules() []string {
	var list []string
	// The function returns no error of its own, and what cannot be read is told by ScanGitDir.
	_ = filepath.WalkDir(filepath.Join(r.commonDir, "modules"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return nil //nolint:nilerr // the other folders are looked at
		}
		if entry.Name() == "objects" && isGitDir(filepath.Dir(path)) {
			list = append(list, filepath.Dir(path))
			return fs.SkipDir
		}
		return nil
	})
	return list
}
