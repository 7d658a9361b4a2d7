package files

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
)

const (
	defaultFiles = 500_000
	defaultTime  = 30 * time.Second
)

// Entry is a file of a walk. It is no folder.
type Entry struct {
	Path string // absolute
	Name string // relative to the folder, with the name of that before it
	Base string
}

// skipped are folders that are not walked: packages of others, and what git has, which is looked at by
// itself.
var skipped = map[string]bool{"node_modules": true, ".git": true}

// errEnough ends a walk that has reached its bound.
var errEnough = errors.New("the bound is reached")

// Walk calls visit for each file below a folder, in the order of names. It leaves out node_modules and
// .git, and does not follow links to folders. It returns what it could not look at. The error is that of
// the context.
func Walk(ctx context.Context, folder Folder, limits Limits, visit func(Entry)) (gaps []audit.Gap, _ error) {
	most := cmp.Or(limits.Files, defaultFiles)
	bounded, cancel := context.WithTimeout(ctx, cmp.Or(limits.Time, defaultTime))
	defer cancel()
	seen := 0
	// WalkDir does not follow a link, unless a separator behind it says that a folder is meant.
	err := filepath.WalkDir(folder.Path+string(filepath.Separator), func(path string, entry fs.DirEntry, err error) error {
		path = filepath.Clean(path)
		name := folder.relative(path)
		switch {
		case bounded.Err() != nil:
			return bounded.Err()
		case err != nil && errors.Is(err, fs.ErrNotExist) && path != folder.Path:
			return nil
		case err != nil:
			gaps = append(gaps, gapOf(name, statError(name, err)))
			return nil
		case seen >= most:
			return errEnough
		case entry.IsDir() && path != folder.Path && (skipped[entry.Name()] || isKernelFolder(path)):
			return fs.SkipDir
		}
		seen++
		if !entry.IsDir() {
			visit(Entry{Path: path, Name: name, Base: entry.Name()})
		}
		return nil
	})
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, errEnough):
		gaps = append(gaps, audit.Gap{What: "the rest of " + folder.label(), Reason: fmt.Sprintf("it has more than %d files", most), Grant: "name a narrower folder with --path"})
	case err != nil:
		gaps = append(gaps, audit.Gap{What: "the rest of " + folder.label(), Reason: "it took too long", Grant: "name a narrower folder with --path"})
	}
	return gaps, nil
}

// isKernelFolder reports whether a folder is one that the kernel makes up.
func isKernelFolder(path string) bool { return path == "/proc" || path == "/sys" || path == "/dev" }

// relative returns the path of a file for people.
func (f Folder) relative(path string) string {
	rest, err := filepath.Rel(f.Path, path)
	if err != nil {
		return filepath.ToSlash(path)
	}
	if f.Name == "" {
		return filepath.ToSlash(rest)
	}
	return strings.TrimSuffix(filepath.ToSlash(f.Name), "/") + "/" + filepath.ToSlash(rest)
}

// statError turns a failed look at a file into a gap. One that is not there stays fs.ErrNotExist.
func statError(name string, err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	gap := audit.Gap{What: name, Reason: "it cannot be looked at"}
	if errors.Is(err, fs.ErrPermission) {
		gap.Reason, gap.Missing = "this account may not look at it", "reading "+name+" and entering its folder"
		gap.Grant = "run ocmt audit as the account that owns it"
	} else if cause := (*fs.PathError)(nil); errors.As(err, &cause) {
		gap.Reason = cause.Err.Error()
	}
	return &audit.GapError{Gap: gap}
}

// gapOf returns the gap that an error is.
func gapOf(name string, err error) audit.Gap {
	var known *audit.GapError
	if errors.As(err, &known) {
		return known.Gap
	}
	if os.IsNotExist(err) {
		return audit.Gap{What: name, Reason: "it is not there"}
	}
	return audit.Gap{What: name, Reason: "it cannot be looked at"}
}
