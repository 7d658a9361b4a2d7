package gitrepo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
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
	gaps = append(gaps, r.findUnreadable()...)
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
				borrowed = append(borrowed, alternatesOf(folder)...)
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
		if entry.Name() != "pack" {
			continue
		}
		for _, name := range names {
			if ext := filepath.Ext(name.Name()); ext != ".pack" && ext != ".idx" {
				continue
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

// alternatesOf returns the folders that objects are borrowed from (gitrepository-layout(5)).
func alternatesOf(folder string) []string {
	text, err := os.ReadFile(filepath.Join(folder, "info", "alternates"))
	if err != nil {
		return nil
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
	return list
}
