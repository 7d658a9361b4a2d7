package securefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/ocmt/ocmt/internal/secretstore"
)

// problem returns an error about the place.
func (f *File) problem(err error, reason, fix string) error {
	return &secretstore.PlaceError{Place: f.place, Reason: reason, Fix: fix, Err: err}
}

// moved says that the path leads elsewhere than it did.
func (f *File) moved() error {
	return f.problem(secretstore.ErrMoved, "its path leads to another file than a moment ago; nothing was written",
		"see who changes the links and folders of the path, then run this again")
}

// systemError names the place of an error of the operating system, and says what can be done about it. It
// leaves out the path that such an error repeats. Other errors stay as they are.
func (f *File) systemError(doing string, err error) error {
	var explained *secretstore.PlaceError
	if errors.As(err, &explained) {
		return err
	}
	var pathError *fs.PathError
	var linkError *os.LinkError
	cause := err
	switch {
	case errors.As(err, &pathError):
		cause = pathError.Err
	case errors.As(err, &linkError):
		cause = linkError.Err
	}
	reason := fmt.Sprintf("%s: %v", doing, cause)
	switch {
	case errors.Is(err, syscall.EROFS), errors.Is(err, syscall.EBUSY):
		return f.problem(secretstore.ErrReadOnly, reason+": it is mounted, and can only be changed where it comes from",
			"change it there: a secret of Docker is made anew with docker secret create, a credential of systemd in the unit, a file of compose on the host")
	case errors.Is(err, fs.ErrPermission):
		return f.problem(errors.Join(secretstore.ErrReadOnly, cause), reason, "run this as the account that it belongs to, such as with sudo -u")
	case errors.Is(err, fs.ErrNotExist):
		return f.problem(cause, reason, "check that the path is right")
	}
	return f.problem(cause, reason, "")
}
