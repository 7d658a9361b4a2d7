package gitrepo

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// ErrSlow says that git was killed because it took longer than its limit. A named pipe or a device in the
// place of a file makes it wait for ever.
var ErrSlow = errors.New("git did not answer in time")

// ErrIrregular says that a file which git reads is no regular file, so that git is not asked: it could wait
// for ever.
var ErrIrregular = errors.New("a file that git reads is no regular file")

// What Open returns.
var (
	// ErrNoGit says that there is a repository, and no git program.
	ErrNoGit = errors.New("git is not installed")
	// ErrNotRepository says that a folder is in no repository.
	ErrNotRepository = errors.New("it is not in a git repository")
	// ErrForeignOwned says that the repository belongs to another account, so that git refuses it.
	ErrForeignOwned = errors.New("the repository belongs to another account")
	// ErrBroken says that there is a repository that git does not take for one, or that this account
	// may not read.
	ErrBroken = errors.New("the git directory is unreadable or broken")
)

// Why a search has not seen everything. Several can hold at once.
var (
	// ErrShallow says that the history was cut off when the repository was cloned.
	ErrShallow = errors.New("the clone is shallow")
	// ErrPartial says that objects were left out when the repository was cloned.
	ErrPartial = errors.New("the clone is partial")
	// ErrMissingObjects says that objects that the history needs are not there.
	ErrMissingObjects = errors.New("objects are missing")
	// ErrMissingAlternate says that the repository borrows objects from a folder that is not there.
	ErrMissingAlternate = errors.New("a folder that it borrows objects from is missing")
	// ErrUnreadable says that git could not read some of the objects.
	ErrUnreadable = errors.New("some of it cannot be read")
)

// ErrBare says that a repository has no files checked out, so that nothing in it can be ignored.
var ErrBare = errors.New("the repository is bare")

// A gitError is a failed run of git. Its text does not repeat what could have an address with a
// password.
type gitError struct {
	command string
	message string
	err     error
}

func (e *gitError) Error() string {
	if e.message == "" {
		return fmt.Sprintf("running git %s: %v", e.command, e.err)
	}
	return fmt.Sprintf("running git %s: %s: %v", e.command, e.message, e.err)
}

func (e *gitError) Unwrap() error { return e.err }

// maxMessage bounds how much is repeated of what git says, in characters.
const maxMessage = 160

// safeMessage returns the first line of what git wrote to standard error, or "" if it could have a
// credential: a part of the configuration, an address, a secret that is searched.
func (r *Repository) safeMessage(stderr []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(stderr)), "\n")
	if strings.ContainsAny(line, "@=") || strings.Contains(line, "://") || len(r.matcher.Find([]byte(line))) > 0 {
		return ""
	}
	line = strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return -1
	}, line)
	return string([]rune(line)[:min(maxMessage, len([]rune(line)))])
}
