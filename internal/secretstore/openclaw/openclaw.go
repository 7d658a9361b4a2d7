// Package openclaw keeps the token of a gateway in its openclaw.json, which is JSON5 (contract, section 2). An
// edit changes the bytes of the token alone: comments, trailing commas and quotation marks stay. A file without
// the token gets it.
package openclaw

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/json5"
	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/internal/secretstore/securefile"
	"github.com/ocmt/ocmt/pkg/secret"
)

// Setting is the one name that the store has: the path of the token in the file.
const Setting = "gateway.auth.token"

// State says what stands in the place of the token.
type State uint8

// The states. A gateway without the member takes the token from its environment; one with an empty text there
// does not (contract, section 6).
const (
	Missing State = iota
	Empty
	Set
)

// The reasons why the token cannot be read or changed in this file.
var (
	// ErrElsewhere says that the file takes the token from somewhere else: a variable, another file, or a
	// source of secrets.
	ErrElsewhere = errors.New("it takes the token from somewhere else")
	errTwice     = errors.New("a member stands twice")
	errStrange   = errors.New("a member is no object")
	errKept      = errors.New("the token is not taken out")
)

// Options say how a store works.
type Options struct {
	// Wait is how long another writer is waited for; 0 for ten seconds.
	Wait time.Duration
}

// Store is an openclaw.json. Several at once may be for one file, in several processes.
type Store struct {
	path    string
	options Options
	notes   []string
}

// New returns the store in the file of that path. It opens nothing. The file must be there.
func New(path string, options Options) *Store { return &Store{path: path, options: options} }

// Place names the store.
func (s *Store) Place() string { return fmt.Sprintf("gateway file %q", s.path) }

// Notes returns what Apply could not keep.
func (s *Store) Notes() []string { return slices.Clone(s.notes) }

// Backups returns nothing: the store makes no copies. Copies finds those of others.
func (s *Store) Backups() []string { return nil }

// Names returns Setting where the file has a token.
func (s *Store) Names(ctx context.Context) ([]string, error) {
	found, err := s.read(ctx)
	if err != nil || found.state != Set {
		return nil, err
	}
	return []string{Setting}, nil
}

// Get returns the token. It is not set where the file has none, or an empty one. Error: ErrElsewhere, in a
// *secretstore.PlaceError.
func (s *Store) Get(ctx context.Context, name string) (secret.Value, error) {
	if err := s.checkName(name); err != nil {
		return secret.Value{}, err
	}
	found, err := s.read(ctx)
	return secret.NewValue(found.token.Text), err
}

// State says what stands in the place of the token.
func (s *Store) State(ctx context.Context) (State, error) {
	found, err := s.read(ctx)
	return found.state, err
}

func (s *Store) checkName(name string) error {
	if name == Setting {
		return nil
	}
	return &secretstore.PlaceError{Place: s.Place(), Err: secretstore.ErrName, Reason: "it holds " + Setting + " and no other secret", Fix: "give the name " + Setting}
}

// read reads the file.
func (s *Store) read(ctx context.Context) (document, error) {
	if err := context.Cause(ctx); err != nil {
		return document{}, err
	}
	file, err := securefile.Open(s.Place(), s.path, false)
	if err != nil {
		return document{}, err
	}
	defer file.Close()
	text, _, err := file.Read()
	if err != nil {
		return document{}, err
	}
	return s.parse(text)
}

// parse reads the text of the file, and says what is wrong with it.
func (s *Store) parse(text []byte) (document, error) {
	found, err := parse(string(text))
	problem := &secretstore.PlaceError{Place: s.Place(), Err: err}
	switch {
	case err == nil:
		return found, nil
	case errors.Is(err, ErrElsewhere):
		problem.Reason = Setting + " is taken from a variable, another file or a source of secrets"
		problem.Fix = "leave --gateway-config out, and name the place that it comes from with --store"
	case errors.Is(err, errTwice):
		problem.Err = secretstore.ErrTwice
		problem.Reason = "one of gateway, auth and token stands twice in one object, and programs differ in which they read"
		problem.Fix = "take the one out that nothing reads"
	case errors.Is(err, errStrange):
		problem.Err = secretstore.ErrNoPlainFile
		problem.Reason = "one of the file, gateway and gateway.auth is no object"
		problem.Fix = "name the openclaw.json of the gateway"
	case errors.Is(err, json5.ErrForm):
		problem.Err = secretstore.ErrNoPlainFile
		problem.Reason = "it is no JSON5, so the gateway does not read it either"
		problem.Fix = "mend it, or name the openclaw.json of the gateway"
	}
	return document{}, problem
}

// Apply puts a new token in. It does not take one out: a gateway without a token in the file would take
// another one. Where the file holds the new token already, it writes nothing. A file without the token and
// one with an empty token both hold none.
func (s *Store) Apply(ctx context.Context, changes ...secretstore.Change) error {
	return s.work(ctx, changes, s.replace)
}

// Try checks whether Apply would make changes, and leaves the file as it is.
func (s *Store) Try(ctx context.Context, changes ...secretstore.Change) error {
	return s.work(ctx, changes, tryToReplace)
}

// replacing is what becomes of a file whose text is to be another one.
type replacing func(file *securefile.File, info fs.FileInfo, old, text []byte) error

// tryToReplace checks whether a new file can be written beside the old one.
func tryToReplace(file *securefile.File, info fs.FileInfo, old, _ []byte) error {
	return file.TryToReplace(info, old)
}

// work makes the new text under the lock of the file, and hands both on.
func (s *Store) work(ctx context.Context, changes []secretstore.Change, replace replacing) error {
	for _, change := range changes {
		if err := s.checkChange(change); err != nil {
			return err
		}
	}
	file, err := securefile.Open(s.Place(), s.path, false)
	if err != nil {
		return err
	}
	defer file.Close()
	text, info, unlock, err := file.ReadLocked(ctx, s.options.Wait)
	if err != nil {
		return err
	}
	defer unlock()
	changed, err := s.edit(text, changes)
	if err != nil || changed == string(text) {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return replace(file, info, text, []byte(changed))
}

// checkChange refuses what the file cannot hold.
func (s *Store) checkChange(change secretstore.Change) error {
	if err := s.checkName(change.Name); err != nil {
		return err
	}
	if err := secretstore.CheckValue(s.Place(), change.Name, change.New); err != nil {
		return err
	}
	problem := &secretstore.PlaceError{Place: s.Place(), Err: secretstore.ErrValue, Fix: "make one with ocmt keygen gateway-token"}
	switch text := change.New.Reveal(); {
	case text == "":
		problem.Err = errKept
		problem.Reason = "the token is not taken out, because the gateway would then take another one, or none"
		problem.Fix = "take it out by hand, once the gateway has one in its environment"
	case strings.Contains(text, reference):
		problem.Reason = "the gateway takes a token with ${ in it for a reference to a variable"
	default:
		return nil
	}
	return problem
}

// edit returns the text with the changes in it.
func (s *Store) edit(text []byte, changes []secretstore.Change) (string, error) {
	found, err := s.parse(text)
	if err != nil {
		return "", err
	}
	for _, change := range changes {
		if found.token.Text != change.Old.Reveal() {
			return "", secretstore.Changed(s.Place(), Setting)
		}
		if found.token.Text == change.New.Reveal() {
			continue
		}
		edited, read := found.put(change.New.Reveal())
		if !read {
			return "", &secretstore.PlaceError{Place: s.Place(), Err: secretstore.ErrValue, Reason: "the new token is not read back as it is; nothing was written",
				Fix: "make one with ocmt keygen gateway-token"}
		}
		found = edited
	}
	return found.text, nil
}

// replace writes the new text, and looks at what stands in the file then.
func (s *Store) replace(file *securefile.File, info fs.FileInfo, old, text []byte) error {
	prepared, err := file.Prepare(info, old, text)
	if err != nil {
		return err
	}
	done, notes, err := prepared.Commit()
	if !done {
		return err
	}
	s.notes = append(s.notes, notes...)
	if err == nil {
		err = s.readBack(file, text)
	}
	if err != nil {
		return &secretstore.PartialError{Done: []string{Setting}, Err: err}
	}
	return nil
}

// readBack compares the file with what was written.
func (s *Store) readBack(file *securefile.File, want []byte) error {
	text, _, err := file.Read()
	if err == nil && !bytes.Equal(text, want) {
		err = &secretstore.PlaceError{Place: s.Place(), Reason: "read back, it does not hold what was written: another program writes it at the same time",
			Err: secretstore.ErrChanged, Fix: "see what it holds, and who else writes it, before anything restarts"}
	}
	return err
}

// Copy is a copy of the file that somebody has left beside it.
type Copy struct {
	Path string
	// Holds says that the token that was asked for stands in it. It is not known where Unread is set.
	Holds, Unread bool
}

// Copies returns the copies beside the file, in the order of their names, and which of them hold a token as it
// stands in the text. Where the file is a link, it looks in the folder of the link and in that of its target.
func (s *Store) Copies(token secret.Value) (copies []Copy, err error) {
	target, err := filepath.EvalSymlinks(s.path)
	if err != nil {
		return nil, fmt.Errorf("following the path of the gateway's file: %w", err)
	}
	seen := map[string]bool{}
	for _, path := range []string{s.path, target} {
		entries, err := os.ReadDir(filepath.Dir(path))
		if err != nil {
			return nil, fmt.Errorf("reading the folder of the gateway's file: %w", err)
		}
		for _, entry := range entries {
			name, one := entry.Name(), filepath.Join(filepath.Dir(path), entry.Name())
			if seen[one] || entry.IsDir() || !strings.HasPrefix(name, filepath.Base(path)+".") && !strings.HasPrefix(name, filepath.Base(path)+"~") {
				continue
			}
			seen[one] = true
			copies = append(copies, lookInto(one, token))
		}
	}
	return copies, nil
}

// lookInto reads one copy.
func lookInto(path string, token secret.Value) Copy {
	found := Copy{Path: path}
	file, err := securefile.Open("", path, false)
	if err != nil {
		found.Unread = true
		return found
	}
	defer file.Close()
	text, _, err := file.Read()
	found.Unread = err != nil
	found.Holds = token.IsSet() && bytes.Contains(text, []byte(token.Reveal()))
	return found
}
