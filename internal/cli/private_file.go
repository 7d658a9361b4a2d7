package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ocmt/ocmt/internal/files"
	"github.com/ocmt/ocmt/internal/ui"
)

// path resolves a file named on the command line.
func (a *App) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(a.deps.Dir, name)
}

// writeSecretFile writes a file with a secret, as writePrivateFile does.
func writeSecretFile(path, text string, replace bool) error {
	return writePrivateFile(path, text, replace,
		"name another file, or add --force if the secret in it is needed by nothing, old backups of the database included")
}

// writePrivateFile writes a file of mode 0600, durably, or leaves everything as it was. It
// refuses a file that is there, or with replace replaces it in one step. It always refuses a
// symbolic link or a device, because the text would go to an unintended place. It reads the
// file back. The advice says what to do about a file that is there.
func writePrivateFile(path, text string, replace bool, advice string) (err error) {
	if err := checkTarget(path, replace, advice); err != nil {
		return err
	}
	temporary, err := writeTemporary(filepath.Dir(path), text)
	if err != nil {
		return err
	}
	defer func() {
		if removeErr := os.Remove(temporary); removeErr != nil && !errors.Is(removeErr, fs.ErrNotExist) && err == nil {
			err = fmt.Errorf("removing the temporary file: %w", removeErr)
		}
	}()
	if err := linkOrRename(temporary, path, replace, advice); err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return err
	}
	return readBack(path, text)
}

// checkTarget refuses a path that must not be written.
func checkTarget(path string, replace bool, advice string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("looking at the output file: %w", err)
	case !info.Mode().IsRegular():
		return &ui.Error{Message: fmt.Sprintf("%q is no plain file (a link, a folder or a device)", path),
			Hints: []string{"name the file itself"}, Code: ui.ExitRefused}
	case !replace:
		return existsError(path, advice)
	}
	return nil
}

func existsError(path, advice string) error {
	return &ui.Error{Message: fmt.Sprintf("%q is there already, and nothing was written", path),
		Hints: []string{advice}, Code: ui.ExitRefused}
}

// writeTemporary writes text into a new file of mode 0600 beside the target.
func writeTemporary(folder, text string) (name string, err error) {
	file, err := os.CreateTemp(folder, ".ocmt-*")
	if errors.Is(err, fs.ErrNotExist) {
		return "", &ui.Error{Message: fmt.Sprintf("there is no folder %q", folder), Hints: []string{"make it first, with mode 0700"}, Code: ui.ExitFailed}
	}
	if err != nil {
		return "", fmt.Errorf("making the output file: %w", err)
	}
	_, err = file.WriteString(text)
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("writing the output file: %w", err), os.Remove(file.Name()))
	}
	return file.Name(), nil
}

// linkOrRename gives the temporary file its name. A hard link, unlike a rename, fails where
// the name is taken, even if it was taken a moment ago.
func linkOrRename(temporary, path string, replace bool, advice string) error {
	if replace {
		if err := os.Rename(temporary, path); err != nil {
			return fmt.Errorf("replacing the output file: %w", err)
		}
		return nil
	}
	err := os.Link(temporary, path)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		err = reserveAndRename(temporary, path)
	}
	if errors.Is(err, fs.ErrExist) {
		return existsError(path, advice)
	}
	if err != nil {
		return fmt.Errorf("naming the output file: %w", err)
	}
	return nil
}

// reserveAndRename is for file systems without hard links, such as FAT and some network shares:
// an empty file takes the name, which fails where it is taken, and is then replaced.
func reserveAndRename(temporary, path string) error {
	reserved, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := reserved.Close(); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// syncFolder makes the name of a new file survive a power cut.
func syncFolder(folder string) error {
	handle, err := os.Open(folder)
	if err != nil {
		return fmt.Errorf("opening the output folder: %w", err)
	}
	err = handle.Sync()
	if closeErr := handle.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("writing the output folder to disk: %w", err)
	}
	return nil
}

// readBack compares the file with what was written.
func readBack(path, text string) error {
	found, err := files.ReadRegular(path, int64(len(text)))
	if err != nil {
		return fmt.Errorf("reading the output file back: %w", err)
	}
	if !bytes.Equal(found, []byte(text)) {
		return fmt.Errorf("reading back %q: it does not hold what was written", path)
	}
	return nil
}
