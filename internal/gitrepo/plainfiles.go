package gitrepo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/ocmt/ocmt/internal/leak"
)

// GitFile is a plain file of the git directory that has a secret or a credential.
type GitFile struct {
	// Path is the file, within the git directory.
	Path string
	// Secrets are the configured secrets in it.
	Secrets []leak.Hit
	// Credentials is the number of lines with a password or a token in an address, or with an
	// authorization header.
	Credentials int64
}

// urlCredential matches an address with a password, or with a user name that is long enough to be a
// token (RFC 3986 section 3.2.1). A variable of a shell is neither.
var urlCredential = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://(?:[^\s/@:"'<>$]*:[^\s/@"'<>$*{][^\s/@"'<>$]*|[A-Za-z0-9_~-]{20,}:?)@`)

// headerCredential matches http.extraHeader with an authorization, which build servers leave behind.
var headerCredential = regexp.MustCompile(`(?i)extraheader\s*=\s*"?authorization:\s*\w+\s+[A-Za-z0-9+/=._-]{12,}`)

// ScanGitDir searches the plain files of the git directory, of all worktrees and submodules in it:
// configuration, reflogs, messages, hooks, packed refs. It passes over objects. Unreadable files are
// in the second list; the error is that of the context.
func (r *Repository) ScanGitDir(ctx context.Context) (found []GitFile, unreadable []string, err error) {
	err = filepath.WalkDir(r.commonDir, func(path string, entry fs.DirEntry, walkErr error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		name, err := filepath.Rel(r.commonDir, path)
		if err != nil {
			return fmt.Errorf("naming a file of the git directory: %w", err)
		}
		switch {
		case errors.Is(walkErr, fs.ErrNotExist): // git has just removed it
			return nil
		case walkErr != nil:
			unreadable = append(unreadable, name)
			return nil
		case entry.IsDir() && entry.Name() == "objects" && isGitDir(filepath.Dir(path)):
			return fs.SkipDir
		case !entry.Type().IsRegular():
			return nil
		}
		file, err := r.scanFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			unreadable = append(unreadable, name)
		}
		if file.Path = name; len(file.Secrets) > 0 || file.Credentials > 0 {
			found = append(found, file)
		}
		return nil
	})
	return found, unreadable, err
}

// isGitDir reports whether a folder has the HEAD of a repository.
func isGitDir(folder string) bool {
	_, err := os.Lstat(filepath.Join(folder, "HEAD"))
	return err == nil
}

// maxLine bounds what is looked at of a line, in bytes.
const maxLine = 64 << 10

// scanFile searches a file, and its name.
func (r *Repository) scanFile(path string) (file GitFile, err error) {
	f, err := os.Open(path)
	if err != nil {
		return file, fmt.Errorf("opening a file of the git directory: %w", err)
	}
	defer f.Close() //nolint:errcheck // it is only read
	stream := r.matcher.NewStream()
	_, _ = io.WriteString(stream, filepath.Base(path)+"\n") // the name of a branch is that of a file
	lines := bufio.NewReaderSize(f, maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		_, _ = stream.Write(line)
		if bytes.IndexByte(line, '@') >= 0 && urlCredential.Match(line) || headerCredential.Match(line) {
			file.Credentials++
		}
		switch {
		case errors.Is(err, io.EOF):
			file.Secrets = stream.Hits()
			return file, nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			file.Secrets = stream.Hits()
			return file, fmt.Errorf("reading a file of the git directory: %w", err)
		}
	}
}
