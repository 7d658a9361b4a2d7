package testenv

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// ErrNoAccount says that there is no unprivileged account to run a server under.
var ErrNoAccount = errors.New("PostgreSQL and PgBouncer refuse to run as root, and there is neither an account postgres nor nobody: " +
	"run as another user, or add one of these accounts")

// account is the account that a server runs as. It is nil for the account of this process.
type account struct{ uid, gid uint32 }

// findAccount returns the account for a server, because PostgreSQL and PgBouncer do not run as
// root.
func findAccount() (*account, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range [...]string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(found.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(found.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		return &account{uid: uint32(uid), gid: uint32(gid)}, nil
	}
	return nil, ErrNoAccount
}

// chown gives a file or folder to the account.
func (a *account) chown(path string) error {
	if a == nil {
		return nil
	}
	return os.Chown(path, int(a.uid), int(a.gid))
}

// write writes a file that only the account can read.
func (a *account) write(path, content string) error {
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return err
	}
	return a.chown(path)
}

// apply makes a command run as the account, in a process group of its own so
// that Ctrl-C at the terminal does not reach it.
func (a *account) apply(command *exec.Cmd, folder string) {
	command.Dir = folder
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if a != nil {
		command.SysProcAttr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
}
