//go:build unix

package gitrepo_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/gitrepo"
)

// short are limits that end a git that waits. A git that does not wait must stay below them on a
// machine that is busy with much else.
var short = gitrepo.Limits{Question: 10 * time.Second, Search: 10 * time.Second}

// long are limits that nothing reaches which does not wait for ever.
var long = gitrepo.Limits{Question: 10 * time.Minute, Search: 10 * time.Minute}

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
			limits := long
			if errors.Is(c.want, gitrepo.ErrSlow) {
				limits = short
			}
			r, err := gitrepo.OpenWithin(t.Context(), dir, newMatcher(), os.Getenv, limits)
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
func TestChildrenOfGitEndWithIt(t *testing.T) {
	programs := t.TempDir()
	child := filepath.Join(programs, "child")
	write(t, programs, "git", "#!/bin/sh\nsleep 600 &\necho $! >"+child+".new; mv "+child+".new "+child+"\nwait\n")
	if err := os.Chmod(filepath.Join(programs, "git"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", programs+":"+os.Getenv("PATH"))
	// On a busy machine git may be ended before it has started anything.
	for limit := 200 * time.Millisecond; ; limit *= 2 {
		_, err := gitrepo.OpenWithin(t.Context(), t.TempDir(), newMatcher(), os.Getenv, gitrepo.Limits{Question: limit})
		if !errors.Is(err, gitrepo.ErrSlow) {
			t.Fatalf("error %v", err)
		}
		text, err := os.ReadFile(child)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		mustHaveEnded(t, strings.TrimSpace(string(text)))
		return
	}
}

// mustHaveEnded fails where a process is at work. One that ended and that nobody has waited for
// yet counts as ended.
func mustHaveEnded(t *testing.T, pid string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err == nil && strings.Contains(string(text), "(sleep)") && !strings.Contains(string(text), ") Z ") {
		t.Errorf("what git has started goes on: %s", text)
	}
}
