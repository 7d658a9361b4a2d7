package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/internal/secretstore/dir"
	"github.com/ocmt/ocmt/internal/secretstore/envfile"
	"github.com/ocmt/ocmt/internal/ui"
)

// The kinds of store, as --store has them before the colon.
const (
	storeEnvFile = "envfile"
	storeFolder  = "dir"
)

// storeFlag says which store of secrets is meant. The zero value is the env file that the settings came
// from.
type storeFlag struct {
	kind, path string // kind is "" where what lies at the path decides
	// Backup keeps a copy of an env file that is changed.
	Backup bool
}

// addStoreFlags adds --store and --backup.
func addStoreFlags(flags *pflag.FlagSet, store *storeFlag) {
	flags.Var(store, "store", "where the secrets are kept: envfile:PATH, dir:PATH, or the path of an env file or a folder (default: the env file that is read)")
	markEnvFileStore(flags)
	flags.BoolVar(&store.Backup, "backup", false, "keep a copy of an env file that is changed, with mode 0600; it has the old secrets in it")
}

// Set takes envfile:PATH, dir:PATH or PATH.
func (s *storeFlag) Set(text string) error {
	kind, path := "", text
	if before, after, found := strings.Cut(text, ":"); found && (before == storeEnvFile || before == storeFolder) {
		kind, path = before, after
	}
	if path == "" {
		return errEmpty
	}
	if path == "-" {
		return formError("a store is a file or a folder, not standard input")
	}
	s.kind, s.path = kind, path
	return nil
}

// String returns the store as it was given.
func (s *storeFlag) String() string {
	if s.kind == "" {
		return s.path
	}
	return s.kind + ":" + s.path
}

// Type names the kind of value in help texts.
func (s *storeFlag) Type() string { return "store" }

// openStore returns the store that a flag names, or the env file that the settings came from. It reads
// nothing of the secrets.
func (a *App) openStore(settings *config.Settings, flag storeFlag) (secretstore.Store, error) {
	kind, path := flag.kind, flag.path
	if path == "" {
		kind, path = storeEnvFile, envFileOf(settings)
	}
	if path == "" {
		return nil, &ui.Error{Message: "no env file was read, so there is no place to keep a secret in", Code: ui.ExitUsage,
			Hints: []string{"name the env file of the server with --env-file, or another place with --store envfile:PATH or --store dir:PATH"}}
	}
	if kind == "" {
		info, err := os.Stat(a.path(path))
		if err != nil {
			return nil, &ui.Error{Message: fmt.Sprintf("there is no store at %q that can be looked at", path), Code: ui.ExitUsage,
				Hints: []string{"check that the path is right and that this account may read it, and write envfile: or dir: before it"}}
		}
		kind = storeEnvFile
		if info.IsDir() {
			kind = storeFolder
		}
	}
	a.tellLeftovers(path)
	if kind == storeFolder {
		if flag.Backup {
			return nil, &ui.Error{Message: "--backup keeps a copy of an env file, and this store is a folder", Code: ui.ExitUsage, Hints: []string{"leave --backup out"}}
		}
		return dir.New(a.path(path), dir.Options{}), nil
	}
	return envfile.New(a.path(path), envfile.Options{Backup: flag.Backup, Now: a.deps.Now}), nil
}

// envFileOf returns the path of the env file that settings were read from; "" where there was none.
func envFileOf(settings *config.Settings) string {
	for _, file := range settings.Files {
		if file.Env {
			return file.Path
		}
	}
	return ""
}

// tellStore says what a store did beside the changes: what it could not keep, and the copies that it made.
func (a *App) tellStore(store secretstore.Store) {
	reporter, reports := store.(secretstore.Reporter)
	if !reports {
		return
	}
	for _, note := range reporter.Notes() {
		a.printer.Warn("%s", note)
	}
	for _, path := range reporter.Backups() {
		a.printer.Warn("%s", fmt.Sprintf("a copy with the old secrets is at %q: delete it when it is no longer needed", path))
	}
}
