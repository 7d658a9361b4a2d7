//go:build unix

package gitrepo_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/gitrepo"
)

// short are limits that end a git that waits, within the patience of a test.
var short = gitrepo.Limits{Question: 2 * time.Second, Search: 2 * time.Second}

// makePipe makes a named pipe that nobody writes to.
func makePipe(t *testing.T, dir, name string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
}

// If this fails, a named pipe in a repository keeps the audit waiting for ever, or passes.
func TestNamedPipesDoNotHoldTheAudit(t *testing.T) {
	t.Parallel()
	unignored := func(r *gitrepo.Repository) error {
		_, err := r.UnignoredEnvFiles(t.Context())
		return err
	}
	incomplete := func(r *gitrepo.Repository) error {
		scan, err := r.Scan(t.Context())
		return errors.Join(append(scan.Incomplete, err)...)
	}
	for name, c := range map[string]struct {
		pipe string
		want error
		look func(*gitrepo.Repository) error
	}{
		"ignored names":            {".gitignore", gitrepo.ErrIrregular, unignored},
		"ignored names of a clone": {".git/info/exclude", gitrepo.ErrIrregular, unignored},
		"ignored names elsewhere":  {"srv/deep/.gitignore", gitrepo.ErrSlow, unignored},
		"borrowed objects":         {".git/objects/info/alternates", gitrepo.ErrIrregular, incomplete},
		"an object":                {".git/objects/ab/cdefabcdefabcdefabcdefabcdefabcdefabcd", gitrepo.ErrIrregular, incomplete},
		"a branch":                 {".git/refs/heads/side", gitrepo.ErrSlow, incomplete},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := newRepository(t)
			_ = os.Remove(filepath.Join(dir, c.pipe))
			r, err := gitrepo.OpenWithin(t.Context(), dir, newMatcher(), os.Getenv, short)
			if err != nil {
				t.Fatal(err)
			}
			makePipe(t, dir, c.pipe)
			if c.pipe == "srv/deep/.gitignore" {
				write(t, dir, "srv/deep/file", "x")
			}
			if err := c.look(r); !errors.Is(err, c.want) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// If this fails, a configuration that includes a named pipe keeps the audit waiting for ever.
func TestConfigurationThatWaits(t *testing.T) {
	t.Parallel()
	dir := newRepository(t)
	makePipe(t, dir, "pipe")
	git(t, dir, "config", "include.path", filepath.Join(dir, "pipe"))
	if _, err := gitrepo.OpenWithin(t.Context(), dir, newMatcher(), os.Getenv, short); !errors.Is(err, gitrepo.ErrSlow) {
		t.Errorf("error %v", err)
	}
}

// If this fails, what git has started goes on, and the audit waits for it.
// 4 seconds are less than the delay after which pipes that children hold are closed.
func TestChildrenOfGitEndWithIt(t *testing.T) {
	programs := t.TempDir()
	write(t, programs, "git", "#!/bin/sh\nsleep 60 &\nwait\n")
	if err := os.Chmod(filepath.Join(programs, "git"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", programs+":"+os.Getenv("PATH"))
	begin := time.Now()
	_, err := gitrepo.OpenWithin(t.Context(), t.TempDir(), newMatcher(), os.Getenv, gitrepo.Limits{Question: 200 * time.Millisecond})
	if took := time.Since(begin); !errors.Is(err, gitrepo.ErrSlow) || took > 4*time.Second {
		t.Errorf("error %v after %s", err, took)
	}
}
