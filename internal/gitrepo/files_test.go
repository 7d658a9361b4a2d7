package gitrepo_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/ocmt/ocmt/internal/gitrepo"
)

// If this fails, an operator does not learn that the env file goes into every clone.
func TestTrackedEnvFiles(t *testing.T) {
	t.Parallel()
	dir := newRepository(t)
	commit(t, dir, "srv/.env", "A=1")
	commit(t, dir, "with\nnewline/.env.local", "A=1")
	commit(t, dir, ".env.example", "A=example")
	write(t, dir, ".env", "A=not tracked")
	files, err := open(t, filepath.Join(dir, "srv")).TrackedEnvFiles(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []gitrepo.TrackedFile{{Path: ".env.example", Example: true, Text: []byte("A=example")}, {Path: "srv/.env"}, {Path: "with\nnewline/.env.local"}}
	if !reflect.DeepEqual(files, want) {
		t.Errorf("tracked: %+v", files)
	}
	bare := t.TempDir()
	git(t, bare, "init", "-q", "--bare")
	if files, err := open(t, bare).TrackedEnvFiles(t.Context()); err != nil || files != nil {
		t.Errorf("empty: %v, error %v", files, err)
	}
}

// If this fails, the next git add -A commits the env file.
func TestNotIgnored(t *testing.T) {
	t.Parallel()
	dir, home := newRepository(t), t.TempDir()
	write(t, dir, ".gitignore", ".env\n.env.*\n!.env.production\n")
	write(t, home, ".config/git/ignore", "*\n")
	write(t, home, ".gitconfig", "[core]\n\texcludesFile = "+filepath.Join(home, ".config/git/ignore")+"\n")
	names := []string{".env", ".env.local", ".env.production", "prod.env"}
	getenv := func(name string) string {
		if name == "HOME" {
			return home
		}
		return os.Getenv(name)
	}
	r, err := gitrepo.Open(t.Context(), dir, newMatcher(), getenv)
	if err != nil {
		t.Fatal(err)
	}
	if left, err := r.NotIgnored(t.Context(), names); err != nil || !reflect.DeepEqual(left, []string{".env.production", "prod.env"}) {
		t.Errorf("not ignored: %v, error %v", left, err)
	}
	if left, err := r.NotIgnored(t.Context(), []string{".env"}); err != nil || left != nil {
		t.Errorf("not ignored: %v, error %v", left, err)
	}
	if left, err := r.NotIgnored(t.Context(), []string{"other"}); err != nil || !reflect.DeepEqual(left, []string{"other"}) {
		t.Errorf("not ignored: %v, error %v", left, err)
	}
	bare := t.TempDir()
	git(t, bare, "init", "-q", "--bare")
	if _, err := open(t, bare).NotIgnored(t.Context(), names); !errors.Is(err, gitrepo.ErrBare) {
		t.Errorf("error %v", err)
	}
}

// If this fails, a password in the address of a remote is overlooked, or an address without one is
// reported.
func TestPlainFilesOfTheGitDirectory(t *testing.T) {
	t.Parallel()
	dir := newRepository(t)
	write(t, dir, ".git/hooks/post-commit", "#!/bin/sh\ncurl -H 'Authorization: Bearer "+token+"' https://example.org\n")
	write(t, dir, ".git/FETCH_HEAD", "abc\tbranch 'main' of https://ci:hunter2hunter2@example.org/a.git\n")
	write(t, dir, ".git/modules/sub/config", "[remote \"o\"]\n\turl = https://ghp_abcdefghijklmnopqrstuvwxyz0123@example.org/a.git\n")
	write(t, dir, ".git/worktrees/w/config.worktree", "[http]\n\textraheader = AUTHORIZATION: basic eC1hY2Nlc3MtdG9rZW46YWJjZGVm\n")
	write(t, dir, ".git/logs/clean", "clone: from ssh://git@example.org/a.git https://user@example.org https://example.org/a:b@c\n"+
		"url = https://$USER:$TOKEN@example.org https://${U}:${T}@example.org git@example.org:a/b.git\n")
	write(t, dir, ".git/objects/passed-over", token)
	found, unreadable, err := open(t, dir).ScanGitDir(t.Context())
	if err != nil || len(unreadable) > 0 {
		t.Fatalf("unreadable %v, error %v", unreadable, err)
	}
	got := map[string][2]int{}
	for _, f := range found {
		got[f.Path] = [2]int{len(f.Secrets), int(f.Credentials)}
	}
	want := map[string][2]int{"hooks/post-commit": {1, 0}, "FETCH_HEAD": {0, 1}, "modules/sub/config": {0, 1}, "worktrees/w/config.worktree": {0, 1}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("found %v", got)
	}
}

// If this fails, an env file that the next git add -A takes is overlooked because it is not in the
// top folder.
func TestUnignoredEnvFiles(t *testing.T) {
	t.Parallel()
	dir := newRepository(t)
	commit(t, dir, "tracked/.env", "A=1")
	write(t, dir, ".gitignore", "/.env\n")
	for _, name := range []string{".env", "srv/.env.production", "srv/.env.example", "srv/main.js"} {
		write(t, dir, name, "A=1")
	}
	files, err := open(t, filepath.Join(dir, "srv")).UnignoredEnvFiles(t.Context())
	if err != nil || !reflect.DeepEqual(files, []string{"srv/.env.production"}) {
		t.Errorf("not ignored: %v, error %v", files, err)
	}
}
