package testenv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
)

var (
	// ErrNoPostgres13 says that PostgreSQL 13 was not fetched.
	ErrNoPostgres13 = errors.New("no PostgreSQL 13 was found in .tools: run `make setup-tests`, which fetches it with npm")
	// ErrNoPackage13 says that there is no package of PostgreSQL 13 for this machine that
	// needs no installation.
	ErrNoPackage13 = errors.New("there is no package of PostgreSQL 13 for this machine, only for Linux on x86-64 with glibc")
)

// loader is the dynamic loader that the programs of the package need.
const loader = "/lib64/ld-linux-x86-64.so.2"

// StartPostgres13 starts a server of version 13, the last one without TID range scans. Its
// programs are unpacked into its own folder, so that the account that
// it runs as need not be able to read the repository.
func StartPostgres13(ctx context.Context, settings ...string) (*Postgres, error) {
	packed, err := findPackage13()
	if err != nil {
		return nil, err
	}
	return startPostgres("", false, func(p *Postgres) error {
		p.programs = filepath.Join(p.folder, "native", "bin")
		if err := p.unpack(ctx, packed); err != nil {
			return fmt.Errorf("unpacking %s: %w", packed, err)
		}
		return p.initialise(ctx, settings)
	})
}

// findPackage13 returns the file of the package in the repository that this process runs in.
func findPackage13() (string, error) {
	if _, err := os.Stat(loader); runtime.GOOS != "linux" || runtime.GOARCH != "amd64" || err != nil {
		return "", ErrNoPackage13
	}
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; folder != filepath.Dir(folder); folder = filepath.Dir(folder) {
		found, _ := filepath.Glob(filepath.Join(folder, ".tools", "postgres-13.*.tgz")) // the pattern is well formed
		if len(found) > 0 {
			return slices.Max(found), nil
		}
	}
	return "", ErrNoPostgres13
}

// unpack unpacks the programs as the account that is to run them. It makes the symbolic links,
// which an npm package cannot contain and lists in a file.
func (p *Postgres) unpack(ctx context.Context, packed string) error {
	file, err := os.Open(packed)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	command := exec.CommandContext(ctx, "tar", "-xzf", "-", "--strip-components=1", "package/native")
	p.account.apply(command, p.folder)
	command.Stdin = file
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, output)
	}
	text, err := os.ReadFile(filepath.Join(p.folder, "native", "pg-symlinks.json"))
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(text, &links); err != nil {
		return err
	}
	for _, link := range links {
		if err := os.Symlink(filepath.Base(link.Source), filepath.Join(p.folder, link.Target)); err != nil {
			return err
		}
	}
	return nil
}
