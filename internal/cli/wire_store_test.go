package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/secretstore"
	"github.com/ocmt/ocmt/internal/token"
	"github.com/ocmt/ocmt/internal/ui"
	"github.com/ocmt/ocmt/pkg/secret"
)

// storeApp returns an App in a folder of its own, its settings, and what it writes to standard error.
func storeApp(t *testing.T, files map[string]string) (*App, *config.Settings, *bytes.Buffer) {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	settings, err := config.Load(context.Background(), config.Request{Dir: folder})
	if err != nil {
		t.Fatal(err)
	}
	said := &bytes.Buffer{}
	streams := ui.Streams{In: strings.NewReader(""), Out: &bytes.Buffer{}, Err: said}
	app := &App{deps: Deps{Dir: folder, Now: func() time.Time { return time.Unix(1_800_000_000, 0) }, Streams: streams}}
	app.usePrinter(false)
	return app, settings, said
}

// If this fails, a secret is put into another place than the operator names.
func TestOpenStore(t *testing.T) {
	t.Parallel()
	app, settings, _ := storeApp(t, map[string]string{".env": "A=one\n", "other.env": "A=two\n", "secrets/A": "three", "envfile:odd": "A=four\n"})
	for given, want := range map[string]string{"": "one", ".env": "one", "other.env": "two", "envfile:other.env": "two", "secrets": "three", "dir:secrets": "three", "./envfile:odd": "four",
		filepath.Join(app.deps.Dir, "other.env"): "two"} {
		var flag storeFlag
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		addStoreFlags(flags, &flag)
		var args []string
		if given != "" {
			args = []string{"--store", given}
		}
		if err := flags.Parse(args); err != nil || flag.String() != given {
			t.Fatalf("%q: %q, %v", given, flag.String(), err)
		}
		store, err := app.openStore(settings, flag)
		if err != nil {
			t.Fatalf("%q: %v", given, err)
		}
		value, err := store.Get(t.Context(), "A")
		if err != nil || value.Reveal() != want {
			t.Errorf("%q: holds %q, %v", given, value.Reveal(), err)
		}
	}
	for _, bad := range []string{"", "envfile:", "dir:", "-", "dir:-"} {
		if err := new(storeFlag).Set(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// If this fails, an operator meets a refusal and does not learn what to do, or a secret is made where no
// server reads it.
func TestOpenStoreRefuses(t *testing.T) {
	t.Parallel()
	app, settings, _ := storeApp(t, map[string]string{"secrets/A": "three"})
	for name, flag := range map[string]storeFlag{"no env file": {}, "nothing there": {path: "nowhere"}, "backup of a folder": {path: "secrets", Backup: true}} {
		_, err := app.openStore(settings, flag)
		var explained *ui.Error
		if !errors.As(err, &explained) || len(explained.Hints) == 0 || explained.Code != ui.ExitUsage {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// If this fails, a copy with old secrets lies about and nobody was told.
func TestTellStore(t *testing.T) {
	t.Parallel()
	app, settings, said := storeApp(t, map[string]string{".env": "ADMIN_TOKEN=first-text\n"})
	if err := os.Chmod(filepath.Join(app.deps.Dir, ".env"), 0o644); err != nil {
		t.Fatal(err)
	}
	store, err := app.openStore(settings, storeFlag{Backup: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Apply(t.Context(), secretstore.Change{Name: "ADMIN_TOKEN", Old: secret.NewValue("first-text"), New: secret.NewValue("second-text")}); err != nil {
		t.Fatal(err)
	}
	app.tellStore(store)
	for _, want := range []string{"mode 0644", ".env.20270115T080000.000Z.bak", "delete it"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("%q is not said: %s", want, said.String())
		}
	}
	if strings.Contains(said.String(), "-text") {
		t.Error("a secret is shown")
	}
}

// If this fails, a script cannot tell a refusal from a failure, or an operator learns nothing from it.
func TestExplainStore(t *testing.T) {
	t.Parallel()
	for _, one := range storeCodes {
		var explained *ui.Error
		if err := explain(&secretstore.PlaceError{Place: "env file", Reason: "reason", Err: one.err}); !errors.As(err, &explained) || explained.Code != one.code || len(explained.Hints) != 1 ||
			explained.Message != "env file: reason" {
			t.Errorf("%v: %+v", one.err, explained)
		}
		if err := explain(one.err); !errors.As(err, &explained) || explained.Code != one.code {
			t.Errorf("%v: %+v", one.err, explained)
		}
	}
	var explained *ui.Error
	err := explain(&secretstore.PartialError{Done: []string{"A"}, Err: secretstore.ErrReadOnly})
	if !errors.As(err, &explained) || explained.Code != ui.ExitPartial || !strings.Contains(explained.Message, "changed A") {
		t.Errorf("%+v", explained)
	}
	if err := explain(&secretstore.TrialError{Err: &secretstore.PlaceError{Place: "folder", Err: secretstore.ErrReadOnly}}); !errors.As(err, &explained) || explained.Code != ui.ExitRefused {
		t.Errorf("what was only tried: %+v", explained)
	}
	// A place fails behind the trial: what the others have decides.
	written := &token.WriteError{Err: fmt.Errorf("writing: %w", secretstore.ErrReadOnly), Undone: true}
	if err := explain(written); !errors.As(err, &explained) || explained.Code != ui.ExitFailed || !strings.Contains(explained.Message, "nothing is left") {
		t.Errorf("put back: %+v", explained)
	}
	written.Undone = false
	if err := explain(written); !errors.As(err, &explained) || explained.Code != ui.ExitPartial || !strings.Contains(strings.Join(explained.Hints, " "), "--resume") {
		t.Errorf("not put back: %+v", explained)
	}
	if err := explain(&secretstore.PlaceError{Place: "env file", Err: ui.ErrInterrupted}); !errors.As(err, &explained) || explained.Code != ui.ExitInterrupted {
		t.Errorf("%+v", explained)
	}
}
