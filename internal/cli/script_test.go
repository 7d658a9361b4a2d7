package cli_test

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ocmt/ocmt/internal/cli"
	"github.com/ocmt/ocmt/internal/procsec"
)

// scripts is where the scripts lie, seen from this package.
const scripts = "../../testdata/script"

// TestMain makes this test binary answer to the name ocmt, so that scripts run
// the real program in a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"ocmt": func() {
			os.Exit(cli.Main(context.Background(), os.Args[1:], cli.SystemDeps("test", procsec.LimitMemory(os.Getenv))))
		},
	})
}

// TestScripts runs every script under testdata/script. Each says at its top what
// an operator would lose if it failed.
func TestScripts(t *testing.T) {
	t.Parallel()
	for _, folder := range scriptFolders(t) {
		name, err := filepath.Rel(scripts, folder)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.ToSlash(name), func(t *testing.T) {
			t.Parallel()
			testscript.Run(t, testscript.Params{
				Dir:                 folder,
				RequireExplicitExec: true,
				RequireUniqueNames:  true,
				Cmds:                scriptCommands(t),
			})
		})
	}
}

// scriptFolders finds the folders by walking, never by a list: a script that is
// on no list is a script that never runs.
func scriptFolders(t *testing.T) []string {
	t.Helper()
	seen := map[string]bool{}
	var folders []string
	err := filepath.WalkDir(scripts, func(path string, _ fs.DirEntry, err error) error {
		if folder := filepath.Dir(path); err == nil && strings.HasSuffix(path, ".txtar") && !seen[folder] {
			seen[folder] = true
			folders = append(folders, folder)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(folders) == 0 {
		t.Fatalf("no script found under %s", scripts)
	}
	return folders
}

// scriptCommands are the commands that scripts have beside those of testscript.
func scriptCommands(t *testing.T) map[string]func(*testscript.TestScript, bool, []string) {
	t.Helper()
	commands := databaseCommands(t)
	maps.Copy(commands, map[string]func(*testscript.TestScript, bool, []string){
		"exitcode": exitCode,
		"mode":     fileMode,
		"fresh":    freshKey,
		"take":     takeFile,
		"access":   addAccess,
		"redis":    redisCommand,
		"server":   serverCommand,
		"paste":    pasteGrants,
	})
	return commands
}

// checkEntries holds docs/troubleshooting.md to the errors that scripts provoke.
func checkEntries(ts *testscript.TestScript) {
	for _, line := range strings.Split(ts.ReadFile("stderr"), "\n") {
		sentence, isError := strings.CutPrefix(line, "error: ")
		if !isError {
			continue
		}
		has, err := cli.HasEntry(sentence)
		ts.Check(err)
		if !has {
			ts.Fatalf("docs/troubleshooting.md has no entry for %q", sentence)
		}
	}
}

// exitCode runs a program that must end with one code:
//
//	exitcode 3 ocmt validate
func exitCode(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) < 2 {
		ts.Fatalf("usage: exitcode N program args...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var ended *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &ended) {
		got = ended.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
	checkEntries(ts)
}

// fileMode checks the permission bits of a file:
//
//	mode 600 key
func fileMode(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 2 {
		ts.Fatalf("usage: mode OCTAL file")
	}
	want, err := strconv.ParseUint(args[0], 8, 32)
	ts.Check(err)
	info, err := os.Lstat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := info.Mode(); got != fs.FileMode(want) {
		ts.Fatalf("mode %v, want %v", got, fs.FileMode(want))
	}
}

// freshKey puts a new encryption key into each variable that it is given:
//
//	fresh ENCRYPTION_KEY ENCRYPTION_KEY_V0
func freshKey(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) == 0 {
		ts.Fatalf("usage: fresh VARIABLE...")
	}
	for _, name := range args {
		ts.Check(ts.Exec("ocmt", "keygen", "encryption"))
		ts.Setenv(name, strings.TrimSpace(ts.ReadFile("stdout")))
	}
}
