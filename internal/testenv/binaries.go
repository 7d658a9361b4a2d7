package testenv

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// ErrNoPostgres says that no PostgreSQL server is installed.
var ErrNoPostgres = errors.New("no PostgreSQL server was found (initdb, pg_ctl): run `make setup`, " +
	"or install it: apt-get install postgresql, dnf install postgresql-server, brew install postgresql")

// ErrNoRedis says that no Redis or Valkey server is installed.
var ErrNoRedis = errors.New("no Redis server was found (redis-server, valkey-server): run `make setup`, " +
	"or install it: apt-get install redis-server, dnf install valkey, brew install redis")

// ErrNoPgBouncer says that PgBouncer is not installed.
var ErrNoPgBouncer = errors.New("no PgBouncer was found (pgbouncer): run `make setup`, " +
	"or install it: apt-get install pgbouncer, dnf install pgbouncer, brew install pgbouncer")

// programFolders are folders that may contain a server and are not on every PATH, as sbin is
// not on that of an ordinary user.
var programFolders = [...]string{"/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/opt/homebrew/bin"}

// findProgram returns the path of the first of the names that is installed, or the error
// missing.
func findProgram(missing error, names ...string) (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Abs(path)
		}
		for _, folder := range programFolders {
			if path, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
				return path, nil
			}
		}
	}
	return "", missing
}

// distributionFolders are the folders in which distributions keep the server's programs, which
// are not on PATH.
var distributionFolders = [...]string{
	"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin",
}

// findPostgresFolder returns the folder of initdb and pg_ctl.
func findPostgresFolder() (string, error) {
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
