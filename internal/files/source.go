package files

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/pkg/secret"
)

// Finder finds configured secrets in a text.
type Finder interface {
	// Find returns the names of the settings whose secrets the text contains, in any form.
	Find(text []byte) []string
}

// Folder is a folder to look through.
type Folder struct {
	Path string // absolute
	Name string // stands before the paths of its files, for people; "" for none, as for the top of a repository
	// Repository names the repository of the folder, if NameFolders made it: "." for the only one.
	Repository string
}

// EnvFile is an env file that the operator named.
type EnvFile struct {
	Path string // relative to Options.Dir, or absolute
	Own  bool   // it has the settings that are audited; the others are of other components
}

// Options say where to look.
type Options struct {
	Dir        string // absolute; relative paths of settings start from it
	Folders    []Folder
	BackupDirs []Folder // every file in them is a backup
	EnvFiles   []EnvFile
	Home       string   // home folder of the account; "" for none
	System     string   // the root below which etc/systemd and crontabs are; "" for none
	Groups     []string // groups whose members may read secrets, by name or number
	Finder     Finder
	// Parse reads an env file as the servers do; nil where env files are not to be read. Its error repeats nothing of the text.
	Parse  func(text []byte) (map[string]string, error)
	Limits Limits
}

// Limits bound a walk. Zero values are the defaults.
type Limits struct {
	Files int           // files and folders of one folder; 500,000
	Time  time.Duration // for one folder; 30 seconds
}

// Source looks at files. It implements audit.FileSource. The folders are walked once.
type Source struct {
	options Options
	walk    sync.Once // it ends before anything reads found
	found   inventory
	err     error
}

var _ audit.FileSource = (*Source)(nil)

// New returns a source. It looks at nothing yet.
func New(options Options) *Source {
	if options.Parse == nil {
		options.Parse = func([]byte) (map[string]string, error) { return nil, errNoParser }
	}
	return &Source{options: options}
}

// errNoParser says that nothing reads env files. They count as having secrets then.
var errNoParser = errors.New("env files are not read")

// inventory is what a walk found.
type inventory struct {
	env, gateway, dumps []found
	gaps                []audit.Gap
}

// found is a file that was found.
type found struct {
	path string // absolute
	name string // for people
}

// inventory walks the folders, at the first call. A walk that took too long is not tried again.
func (s *Source) inventory(ctx context.Context) (inventory, error) {
	s.walk.Do(func() {
		for _, folder := range s.options.Folders {
			gaps, err := Walk(ctx, folder, s.options.Limits, func(file Entry) {
				one := found{file.Path, file.Name}
				switch {
				case IsEnvName(file.Base):
					s.found.env = append(s.found.env, one)
				case isGatewayName(file.Base):
					s.found.gateway = append(s.found.gateway, one)
				case isDumpName(file.Base):
					s.found.dumps = append(s.found.dumps, one)
				}
			})
			s.found.gaps = append(s.found.gaps, gaps...)
			if err != nil {
				s.err = err
				return
			}
		}
	})
	return s.found, s.err
}

// EnvFiles implements audit.FileSource.
func (s *Source) EnvFiles(ctx context.Context) (audit.FileList, error) {
	inventory, err := s.inventory(ctx)
	if err != nil {
		return audit.FileList{}, err
	}
	list := s.describeAll(inventory.env)
	for i := range list.Files {
		list.Files[i].Harmless = s.isHarmless(s.foundPath(list.Files[i].Path))
	}
	for _, named := range s.options.EnvFiles {
		if slices.ContainsFunc(list.Files, func(f audit.FileState) bool { return isSame(s.foundPath(f.Path), s.absolute(named.Path)) }) {
			continue
		}
		file, err := s.Stat(ctx, named.Path)
		if err != nil {
			list.Gaps = append(list.Gaps, gapOf(named.Path, err))
			continue
		}
		list.Files = append(list.Files, file)
	}
	list.Gaps = append(list.Gaps, inventory.gaps...)
	list.Absent = "there is no env file in " + s.folderNames(s.options.Folders)
	return list, nil
}

// isHarmless reports whether an env file can be read and has no secret in it.
func (s *Source) isHarmless(path string) bool {
	text, err := readText(path)
	if err != nil || s.options.Finder != nil && len(s.options.Finder.Find(text)) > 0 {
		return false
	}
	settings, err := s.options.Parse(text)
	if err != nil {
		return false
	}
	for name, value := range settings {
		if value != "" && mayBeSecret(name, value) {
			return false
		}
	}
	return true
}

// secretWords are in the names of settings that may be secrets.
var secretWords = []string{"KEY", "SECRET", "TOKEN", "PASS", "PW", "CREDENTIAL", "AUTH", "PRIVATE", "DSN", "SALT", "SEED", "CERT"}

// mayBeSecret reports whether a setting may be a secret. It takes too many rather than too few.
func mayBeSecret(name, value string) bool {
	upper := strings.ToUpper(name)
	return ocmt.IsSecretName(upper) || slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(upper, word) }) || secret.AddressPassword(value) != ""
}

// Stat implements audit.FileSource.
func (s *Source) Stat(ctx context.Context, path string) (audit.FileState, error) {
	if _, err := s.inventory(ctx); err != nil {
		return audit.FileState{}, err
	}
	return describe(s.named(path))
}

// named returns a file that a setting names. One that a walk has found has its name from there. One whose
// name is that of another file that was found is named by its whole path: of two files with one name, the
// second would pass for the first.
func (s *Source) named(path string) found {
	full := s.absolute(path)
	one := found{full, filepath.ToSlash(path)}
	for _, other := range s.allFound() {
		switch {
		case isSame(other.path, full):
			return other
		case other.name == one.name:
			one.name = filepath.ToSlash(full)
		}
	}
	return one
}

// allFound returns all files that the walk has found.
func (s *Source) allFound() []found {
	return slices.Concat(s.found.env, s.found.gateway, s.found.dumps)
}

// foundPath returns the path of a file by the name that a walk gave it; "" for none.
func (s *Source) foundPath(name string) string {
	for _, one := range s.allFound() {
		if one.name == name {
			return one.path
		}
	}
	return ""
}

// Trusts implements audit.FileSource.
func (s *Source) Trusts(group string) bool { return slices.Contains(s.options.Groups, group) }

// describeAll describes files. Those that have gone meanwhile are left out.
func (s *Source) describeAll(files []found) (list audit.FileList) {
	for _, one := range files {
		file, err := describe(one)
		switch {
		case err == nil:
			list.Files = append(list.Files, file)
		case !os.IsNotExist(err):
			list.Gaps = append(list.Gaps, gapOf(one.name, err))
		}
	}
	list.Looked = "searched " + s.folderNames(s.options.Folders)
	return list
}

// absolute returns the path of a file that a setting names: relative to where settings are read.
func (s *Source) absolute(path string) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.options.Dir, path)
	}
	return filepath.Clean(path)
}

// isSame reports whether two paths are of one file, apart from links of the folders above it.
func isSame(a, b string) bool {
	return a == b || filepath.Base(a) == filepath.Base(b) && resolve(filepath.Dir(a)) == resolve(filepath.Dir(b))
}

// folderNames names folders for people.
func (s *Source) folderNames(folders []Folder) string {
	if len(folders) == 0 {
		return "no folder"
	}
	names := make([]string, len(folders))
	for i, folder := range folders {
		names[i] = folder.label()
	}
	return strings.Join(names, ", ")
}

// label names a folder for people.
func (f Folder) label() string {
	if f.Name == "" {
		return filepath.ToSlash(f.Path)
	}
	return f.Name
}

// Parents implements audit.FileSource. A symbolic link has the folders above it and those above its target. A
// path can be one of a setting and the name of a file that was found: then it has the folders of both.
func (s *Source) Parents(ctx context.Context, path string) ([]audit.FileState, error) {
	if _, err := s.inventory(ctx); err != nil {
		return nil, err
	}
	full, other := s.absolute(path), s.foundPath(path)
	list, err := s.parents(path, full)
	if other == "" || other == full {
		return list, err
	}
	more, otherErr := s.parents(path, other)
	if errors.Is(err, fs.ErrNotExist) {
		return more, otherErr
	}
	return append(list, more...), cmp.Or(err, otherErr)
}

// parents returns the folders above a file.
func (s *Source) parents(path, full string) ([]audit.FileState, error) {
	if _, err := os.Lstat(full); err != nil {
		return nil, statError(path, err)
	}
	folders := foldersAbove(full, nil)
	holding := []string{filepath.Dir(full)}
	target, err := filepath.EvalSymlinks(full)
	if err == nil && target != full {
		folders, holding = foldersAbove(target, folders), append(holding, filepath.Dir(target))
	}
	list := make([]audit.FileState, 0, len(folders))
	for _, folder := range folders {
		info, err := os.Stat(folder)
		if err != nil {
			return list, statError(path, err)
		}
		list = append(list, audit.FileState{Path: s.folderName(folder), Mode: info.Mode(), Holds: slices.Contains(holding, folder)})
	}
	return list, statError(path, err)
}

// foldersAbove adds the folders above a file to a list, the nearest first, without those that it has.
func foldersAbove(path string, list []string) []string {
	for folder := filepath.Dir(path); ; folder = filepath.Dir(folder) {
		if !slices.Contains(list, folder) {
			list = append(list, folder)
		}
		if folder == filepath.Dir(folder) {
			return list
		}
	}
}

// folderName names a folder for people: one below the folders that were given relative to them, because the
// deployment may move as a whole.
func (s *Source) folderName(path string) string {
	for _, folder := range s.options.Folders {
		if rest, err := filepath.Rel(folder.Path, path); err == nil && rest != "." && filepath.IsLocal(rest) {
			return folder.relative(path)
		}
	}
	return filepath.ToSlash(path)
}
