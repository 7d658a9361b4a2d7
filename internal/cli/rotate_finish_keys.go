package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/secretstore/dir"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// openEscrow returns a file for the copy of the old key.
func (f *finishing) openEscrow(name string) rotation.KeyFile {
	file := &oldKeyFile{escrowFile: escrowFile{app: f.engine.app, name: name, adviseOther: "name another file with --escrow: a copy is never replaced"}, store: f.storePath()}
	if f.options.DryRun {
		return dryKeyFile{file}
	}
	return tellingKeyFile{file, f.engine.app.printer}
}

// tellingKeyFile says that the copy of the old key was written, before that key is taken away.
type tellingKeyFile struct {
	*oldKeyFile
	printer *ui.Printer
}

// Write writes the key, reads it back, and says so.
func (f tellingKeyFile) Write(ctx context.Context, key secret.Value) error {
	err := f.oldKeyFile.Write(ctx, key)
	if err == nil {
		f.printer.Line("Wrote the copy of the key to %s (mode 0600), and read it back.", ui.Clean(f.Where()))
	}
	return err
}

// storePath returns the path of the store where that is a folder, "" where it is an env file: a copy of a key is no env
// file, and a file of the folder would be taken away with the key.
func (f *finishing) storePath() string {
	store := f.store
	if dry, is := store.(*dryStore); is {
		store = dry.Store
	}
	if folder, is := store.(*dir.Store); is {
		return folder.Path()
	}
	return ""
}

// oldKeyFile is a file for the copy of a key that is taken away.
type oldKeyFile struct {
	escrowFile
	store string // the folder that the key is taken out of, "" for an env file
}

// Check implements rotation.Escrow.
func (o *oldKeyFile) Check() error {
	if err := o.checkApart(); err != nil {
		return err
	}
	return o.escrowFile.Check()
}

// Read implements rotation.KeyFile.
func (o *oldKeyFile) Read(context.Context) (text secret.Value, there bool, err error) {
	info, err := os.Stat(o.app.path(o.name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return text, false, nil
	case err == nil && !info.Mode().IsRegular():
		return text, false, &ui.Error{Message: fmt.Sprintf("%q is no plain file (a folder or a device)", o.Where()), Hints: []string{"name the file itself with --escrow"}, Code: ui.ExitRefused}
	}
	if err := o.checkApart(); err != nil {
		return text, false, err
	}
	text, err = readKeyText(o.app.path(o.name))
	if err != nil {
		return text, false, &ui.Error{Message: "reading the copy of the key " + shownName(o.name) + ": " + withoutPath(err).Error(), Code: ui.ExitFailed,
			Hints: []string{"name a file with --escrow that this account may read, or say with --no-escrow that a copy is kept elsewhere"}}
	}
	return text, true, nil
}

// checkApart refuses a file of the folder that the key is taken out of.
func (o *oldKeyFile) checkApart() error {
	if o.store == "" {
		return nil
	}
	path := o.Where()
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	} else if folder, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		path = filepath.Join(folder, filepath.Base(path))
	}
	store, err := filepath.EvalSymlinks(o.store)
	if err != nil {
		return fmt.Errorf("looking at the store: %w", withoutPath(err))
	}
	if store, err = filepath.Abs(store); err != nil {
		return fmt.Errorf("looking at the store: %w", err)
	}
	if relative, err := filepath.Rel(store, path); err == nil && relative != ".." && !strings.HasPrefix(relative, ".."+string(filepath.Separator)) {
		return fmt.Errorf("looking at %q: %w", path, rotation.ErrInStore)
	}
	return nil
}

// tellingRetirer says that the tool's own record is made, before it records.
type tellingRetirer struct {
	rotation.Retirer
	finish *finishing
}

// Retire implements rotation.Retirer.
func (t tellingRetirer) Retire(ctx context.Context, proven rotation.Unneeded) ([]int, error) {
	t.finish.tellRecord()
	return t.Retirer.Retire(ctx, proven)
}

// tellingFinishRecord says that the tool's own record is made, before it records what an earlier command has done.
type tellingFinishRecord struct {
	rotation.FinishRecord
	finish *finishing
}

// RecordFinished implements rotation.FinishRecord.
func (t tellingFinishRecord) RecordFinished(ctx context.Context, evidence *rotation.Evidence) (time.Time, error) {
	t.finish.tellRecord()
	return t.FinishRecord.RecordFinished(ctx, evidence)
}

// RecordBackups implements rotation.FinishRecord.
func (t tellingFinishRecord) RecordBackups(ctx context.Context, evidence *rotation.Evidence) error {
	t.finish.tellRecord()
	return t.FinishRecord.RecordBackups(ctx, evidence)
}
