package cli

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/internal/usertoken"
)

// listAdvice says what to do where the file of --list is there.
const listAdvice = "name another file with --list, or move that one away"

// listFile is the file of --list. It is made before the first token is written, because the users whose tokens were
// renewed are known once: nothing in the database tells them from the others afterwards.
type listFile struct {
	name, path string      // as the operator gave it, and from the root
	made       os.FileInfo // of the file that was made before the first write
	written    bool        // the list is in it, and was read back
}

// makeListFile makes the file with the title line alone, so that a place where it cannot be is found in time.
func makeListFile(name, path string) (*listFile, error) {
	list := &listFile{name: name, path: path}
	err := writePrivateFile(path, formatUsers(nil), false, listAdvice)
	if err == nil {
		list.made, err = os.Lstat(path)
	}
	if err != nil {
		return nil, fmt.Errorf("making the list of users: %w", err)
	}
	return list, nil
}

// write puts users into the file. Another file that stands in its place by now stays.
func (l *listFile) write(users []usertoken.Owner) error {
	switch found, err := os.Lstat(l.path); {
	case err != nil:
		return systemReason(err)
	case !l.isSame(found):
		return errors.New("somebody else has put another file in its place")
	}
	if err := writePrivateFile(l.path, formatUsers(users), true, listAdvice); err != nil {
		return err
	}
	l.written = true
	return nil
}

// isSame reports whether a file is the one that was made. A new file can have the number of one that was removed.
func (l *listFile) isSame(found os.FileInfo) bool {
	return os.SameFile(found, l.made) && found.ModTime().Equal(l.made.ModTime()) && found.Size() == l.made.Size()
}

// remove takes a file away that does not have the list, because it reads as a list of nobody.
func (l *listFile) remove() error {
	if found, err := os.Lstat(l.path); l.written || err != nil || !l.isSame(found) {
		return nil
	}
	if err := os.Remove(l.path); err != nil {
		return fmt.Errorf("removing the list without users: %w", err)
	}
	return nil
}

// formatUsers returns users as CSV with a title line.
func formatUsers(users []usertoken.Owner) string {
	var text strings.Builder
	writer := csv.NewWriter(&text)
	_ = writer.Write([]string{"user", "email", "container"}) // a builder takes everything
	for _, user := range users {
		_ = writer.Write([]string{user.User, guardCell(ui.Clean(user.Email)), guardCell(ui.Clean(user.Container))})
	}
	writer.Flush()
	return text.String()
}

// guardCell returns a cell that no spreadsheet takes for a formula (OWASP, CSV injection).
func guardCell(cell string) string {
	if strings.IndexAny(cell, "=+-@＝＋－＠") == 0 {
		return "'" + cell
	}
	return cell
}

// writeList writes the users whose containers are to be made anew into the file of --list, where there is one.
// The list is on the screen, whole, where the file does not take it.
func (t *tokenRenewal) writeList(plan *usertoken.Plan, result *usertoken.Result) error {
	if t.list == nil {
		return nil
	}
	err := t.list.write(concernedUsers(plan.Table.Containers, result.Users))
	if err == nil {
		return nil
	}
	code, reason := ui.ExitPartial, joinErrors(err, t.list.remove())
	if t.options.DryRun || result.Renewed == 0 {
		code = ui.ExitFailed
	}
	return &ui.Error{Message: fmt.Sprintf("the list of users is not in %s: %s", ui.Clean(t.list.name), ui.Clean(reason.Error())), Code: code,
		Hints: []string{"keep the output of this run: it has all users whose containers are to be made anew"}}
}
