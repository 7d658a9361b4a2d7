package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/secretstore/dir"
	"github.com/ocmt/ocmt/internal/secretstore/envfile"
	"github.com/ocmt/ocmt/internal/ui"
)

// If this fails, an operator whose secrets are in a folder follows the advice and changes another place, or the
// path of the folder becomes several words of a shell.
func TestAdviceNamesTheStore(t *testing.T) {
	t.Parallel()
	flag := storeFlag{kind: storeFolder, path: "/run/our secrets$1"}
	for advice, want := range map[string]string{
		"ocmt rotate begin --abandon":         "ocmt rotate begin --store 'dir:/run/our secrets$1' --abandon",
		"ocmt rotate put-back --to-version 0": "ocmt rotate put-back --store 'dir:/run/our secrets$1' --to-version 0",
		"ocmt rotate readiness":               "ocmt rotate readiness",
		"ocmt rotate --from-version 0":        "ocmt rotate --from-version 0",
	} {
		if got := carryStore(advice, flag); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := carryStore(advice, storeFlag{}); got != advice {
			t.Errorf("without a store: %q", got)
		}
	}
}

// If this fails, an operator whose settings come from the environment alone types what is advised and is refused, or
// changes another store than the one that was typed.
func TestAdviceNamesTheStoreThatIsNeeded(t *testing.T) {
	t.Parallel()
	deps, _, _ := testDeps(t)
	root := newRootCommand(&App{deps: deps, printer: ui.NewPrinter(deps.Streams, ui.Options{})})
	adviceBehind := func(settings *config.Settings, advice string, words ...string) string {
		cmd, flags, err := root.Find(words)
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.ParseFlags(flags); err != nil {
			t.Fatal(err)
		}
		carried := newCarrier(cmd)
		carried.store = newStoreCarrier(cmd, settings)
		return strings.ReplaceAll(carried.advise(advice), "\u2007", " ")
	}
	environment, file := &config.Settings{}, &config.Settings{Files: []config.File{{Path: ".env", Env: true}}}
	for advice, want := range map[string]string{
		"ocmt rotate begin --escrow FILE":                           "ocmt rotate begin --store STORE --escrow FILE",
		"ocmt rotate finish --from-version 0":                       "ocmt rotate finish --store STORE --from-version 0",
		"ocmt rotate finish --store PLACE":                          "",
		"ocmt rotate put-back --to-version 0":                       "ocmt rotate put-back --store STORE --to-version 0",
		"ocmt rotate redis-password begins one":                     "ocmt rotate redis-password --store STORE begins one",
		"ocmt rotate database-password":                             "ocmt rotate database-password --store STORE",
		"ocmt rotate all --routine changes them":                    "ocmt rotate all --store STORE --routine changes them",
		"ocmt rotate agent-token --agent-store A":                   "ocmt rotate agent-token --store STORE --agent-store A",
		"ocmt rotate status or ocmt rotate readiness":               "",
		"ocmt rotate rollback --to-version 0":                       "",
		"ocmt rotate --from-version 0":                              "",
		"ocmt rotate gateway-token --gateway-config F":              "",
		"name the file that ocmt rotate begin --escrow has written": "",
		"run ocmt rotate begin --from-escrow F on its machine":      "",
	} {
		if want == "" {
			want = advice
		}
		if got := adviceBehind(environment, advice, "rotate", "status"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := adviceBehind(file, advice, "rotate", "status"); got != advice {
			t.Errorf("with an env file: %q", got)
		}
	}
	const typed, story = "ocmt rotate redis-password", "ocmt rotate begin"
	if got := adviceBehind(environment, typed, "rotate", "redis-password", "--store", "dir:/run/our secrets"); got != typed+" --store 'dir:/run/our secrets'" {
		t.Errorf("the store that was typed: %q", got)
	}
	if got := adviceBehind(environment, story, "rotate", "redis-password", "--store", "dir:/run/our secrets"); got != story+" --store STORE" {
		t.Errorf("the store of another command: %q", got)
	}
	if got := adviceBehind(environment, story, "rotate", "finish", "--store", "a.env"); got != story+" --store a.env" {
		t.Errorf("the store of the same story: %q", got)
	}
}

// If this fails, the key of a whole deployment stands on a screen, and in what the terminal keeps of it.
func TestEscrowDoesNotGoToTheScreen(t *testing.T) {
	t.Parallel()
	var shown strings.Builder
	streams := ui.Streams{In: strings.NewReader(""), Out: &shown, Err: &shown, OutTTY: true}
	app := &App{deps: Deps{Dir: t.TempDir(), Streams: streams}, printer: ui.NewPrinter(streams, ui.Options{})}
	var refused *ui.Error
	if err := app.runRotateBegin(t.Context(), nil, &beginOptions{Escrow: "-"}); !errors.As(err, &refused) || refused.Code != ui.ExitUsage || shown.Len() > 0 {
		t.Errorf("got %v, and %d bytes are shown", err, shown.Len())
	}
}

// If this fails, a pipe in the place of an offline copy holds ocmt for ever, or nobody is told that others may
// know the key.
func TestOfflineCopyIsAPlainFile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	var shown strings.Builder
	streams := ui.Streams{In: strings.NewReader(""), Out: &shown, Err: &shown}
	app := &App{deps: Deps{Dir: folder, Streams: streams}, printer: ui.NewPrinter(streams, ui.Options{})}
	if err := syscall.Mkfifo(filepath.Join(folder, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pipe", "."} {
		if _, err := app.readEscrow(name); err == nil || !strings.Contains(err.Error(), "no plain file") {
			t.Errorf("%s: %v", name, err)
		}
	}
	path := filepath.Join(folder, "open")
	if err := os.WriteFile(path, []byte("7be04c19d2a6f38e5519c0bb47ea2f6d93f1850c6e2db7a4081f9ed35b7c62aa\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, said := range map[os.FileMode]bool{0o600: false, 0o644: true} {
		shown.Reset()
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := app.readEscrow("open"); err != nil || strings.Contains(shown.String(), "others can read") != said {
			t.Errorf("%04o: %v, said %q", mode, err, shown.String())
		}
	}
}

// If this fails, the store that the record names is not found again, and the advice leads to no store.
func TestRecordedStore(t *testing.T) {
	t.Parallel()
	for place, want := range map[string]storeFlag{
		envfile.New(`/etc/our "own"/.env`, envfile.Options{}).Place(): {kind: storeEnvFile, path: `/etc/our "own"/.env`},
		dir.New("/run/secrets", dir.Options{}).Place():                {kind: storeFolder, path: "/run/secrets"},
		"something else": {},
	} {
		view := rotation.View{Keys: []rotation.RecordedKey{{Version: 0}, {Version: 1, Begun: &rotation.Begun{Host: "a", Store: place}}}}
		if got := findRecordedStore(view, "a"); got != want {
			t.Errorf("%s: got %+v", place, got)
		}
		if got := findRecordedStore(view, "b"); got != (storeFlag{}) {
			t.Errorf("%s on another machine: got %+v", place, got)
		}
	}
}
