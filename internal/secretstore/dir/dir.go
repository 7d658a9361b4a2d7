// Package dir keeps secrets in a folder with a file for each, as Docker, systemd and Kubernetes hand them
// to a program. A file has the name of its setting, or that name in lower case. The end of a line at the end
// of a file is no part of the secret, and is kept as it was.
package dir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/internal/secretstore/securefile"
	"github.com/ocmt/ocmt/pkg/secret"
)

// Options say how a store works.
type Options struct {
	// Wait is how long another writer is waited for; 0 for ten seconds.
	Wait time.Duration
}

// Store is a folder of secrets. Several at once may be for one folder, in several processes.
type Store struct {
	path    string
	options Options
	notes   []string
}

// New returns the store in the folder of that path. It opens nothing. The folder must be there.
func New(path string, options Options) *Store { return &Store{path: path, options: options} }

// Place names the store.
func (s *Store) Place() string { return fmt.Sprintf("folder %q", s.path) }

// Path returns the path of the folder.
func (s *Store) Path() string { return s.path }

// Notes returns what Apply did beside the changes, or could not keep.
func (s *Store) Notes() []string { return slices.Clone(s.notes) }

// Backups returns nothing: a folder keeps no copies.
func (s *Store) Backups() []string { return nil }

// kubernetesData is the link in a mounted volume of Kubernetes that all its files lead through.
const kubernetesData = "..data"

// list returns the file of each name that has one. A name that has two is an error, because a reader may
// take either.
func (s *Store) list(ctx context.Context) (map[string]string, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(s.path)
	if err != nil {
		return nil, s.systemError("reading it", err)
	}
	found := map[string]string{}
	for _, entry := range entries {
		file := entry.Name()
		name := strings.ToUpper(file)
		if file != name && file != strings.ToLower(file) || secretstore.CheckName("", name) != nil || entry.IsDir() {
			continue
		}
		if other, twice := found[name]; twice {
			return nil, &secretstore.PlaceError{Place: s.Place(), Err: secretstore.ErrTwice, Reason: fmt.Sprintf("it has two files for one setting, %s and %s", other, file),
				Fix: "see which of the two the server reads, and put the other one away"}
		}
		found[name] = file
	}
	return found, nil
}

// systemError names the folder of an error of the operating system, and not the path that it repeats.
func (s *Store) systemError(doing string, err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	return &secretstore.PlaceError{Place: s.Place(), Reason: fmt.Sprintf("%s: %v", doing, err), Err: err,
		Fix: "check that the path is that of a folder, and that this account may read it"}
}

// checkName refuses what is no setting's name. Names that differ in their case alone would have one file.
func (s *Store) checkName(name string) error {
	if name != strings.ToUpper(name) {
		return &secretstore.PlaceError{Place: s.Place(), Err: secretstore.ErrName, Reason: "a name in a folder has no lower-case letters: its file may be written in either case",
			Fix: "give the name of a setting, such as ADMIN_TOKEN"}
	}
	return secretstore.CheckName(s.Place(), name)
}

// Names returns the names whose files hold a text, in the order of the alphabet.
func (s *Store) Names(ctx context.Context) ([]string, error) {
	files, err := s.list(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for name, file := range files {
		text, _, err := s.readFile(file)
		if err != nil {
			return nil, err
		}
		if value, _ := splitEnd(string(text)); value != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Get returns the text of a name's file, without the end of its last line.
func (s *Store) Get(ctx context.Context, name string) (secret.Value, error) {
	if err := s.checkName(name); err != nil {
		return secret.Value{}, err
	}
	files, err := s.list(ctx)
	if err != nil {
		return secret.Value{}, err
	}
	file, there := files[name]
	if !there {
		return secret.Value{}, nil
	}
	text, _, err := s.readFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return secret.Value{}, nil // it was taken out just now
	}
	value, _ := splitEnd(string(text))
	return secret.NewValue(value), err
}

// readFile reads one file of the folder.
func (s *Store) readFile(name string) ([]byte, fs.FileInfo, error) {
	file, err := s.openFile(name, false)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	text, info, err := file.Read()
	if err == nil && strings.ContainsRune(string(text), 0) {
		err = &secretstore.PlaceError{Place: s.filePlace(name), Reason: "it has a NUL byte: it is UTF-16 or no text", Err: secretstore.ErrNoPlainFile,
			Fix: "write it anew as plain text in UTF-8"}
	}
	return text, info, err
}

// openFile finds one file of the folder.
func (s *Store) openFile(name string, missing bool) (*securefile.File, error) {
	return securefile.Open(s.filePlace(name), filepath.Join(s.path, name), missing)
}

// filePlace names one file of the folder.
func (s *Store) filePlace(name string) string {
	return fmt.Sprintf("secret file %q", filepath.Join(s.path, name))
}

// splitEnd divides a text into the secret and the one line end behind it, as settings that are read from
// NAME_FILE have it.
func splitEnd(text string) (value, end string) {
	value = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	return value, text[len(value):]
}
