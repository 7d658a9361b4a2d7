// Package gitaudit hands git repositories to the checks of an audit.
package gitaudit

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/files"
	"github.com/ocmt/ocmt/internal/gitrepo"
	"github.com/ocmt/ocmt/internal/leak"
)

// locateTime bounds the search for the commits of what was found. What it does not reach in time is named
// by its object.
const locateTime = 10 * time.Second

// maxLocated bounds how many objects are located, so that a repository full of env files does not make
// the arguments of git too long.
const maxLocated = 1000

// source is the repositories of some folders.
type source struct {
	matcher      *leak.Matcher
	opened       []*repository
	repositories []audit.GitRepository // the same
	unopened     []audit.Gap
}

// OpenFolders looks for the repositories that folders are in, with their submodules. The folders are those of
// files.NameFolders: a repository is known by where it is, and not by how its path is spelled. getenv is asked
// for PATH and HOME. Where there is no repository, the source is absent.
func OpenFolders(ctx context.Context, folders []files.Folder, matcher *leak.Matcher, getenv func(string) string) audit.Source[audit.GitSource] {
	s := &source{matcher: matcher}
	for _, place := range folders {
		folder := place.Repository
		r, err := gitrepo.Open(ctx, place.Path, matcher, getenv)
		switch {
		case errors.Is(err, gitrepo.ErrNotRepository):
			continue
		case err != nil:
			s.unopened = append(s.unopened, gapOf("the repository of "+folder, place.Path, err))
			continue
		}
		if !s.add(&repository{Repository: r, name: folder}) {
			continue
		}
		for _, gitDir := range r.Submodules() {
			name := folder + ", submodule " + filepath.Base(gitDir)
			module, err := gitrepo.Open(ctx, gitDir, matcher, getenv)
			if err != nil {
				s.unopened = append(s.unopened, gapOf("the repository of "+name, gitDir, err))
				continue
			}
			s.add(&repository{Repository: module, name: name, submodule: true, plainFilesAbove: true})
		}
	}
	if len(s.repositories)+len(s.unopened) == 0 {
		return audit.Absent[audit.GitSource]("no folder is in a git repository")
	}
	return audit.Available[audit.GitSource](s)
}

// add adds a repository, and reports false for one whose files are there already. Of two worktrees the
// objects are searched once.
func (s *source) add(r *repository) bool {
	for _, other := range s.opened {
		if other.GitDir() == r.GitDir() {
			if other.Top() == r.Top() {
				return false
			}
			r.second, r.plainFilesAbove = true, true
		}
	}
	s.opened, s.repositories = append(s.opened, r), append(s.repositories, r)
	return true
}

func (s *source) Repositories() []audit.GitRepository { return s.repositories }

func (s *source) Unopened() []audit.Gap { return s.unopened }

func (s *source) Secrets() audit.SearchedSecrets {
	return audit.SearchedSecrets{Names: s.matcher.Names(), TooShort: s.matcher.TooShort(), MinLength: leak.MinLength}
}

// repository is a repository as a check sees it.
type repository struct {
	*gitrepo.Repository
	name      string
	submodule bool // the name is no folder
	// second says that another worktree of the repository is looked at too, which has the same objects.
	second bool
	// plainFilesAbove says that the git directory is searched with that of another repository.
	plainFilesAbove bool
	history         *audit.GitHistory
}

func (r *repository) Name() string { return r.name }

// File implements audit.GitRepository.
func (r *repository) File(path string) string {
	if r.submodule {
		return ""
	}
	return filepath.ToSlash(filepath.Join(r.name, path))
}

func (r *repository) TrackedEnvFiles(ctx context.Context) ([]audit.TrackedEnvFile, error) {
	tracked, err := r.Repository.TrackedEnvFiles(ctx)
	if err != nil {
		return nil, r.gapError("the tracked files of "+r.name, err)
	}
	var list []audit.TrackedEnvFile
	for _, file := range tracked {
		list = append(list, audit.TrackedEnvFile{Path: file.Path, Example: file.Example, Values: valuesOf(string(file.Text))})
	}
	return list, nil
}

func (r *repository) UnignoredEnvFiles(ctx context.Context, expected []string) (paths []string, bare bool, err error) {
	paths, err = r.Repository.UnignoredEnvFiles(ctx)
	if errors.Is(err, gitrepo.ErrBare) {
		return nil, true, nil
	}
	if err != nil {
		return nil, false, r.gapError("what is ignored in "+r.name, err)
	}
	names, err := r.NotIgnored(ctx, expected)
	if err != nil {
		return paths, false, r.gapError("what is ignored in "+r.name, err)
	}
	below, err := filepath.Rel(r.Top(), r.Dir)
	if err != nil {
		below = ""
	}
	for _, name := range names {
		if path := filepath.ToSlash(filepath.Join(below, name)); !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	return paths, false, nil
}

func (r *repository) PlainFiles(ctx context.Context) (*audit.GitPlainFiles, error) {
	plain := &audit.GitPlainFiles{}
	if r.plainFilesAbove {
		return plain, nil
	}
	found, unreadable, err := r.ScanGitDir(ctx)
	for _, file := range found {
		one := audit.GitPlainFile{Path: file.Path, Credentials: file.Credentials}
		for _, hit := range file.Secrets {
			one.Settings = append(one.Settings, hit.Name)
		}
		one.Settings = slices.Compact(one.Settings)
		plain.Files = append(plain.Files, one)
	}
	for _, path := range unreadable {
		plain.Gaps = append(plain.Gaps, audit.Gap{What: path + " of the git directory of " + r.name, Reason: "it cannot be read", Missing: "to read it"})
	}
	return plain, err
}

// History searches once, for several checks. A search that was cut off is not kept.
func (r *repository) History(ctx context.Context) (*audit.GitHistory, error) {
	if r.history != nil {
		return r.history, nil
	}
	if r.second {
		return &audit.GitHistory{}, nil
	}
	scan, err := r.Scan(ctx)
	if err != nil {
		return nil, err
	}
	places := r.locate(ctx, scan)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	r.history = r.historyOf(scan, places)
	return r.history, nil
}

// locate looks for the commits of what was found, as far as the time reaches.
func (r *repository) locate(ctx context.Context, scan *gitrepo.Scan) map[string]gitrepo.Place {
	var ids []string
	for _, find := range scan.Finds {
		for _, object := range find.Objects {
			if object.Kind == "blob" || object.Kind == "tree" {
				ids = append(ids, object.ID)
			}
		}
	}
	for _, file := range scan.EnvFiles {
		ids = append(ids, file.Blobs...)
	}
	ctx, cancel := context.WithTimeout(ctx, locateTime)
	defer cancel()
	places, _ := r.Locate(ctx, ids[:min(len(ids), maxLocated)]) // the object is named where the commit is not known
	return places
}

func (r *repository) historyOf(scan *gitrepo.Scan, places map[string]gitrepo.Place) *audit.GitHistory {
	history := &audit.GitHistory{Objects: scan.Objects}
	placed := func(id, kind string) audit.GitObject {
		return audit.GitObject{ID: id, Kind: kind, Commit: places[id].Commit, Path: places[id].Path}
	}
	for _, find := range scan.Finds {
		secret := audit.GitSecret{Setting: find.Secret, Count: find.Count}
		for _, form := range find.Forms {
			secret.Forms = append(secret.Forms, string(form))
		}
		for _, object := range find.Objects {
			secret.Objects = append(secret.Objects, placed(object.ID, object.Kind))
		}
		history.Secrets = append(history.Secrets, secret)
	}
	for _, file := range scan.EnvFiles {
		one := audit.GitEnvFile{Name: file.Name, Count: file.Count}
		for _, blob := range file.Blobs {
			one.Objects = append(one.Objects, placed(blob, "blob"))
		}
		history.EnvFiles = append(history.EnvFiles, one)
	}
	for _, cause := range scan.Incomplete {
		history.Gaps = append(history.Gaps, gapOf("the history of "+r.name, r.Dir, cause))
	}
	return history
}

// gapError returns a failure as a gap. An end of the context stays what it is.
func (r *repository) gapError(what string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &audit.GapError{Gap: gapOf(what, r.Dir, err)}
}

// cures are what makes a repository one that can be looked at. DIR stands for its folder.
var cures = []struct {
	cause          error
	missing, grant string
}{
	{gitrepo.ErrSlow, "", "look for named pipes among the files that git reads in DIR, or for a slow disk"},
	{gitrepo.ErrIrregular, "", "put a regular file in its place, or none"},
	{gitrepo.ErrNoGit, "", "install git"},
	{gitrepo.ErrForeignOwned, "to be the owner of the repository", "git config --global --add safe.directory DIR, or run as its owner"},
	{gitrepo.ErrShallow, "", "git -C DIR fetch --unshallow"},
	{gitrepo.ErrPartial, "", "look at a clone that was made without --filter"},
	{gitrepo.ErrMissingAlternate, "", "put the folder of .git/objects/info/alternates back, or look at a whole clone"},
	{gitrepo.ErrMissingObjects, "", "git -C DIR fsck names them; look at a whole clone"},
	{gitrepo.ErrUnreadable, "to read the git directory", "run as the owner of the repository; git -C DIR fsck tells whether it is broken"},
	{gitrepo.ErrBroken, "to read the git directory", "run as the owner of the repository; git -C DIR fsck tells whether it is broken"},
}

func gapOf(what, dir string, err error) audit.Gap {
	gap := audit.Gap{What: what, Reason: err.Error()}
	for _, cure := range cures {
		if errors.Is(err, cure.cause) {
			gap.Missing, gap.Grant = cure.missing, strings.ReplaceAll(cure.grant, "DIR", dir)
			break
		}
	}
	return gap
}
