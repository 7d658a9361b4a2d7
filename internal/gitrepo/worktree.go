package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// TrackedFile is an env file, or an example of one, that the repository tracks.
type TrackedFile struct {
	Path    string // from the top of the repository
	Example bool
	// Text is the content of an example, at most maxExample bytes of it. It can have secrets, if the
	// example was made from a real file.
	Text []byte
}

// maxExample bounds what is read of an example, in bytes.
const maxExample = 256 << 10

// TrackedEnvFiles returns the env files that are tracked: those in the index, or in the tree of HEAD
// of a bare repository, by path.
func (r *Repository) TrackedEnvFiles(ctx context.Context) ([]TrackedFile, error) {
	args, dir := []string{"ls-files", "-s", "-z"}, r.top
	if r.IsBare() {
		if _, err := r.output(ctx, r.Dir, nil, nil, "rev-parse", "--verify", "--quiet", "HEAD^{commit}"); err != nil {
			return nil, ctx.Err() // no commit yet
		}
		args, dir = []string{"ls-tree", "-r", "-z", "--full-tree", "HEAD"}, r.Dir
	}
	listing, err := r.output(ctx, dir, nil, nil, args...)
	if err != nil {
		return nil, fmt.Errorf("listing tracked files: %w", err)
	}
	var files []TrackedFile
	for entry := range bytes.SplitSeq(listing, []byte{0}) {
		about, name, _ := bytes.Cut(entry, []byte("\t"))
		env, example := IsEnvName(path.Base(string(name)))
		if !env || !bytes.HasPrefix(about, []byte("100")) || slices.ContainsFunc(files, func(f TrackedFile) bool { return f.Path == string(name) }) {
			continue
		}
		file := TrackedFile{Path: string(name), Example: example}
		if example {
			if file.Text, err = r.readBlob(ctx, hashOf(about)); err != nil {
				return nil, fmt.Errorf("reading %q: %w", file.Path, err)
			}
		}
		files = append(files, file)
	}
	slices.SortFunc(files, func(a, b TrackedFile) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

// hashOf returns the hash in a line of git ls-files -s or git ls-tree.
func hashOf(about []byte) string {
	for field := range bytes.FieldsSeq(about) {
		if len(field) >= 40 {
			return string(field)
		}
	}
	return ""
}

// readBlob returns the beginning of a blob.
func (r *Repository) readBlob(ctx context.Context, id string) ([]byte, error) {
	ctx, cancel := bound(ctx, r.limits.Question, defaultQuestion)
	defer cancel()
	var text []byte
	_, err := r.stream(ctx, r.Dir, nil, smallMemory, func(out io.Reader) (err error) {
		if text, err = io.ReadAll(io.LimitReader(out, maxExample)); err == nil {
			_, err = io.Copy(io.Discard, out)
		}
		return err
	}, "cat-file", "blob", id)
	return text, err
}

// NotIgnored returns those of the names of files in the opened folder that git would add. The excludes
// of this user do not count, because others do not have them. The error is ErrBare for a repository
// without files.
func (r *Repository) NotIgnored(ctx context.Context, names []string) ([]string, error) {
	if r.IsBare() {
		return nil, ErrBare
	}
	if err := r.checkIgnoreFiles(); err != nil {
		return nil, err
	}
	input := strings.NewReader(strings.Join(names, "\x00"))
	ignored, err := r.output(ctx, r.Dir, input, []string{"core.excludesFile="}, "check-ignore", "-z", "--stdin", "--no-index")
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 { // none is ignored
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("asking which files are ignored: %w", err)
	}
	var left []string
	hidden := strings.Split(string(ignored), "\x00")
	for _, name := range names {
		if !slices.Contains(hidden, name) {
			left = append(left, name)
		}
	}
	return left, nil
}

// checkIgnoreFiles reports whether the files of ignored names that git reads first are regular: those from
// the top to the opened folder, and that of the git directory. Those of other folders are only found by
// walking the tree as git does, and are left to the limit. Git does not follow a link of the tree
// (gitignore(5)). The error is ErrIrregular.
func (r *Repository) checkIgnoreFiles() error {
	exclude, err := os.Stat(filepath.Join(r.commonDir, "info", "exclude"))
	if err == nil && !exclude.Mode().IsRegular() {
		return fmt.Errorf("%w: info/exclude of the git directory", ErrIrregular)
	}
	folder := r.top
	below, err := filepath.Rel(r.top, r.Dir)
	if err != nil || !filepath.IsLocal(below) {
		below = "."
	}
	for _, name := range append([]string{"."}, strings.Split(below, string(filepath.Separator))...) {
		folder = filepath.Join(folder, name)
		info, err := os.Lstat(filepath.Join(folder, ".gitignore"))
		if err == nil && !info.Mode().IsRegular() && info.Mode().Type() != fs.ModeSymlink {
			return fmt.Errorf("%w: .gitignore", ErrIrregular)
		}
	}
	return nil
}

// UnignoredEnvFiles returns the env files of the working tree that are neither tracked nor ignored, by
// path from the top. The excludes of this user do not count.
func (r *Repository) UnignoredEnvFiles(ctx context.Context) ([]string, error) {
	if r.IsBare() {
		return nil, ErrBare
	}
	if err := r.checkIgnoreFiles(); err != nil {
		return nil, err
	}
	listing, err := r.output(ctx, r.top, nil, []string{"core.excludesFile="}, "ls-files", "-z", "--others", "--exclude-standard")
	if err != nil {
		return nil, fmt.Errorf("listing files that are not tracked: %w", err)
	}
	var list []string
	for name := range strings.SplitSeq(string(listing), "\x00") {
		if env, example := IsEnvName(path.Base(name)); env && !example {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list, nil
}
