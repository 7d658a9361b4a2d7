package dir

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/internal/secretstore/securefile"
)

// edit is what becomes of one file.
type edit struct {
	name, file string
	info       fs.FileInfo // nil where it is not there
	old        []byte
	text       string // what it is to hold
	removed    bool   // it is to go
}

// Apply makes changes, each in one step. It looks at all of them, and writes all new files beside the old
// ones, before the first one counts. A *PartialError says where it stopped after that.
func (s *Store) Apply(ctx context.Context, changes ...secretstore.Change) error {
	return s.work(ctx, changes, s.commit)
}

// Try checks whether Apply would make changes, and leaves the folder as it is.
func (s *Store) Try(ctx context.Context, changes ...secretstore.Change) error {
	return s.work(ctx, changes, s.try)
}

// work finds what becomes of each file under the lock of the folder, and hands that on.
func (s *Store) work(ctx context.Context, changes []secretstore.Change, commit func([]*edit) error) error {
	for _, change := range changes {
		if err := s.checkName(change.Name); err != nil {
			return err
		}
		if err := secretstore.CheckValue(s.Place(), change.Name, change.New); err != nil {
			return err
		}
	}
	if err := s.checkKubernetes(); err != nil {
		return err
	}
	unlock, err := securefile.LockFolder(ctx, s.Place(), s.path, s.options.Wait)
	if err != nil {
		return err
	}
	defer unlock()
	edits, err := s.plan(ctx, changes)
	if err != nil || len(edits) == 0 {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return commit(edits)
}

// checkKubernetes refuses a volume of Kubernetes: what is written there is lost when the secret is mounted
// anew, where it can be written at all.
func (s *Store) checkKubernetes() error {
	if _, err := os.Lstat(filepath.Join(s.path, kubernetesData)); err != nil {
		return nil
	}
	return &secretstore.PlaceError{Place: s.Place(), Err: secretstore.ErrReadOnly,
		Reason: "it is a mounted secret of Kubernetes, which can only be changed in the cluster; nothing was written",
		Fix:    "put the new secret into a file with ocmt keygen KIND --format kubernetes, and use kubectl apply -f FILE; then kubectl rollout restart the servers"}
}

// plan reads what is there, compares it with what is expected, and returns what becomes of each file.
func (s *Store) plan(ctx context.Context, changes []secretstore.Change) ([]*edit, error) {
	files, err := s.list(ctx)
	if err != nil {
		return nil, err
	}
	var order []*edit
	known := map[string]*edit{}
	for _, change := range changes {
		one := known[change.Name]
		if one == nil {
			if one, err = s.read(change.Name, files); err != nil {
				return nil, err
			}
			known[change.Name] = one
			order = append(order, one)
		}
		value, end := splitEnd(one.text)
		if value != change.Old.Reveal() {
			return nil, secretstore.Changed(s.Place(), change.Name)
		}
		if err := s.change(one, change, end); err != nil {
			return nil, err
		}
	}
	var edits []*edit
	for _, one := range order {
		if one.removed && one.info == nil || !one.removed && one.text == string(one.old) {
			continue // it is so already
		}
		edits = append(edits, one)
	}
	return edits, nil
}

// read returns the file of a name as it is. A name without a file gets one of its own name.
func (s *Store) read(name string, files map[string]string) (*edit, error) {
	file, there := files[name]
	if !there {
		return &edit{name: name, file: name, removed: true}, nil
	}
	text, info, err := s.readFile(file)
	return &edit{name: name, file: file, info: info, old: text, text: string(text)}, err
}

// change puts a change into an edit. The end of the last line stays as it was.
func (s *Store) change(one *edit, change secretstore.Change, end string) error {
	value := change.New.Reveal()
	if value == "" {
		one.removed, one.text = true, ""
		return nil
	}
	one.removed = false
	for _, ending := range []string{end, "\n"} { // a secret that ends with a line end needs one more behind it
		if back, _ := splitEnd(value + ending); back == value {
			one.text = value + ending
			return nil
		}
	}
	return &secretstore.PlaceError{Place: s.Place(), Err: secretstore.ErrValue, Reason: "the new text of " + change.Name + " ends with a carriage return, which readers of such files take away",
		Fix: "take it away from the end of the text"}
}

// try writes a new file beside each one, and removes it. It has the old text: a secret that is not in use
// must not lie on a disk.
func (s *Store) try(edits []*edit) error {
	for _, one := range edits {
		next, err := s.prepare(&edit{name: one.name, file: one.file, info: one.info, old: one.old, text: string(one.old)})
		if err != nil {
			return err
		}
		next.close()
	}
	return nil
}

// commit prepares every file, then lets each count. It returns a *PartialError where some do and one does
// not.
func (s *Store) commit(edits []*edit) (err error) {
	prepared := make([]*preparedFile, 0, len(edits))
	defer func() {
		for _, one := range prepared {
			one.close()
		}
	}()
	for _, one := range edits {
		next, err := s.prepare(one)
		if err != nil {
			return err
		}
		prepared = append(prepared, next)
	}
	var done []string
	for _, one := range prepared {
		made, err := one.commit(s)
		if made {
			done = append(done, one.edit.name)
		}
		if err == nil {
			continue
		}
		if len(done) == 0 {
			return err
		}
		return &secretstore.PartialError{Done: done, Err: err}
	}
	return nil
}

// preparedFile is a file that is about to change.
type preparedFile struct {
	edit        *edit
	file        *securefile.File
	replacement *securefile.Replacement // nil where the file is to go, and once it counts
}

// prepare writes the new file of an edit beside the old one.
func (s *Store) prepare(one *edit) (*preparedFile, error) {
	file, err := s.openFile(one.file, one.info == nil)
	if err != nil {
		return nil, err
	}
	next := &preparedFile{edit: one, file: file}
	if one.removed {
		err = file.Check()
	} else {
		next.replacement, err = file.Prepare(one.info, one.old, []byte(one.text))
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return next, nil
}

// close removes what was not committed.
func (p *preparedFile) close() {
	if p.replacement != nil {
		p.replacement.Abort()
	}
	p.file.Close()
}

// commit lets the change count, and looks at what is there then. It reports whether the change was made,
// which it can be even where an error follows.
func (p *preparedFile) commit(s *Store) (made bool, err error) {
	if p.edit.removed {
		if made, err = p.file.Remove(p.edit.info, p.edit.old); err == nil {
			err = p.readBack(s)
		}
		return made, err
	}
	replacement := p.replacement
	p.replacement = nil // it is removed where it is not committed
	made, notes, err := replacement.Commit()
	s.notes = append(s.notes, notes...)
	if err == nil {
		err = p.readBack(s)
	}
	return made, err
}

// readBack compares the file with what was written.
func (p *preparedFile) readBack(s *Store) error {
	text, _, err := p.file.Read()
	if p.edit.removed && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && (p.edit.removed || string(text) != p.edit.text) {
		err = &secretstore.PlaceError{Place: s.filePlace(p.edit.file), Reason: "read back, it does not hold what was written: another program writes it at the same time",
			Err: secretstore.ErrChanged, Fix: "see what it holds, and who else writes it, before anything restarts"}
	}
	return err
}
