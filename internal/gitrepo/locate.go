package gitrepo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Place is where an object stands in the history.
type Place struct {
	Commit string // the hash of the oldest commit that brings the object
	Path   string // of the file or folder in it
}

// Locate returns the place of each object that a commit of a branch, tag, note, stash or reflog brings.
// One that is left out is in none of them, such as a file that was only staged. It looks at most until
// the context ends, and then returns what it has with the error. IDs are hashes of blobs or trees.
func (r *Repository) Locate(ctx context.Context, ids []string) (map[string]Place, error) {
	places := map[string]Place{}
	if len(ids) == 0 {
		return places, nil
	}
	// -m also compares merges with each parent: an object can come from a merge alone.
	args := []string{"log", "--all", "--reflog", "--format=%H", "--raw", "--no-abbrev", "-z", "-t", "-r", "-m", "--no-renames",
		"--no-ext-diff", "--no-textconv", "--no-color", "--no-decorate", "--no-notes", "--ignore-submodules=all"}
	wanted := map[string]bool{}
	for _, id := range ids {
		args = append(args, "--find-object="+id)
		wanted[id] = true
	}
	ctx, cancel := r.searching(ctx)
	defer cancel()
	_, err := r.stream(ctx, r.Dir, nil, smallMemory, func(out io.Reader) error { return readPlaces(out, wanted, places) }, args...)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return places, err
}

// maxField bounds a path that git prints, in bytes.
const maxField = 64 << 10

// readPlaces reads the raw form of git log -z: the hash of a commit, then for each file ":modes hashes
// status" and its path. Commits come newest first, so that the last place is the oldest.
func readPlaces(r io.Reader, wanted map[string]bool, places map[string]Place) error {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, maxField)
	scanner.Split(splitNUL)
	commit := ""
	for scanner.Scan() {
		field := strings.TrimLeft(scanner.Text(), "\n")
		if !strings.HasPrefix(field, ":") {
			if field != "" {
				commit = field
			}
			continue
		}
		if !scanner.Scan() {
			break
		}
		parts := strings.Fields(field)
		if len(parts) == 5 && wanted[parts[3]] {
			places[parts[3]] = Place{Commit: commit, Path: scanner.Text()}
		}
	}
	if err := scanner.Err(); err != nil {
		return fmt.Errorf("reading the log: %w", err)
	}
	return nil
}

// splitNUL divides at NUL bytes.
func splitNUL(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if at := bytes.IndexByte(data, 0); at >= 0 {
		return at + 1, data[:at], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, bufio.ErrFinalToken
	}
	if atEOF {
		return 0, nil, nil
	}
	if len(data) >= maxField {
		return 0, nil, errors.New("a path is too long")
	}
	return 0, nil, nil
}
