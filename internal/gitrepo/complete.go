package gitrepo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// findGaps returns why the objects that git shows are not all that the history has.
func (r *Repository) findGaps(ctx context.Context) []error {
	var gaps []error
	if r.shallow {
		gaps = append(gaps, ErrShallow)
	}
	missing, err := r.countMissing(ctx)
	if err != nil {
		gaps = append(gaps, fmt.Errorf("%w: %w", ErrMissingObjects, err))
	}
	if missing > 0 {
		kind := ErrMissingObjects
		if r.isPartial(ctx) {
			kind = ErrPartial
		}
		gaps = append(gaps, fmt.Errorf("%w: %d of its objects are not here", kind, missing))
	}
	return gaps
}

// countMissing walks from all refs and counts the objects that are not there.
func (r *Repository) countMissing(ctx context.Context) (int64, error) {
	var count int64
	ctx, cancel := r.searching(ctx)
	defer cancel()
	complaint, err := r.stream(ctx, r.Dir, nil, smallMemory, func(out io.Reader) error {
		lines := bufio.NewReaderSize(out, 64<<10)
		for {
			line, err := lines.ReadSlice('\n')
			if len(line) > 0 && line[0] == '?' {
				count++
			}
			for errors.Is(err, bufio.ErrBufferFull) { // the rest of a long path
				_, err = lines.ReadSlice('\n')
			}
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("reading the list of objects: %w", err)
			}
		}
	}, "rev-list", "--objects", "--all", "--missing=print")
	if err == nil && complaint != "" {
		err = errors.New(complaint)
	}
	return count, err
}

// isPartial reports whether the repository was cloned without some objects.
func (r *Repository) isPartial(ctx context.Context) bool {
	_, err := r.output(ctx, r.Dir, nil, nil, "config", "--name-only", "--get-regexp", `^(remote\..*\.(promisor|partialclonefilter)|extensions\.partialclone)$`)
	return err == nil
}

// maxAlternates bounds how far alternates of alternates are followed, as git does.
const maxAlternates = 5

// findUnreadable looks at the folders of objects, and those that objects are borrowed from: git passes over
// what it may not list.
func (r *Repository) findUnreadable() []error {
	folders := []string{filepath.Join(r.commonDir, "objects")}
	var gaps []error
	for depth := 0; depth <= maxAlternates && len(folders) > 0; depth++ {
		var borrowed []string
		for _, folder := range folders {
			switch err := checkObjects(folder); {
			case err == nil:
				more, err := alternatesOf(folder)
				if err != nil {
					gaps = append(gaps, err)
				}
				borrowed = append(borrowed, more...)
			case depth > 0:
				gaps = append(gaps, fmt.Errorf("%w: %w", ErrMissingAlternate, err))
			default:
				gaps = append(gaps, fmt.Errorf("%w: %w", ErrUnreadable, err))
			}
		}
		folders = borrowed
	}
	return gaps
}

// checkObjects reports whether the folders of an object store can be listed, and its packs opened.
func checkObjects(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("listing objects: %w", err)
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		path := filepath.Join(folder, entry.Name())
		names, err := os.ReadDir(path)
		if err != nil {
			return fmt.Errorf("listing objects: %w", err)
		}
		for _, name := range names {
			if kind := name.Type(); !kind.IsRegular() && kind != fs.ModeSymlink && kind != fs.ModeDir {
				return fmt.Errorf("%w: %s/%s of the objects", ErrIrregular, entry.Name(), name.Name())
			}
		}
		if entry.Name() != "pack" {
			continue
		}
		for _, name := range names {
			if ext := filepath.Ext(name.Name()); ext != ".pack" && ext != ".idx" {
				continue
			}
			if err := checkRegular(filepath.Join(path, name.Name())); err != nil {
				return err
			}
			f, err := os.Open(filepath.Join(path, name.Name()))
			if err != nil {
				return fmt.Errorf("opening a pack: %w", err)
			}
			_ = f.Close()
		}
	}
	return nil
}

// checkRegular reports whether a file, or what a link leads to, is a regular one. One that is not there, or
// that cannot be looked at, passes: opening it does not wait. The error is ErrIrregular.
func checkRegular(path string) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %s of the objects", ErrIrregular, filepath.Base(path))
	}
	return nil
}

// alternatesOf returns the folders that objects are borrowed from (gitrepository-layout(5)). The error is
// ErrIrregular; a list that cannot be read has none, and git says so.
func alternatesOf(folder string) ([]string, error) {
	path := filepath.Join(folder, "info", "alternates")
	if err := checkRegular(path); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil //nolint:nilerr // git complains of it
	}
	var list []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if !filepath.IsAbs(line) {
			line = filepath.Join(folder, line)
		}
		list = append(list, line)
	}
	return list, nil
}
