// Package envfile keeps secrets in an env file, as the OCMT servers read it with Node's dotenv. An edit
// changes the bytes of the value alone. The new file takes the old one's name in one step, once the text of
// it has been read as the servers read it and comes to what was asked for.
package envfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/internal/secretstore/securefile"
	"github.com/ocmt/ocmt/pkg/secret"
)

// Options say how a store works.
type Options struct {
	// Backup keeps a copy of the old file beside it, with mode 0600. Its name has the time, which Now gives.
	Backup bool
	// Now is the clock. It is needed with Backup alone.
	Now func() time.Time
	// Wait is how long another writer is waited for; 0 for ten seconds.
	Wait time.Duration
}

// Store is an env file. Several at once may be for one file, in several processes.
type Store struct {
	path    string
	options Options
	notes   []string
	backups []string
}

// New returns the store in the env file of that path. It opens nothing. The file must be there: a path with
// a mistake in it must not become a file that no server reads.
func New(path string, options Options) *Store { return &Store{path: path, options: options} }

// Place names the store.
func (s *Store) Place() string { return fmt.Sprintf("env file %q", s.path) }

// Notes returns what Apply did beside the changes, or could not keep.
func (s *Store) Notes() []string { return slices.Clone(s.notes) }

// Backups returns the paths of the copies that Apply has made.
func (s *Store) Backups() []string { return slices.Clone(s.backups) }

// Names returns the names that hold a text, in the order of the alphabet.
func (s *Store) Names(ctx context.Context) ([]string, error) {
	found, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, one := range found.list {
		if found.value(one.Name) != "" {
			names = append(names, one.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// Get returns what the servers read for a name: its last assignment.
func (s *Store) Get(ctx context.Context, name string) (secret.Value, error) {
	if err := secretstore.CheckName(s.Place(), name); err != nil {
		return secret.Value{}, err
	}
	found, err := s.read(ctx)
	if err != nil {
		return secret.Value{}, err
	}
	return secret.NewValue(found.value(name)), nil
}

// read reads the file.
func (s *Store) read(ctx context.Context) (document, error) {
	if err := context.Cause(ctx); err != nil {
		return document{}, err
	}
	file, err := s.open()
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

// open finds the file.
func (s *Store) open() (*securefile.File, error) {
	file, err := securefile.Open(s.Place(), s.path, false)
	var problem *secretstore.PlaceError
	if errors.Is(err, fs.ErrNotExist) && errors.As(err, &problem) {
		problem.Fix = "check that the path is right, or make the file first: install -m 600 /dev/null " + securefile.ShellQuote(s.path)
	}
	return file, err
}

// parse reads the text of the file.
func (s *Store) parse(text []byte) (document, error) {
	if reason := isForeign(string(text)); reason != "" {
		return document{}, &secretstore.PlaceError{Place: s.Place(), Reason: reason, Err: secretstore.ErrNoPlainFile, Fix: "write it anew as plain text in UTF-8"}
	}
	return parse(string(text)), nil
}

// Apply makes changes in one write of the file: all of them, or none. It writes to the file at the end of a
// link. Where every name holds already what is asked for, it writes nothing.
func (s *Store) Apply(ctx context.Context, changes ...secretstore.Change) error {
	return s.work(ctx, changes, s.replace)
}

// Try checks whether Apply would make changes, and leaves the file as it is.
func (s *Store) Try(ctx context.Context, changes ...secretstore.Change) error {
	return s.work(ctx, changes, tryToReplace)
}

// replacing is what becomes of a file whose text is to be another one.
type replacing func(file *securefile.File, info fs.FileInfo, old, changed document, changes []secretstore.Change) error

// work makes the new text under the lock of the file, and hands both on.
func (s *Store) work(ctx context.Context, changes []secretstore.Change, replace replacing) error {
	for _, change := range changes {
		if err := secretstore.CheckName(s.Place(), change.Name); err != nil {
			return err
		}
		if err := secretstore.CheckValue(s.Place(), change.Name, change.New); err != nil {
			return err
		}
	}
	file, err := s.open()
	if err != nil {
		return err
	}
	defer file.Close()
	text, info, unlock, err := file.ReadLocked(ctx, s.options.Wait)
	if err != nil {
		return err
	}
	defer unlock()
	old, err := s.parse(text)
	if err != nil {
		return err
	}
	changed, err := s.edit(old, changes)
	if err != nil || changed.text == old.text {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return replace(file, info, old, changed, changes)
}

// edit returns the text with the changes in it.
func (s *Store) edit(found document, changes []secretstore.Change) (document, error) {
	for _, change := range changes {
		if found.value(change.Name) != change.Old.Reveal() {
			return document{}, secretstore.Changed(s.Place(), change.Name)
		}
		if err := s.checkTwice(found, change.Name); err != nil {
			return document{}, err
		}
		edited, can := found, true
		switch {
		case !change.New.IsSet():
			edited, can = found.remove(change.Name)
		case found.value(change.Name) != change.New.Reveal() || found.differ(change.Name):
			edited, can = found.put(change.Name, change.New.Reveal())
		}
		if !can {
			return document{}, &secretstore.PlaceError{Place: s.Place(), Err: secretstore.ErrValue,
				Reason: "no way of quoting makes the servers read the new text of " + change.Name + " as it is, and everything else in the file as before; nothing was written",
				Fix:    "see that every quotation mark in the file is closed, or take a text without quotation marks, line ends and backslashes"}
		}
		found = edited
	}
	return found, nil
}

// checkTwice refuses a key that stands twice with different texts. The servers read the last one, and the
// other one can be the only copy of a key that old values need.
func (s *Store) checkTwice(found document, name string) error {
	if !found.differ(name) {
		return nil
	}
	lines := strings.Trim(strings.ReplaceAll(fmt.Sprint(found.lines(name)), " ", ", "), "[]")
	for _, kind := range secret.VersionedKinds() {
		if name == kind.Setting || strings.HasPrefix(name, kind.OlderPrefix) {
			return &secretstore.PlaceError{Place: s.Place(), Err: secretstore.ErrTwice,
				Reason: fmt.Sprintf("%s stands on lines %s with different keys, and the servers read the last; nothing was written", name, lines),
				Fix:    "keep a copy of the key that nothing reads, because old values may need it, and take its line out"}
		}
	}
	return nil
}

// tryToReplace checks whether a new file can be written beside the old one.
func tryToReplace(file *securefile.File, info fs.FileInfo, old, _ document, _ []secretstore.Change) error {
	return file.TryToReplace(info, []byte(old.text))
}

// replace writes the new text, and looks at what stands in the file then.
func (s *Store) replace(file *securefile.File, info fs.FileInfo, old, changed document, changes []secretstore.Change) error {
	prepared, err := file.Prepare(info, []byte(old.text), []byte(changed.text))
	if err != nil {
		return err
	}
	backup, err := s.backUp(file, old)
	if err != nil {
		prepared.Abort()
		return err
	}
	done, notes, err := prepared.Commit()
	if !done {
		if backup != "" {
			err = errors.Join(err, file.RemoveCopy(backup))
		}
		return err
	}
	if backup != "" {
		s.backups = append(s.backups, backup)
	}
	s.notes = append(append(s.notes, notes...), noteDuplicates(old, changes)...)
	if err == nil {
		err = s.readBack(file, changed)
	}
	if err != nil {
		return &secretstore.PartialError{Done: namesOf(changes), Err: err}
	}
	return nil
}

// noteDuplicates says which names stood twice with different texts.
func noteDuplicates(old document, changes []secretstore.Change) (notes []string) {
	for _, name := range namesOf(changes) {
		if old.differ(name) {
			notes = append(notes, fmt.Sprintf("%s stood on lines %s with different texts, of which the servers read the last; all of them were changed", name,
				strings.Trim(strings.ReplaceAll(fmt.Sprint(old.lines(name)), " ", ", "), "[]")))
		}
	}
	return notes
}

// namesOf returns the names of changes, each once, in their order.
func namesOf(changes []secretstore.Change) (names []string) {
	for _, change := range changes {
		if !slices.Contains(names, change.Name) {
			names = append(names, change.Name)
		}
	}
	return names
}

// backUp keeps a copy of the old file where that was asked for.
func (s *Store) backUp(file *securefile.File, old document) (path string, err error) {
	if !s.options.Backup {
		return "", nil
	}
	return file.Copy([]byte(old.text), s.options.Now().UTC().Format(".20060102T150405.000Z")+".bak")
}

// readBack compares the file with what was written.
func (s *Store) readBack(file *securefile.File, want document) error {
	text, _, err := file.Read()
	if err != nil {
		return err
	}
	if string(text) != want.text {
		return &secretstore.PlaceError{Place: s.Place(), Reason: "read back, it does not hold what was written: another program writes it at the same time",
			Err: secretstore.ErrChanged, Fix: "see what it holds, and who else writes it, before anything restarts"}
	}
	return nil
}
