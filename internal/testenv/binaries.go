package testenv

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// ErrNoPostgres: no PostgreSQL server is installed.
var ErrNoPostgres = errors.New("no PostgreSQL server was found (initdb, pg_ctl): run `make setup`, " +
	"or install it: apt-get install postgresql, dnf install postgresql-server, brew install postgresql")

// distributionFolders are where distributions keep the server's programs, which
// they leave out of PATH.
var distributionFolders = [...]string{
	"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin",
}

// postgresFolder returns the folder of initdb and pg_ctl.
func postgresFolder() (string, error) {
	for _, pattern := range distributionFolders {
		found, _ := filepath.Glob(pattern) // the patterns are well formed
		slices.Sort(found)
		for _, folder := range slices.Backward(found) {
			if hasServer(folder) {
				return folder, nil
			}
		}
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil && hasServer(filepath.Dir(path)) {
			return filepath.Dir(path), nil
		}
	}
	return "", ErrNoPostgres
}

func hasServer(folder string) bool {
	for _, name := range [...]string{"initdb", "pg_ctl", "postgres"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			return false
		}
	}
	return true
}
