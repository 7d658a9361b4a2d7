package cli

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/ui"
)

// result is what one run left behind.
type result struct {
	code        int
	out, errors string
}

// testDeps are dependencies without a process: buffers, a fixed clock, an empty
// folder, and a random source that repeats itself.
func testDeps(t *testing.T, environ ...string) (Deps, *bytes.Buffer, *bytes.Buffer) {
	t.Helper()
	var out, diagnostics bytes.Buffer
	return Deps{
		Streams: ui.Streams{In: strings.NewReader(""), Out: &out, Err: &diagnostics},
		Environ: environ,
		Dir:     t.TempDir(),
		Now:     func() time.Time { return time.Unix(1_700_000_000, 0) },
		Random:  rand.NewChaCha8([32]byte{}),
		Notify:  func(chan<- os.Signal) func() { return func() {} },
		Version: "v9.9.9",
	}, &out, &diagnostics
}

func runMain(t *testing.T, args []string, environ ...string) result {
	t.Helper()
	deps, out, diagnostics := testDeps(t, environ...)
	code := Main(context.Background(), args, deps)
	return result{code, out.String(), diagnostics.String()}
}

// parse runs a command line on a tree in which one command is replaced by one
// with a run hook.
func parse(t *testing.T, name, args string, build func(*App) *cobra.Command) *App {
	t.Helper()
	deps, _, _ := testDeps(t)
	app := &App{deps: deps, printer: ui.NewPrinter(deps.Streams, ui.Options{})}
	root := newRootCommand(app)
	for _, child := range root.Commands() {
		if child.Name() == name {
			root.RemoveCommand(child)
		}
	}
	root.AddCommand(build(app))
	root.SetArgs(append([]string{name}, strings.Fields(args)...))
	if err := root.ExecuteContext(context.Background()); err != nil {
		t.Fatal(err)
	}
	return app
}

// TestKeygenOptions: a flag that lands in the wrong option writes a key where
// nobody meant it.
func TestKeygenOptions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args string
		want keygenOptions
	}{
		{"encryption", keygenOptions{Kind: "encryption", Count: 1, Format: "raw"}},
		{"encryption --format env --key-version 0", keygenOptions{Kind: "encryption", Count: 1, Format: "env", KeyVersion: versionFlag{set: true}}},
		{"encryption --format json", keygenOptions{Kind: "encryption", Count: 1, Format: "json"}},
		{"encryption --output json", keygenOptions{Kind: "encryption", Count: 1, Format: "json", JSON: true}},
		{"agent-token --count 3 --setting AUTH_TOKEN --format json",
			keygenOptions{Kind: "agent-token", Count: 3, Setting: "AUTH_TOKEN", Format: "json"}},
		{"admin-token --base64", keygenOptions{Kind: "admin-token", Count: 1, Base64: true, Format: "raw"}},
		{"encryption -o json --out f", keygenOptions{Kind: "encryption", Count: 1, Format: "raw", Out: "f", JSON: true}},
		{"--output human encryption --out f --force --format env --key-version 7",
			keygenOptions{Kind: "encryption", Count: 1, Format: "env", Out: "f", Force: true, KeyVersion: versionFlag{set: true, number: 7}}},
	} {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			var got keygenOptions
			parse(t, "keygen", test.args, func(app *App) *cobra.Command {
				return newKeygenCommand(app, func(_ context.Context, options *keygenOptions) error {
					got = *options
					return nil
				})
			})
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(versionFlag{})); diff != "" {
				t.Errorf("options (-want +got):\n%s", diff)
			}
		})
	}
}

// TestKeygenOnTerminal: whoever makes the first key by hand must be told to keep
// a copy, and what goes down the pipe must still be the key alone.
func TestKeygenOnTerminal(t *testing.T) {
	t.Parallel()
	deps, out, diagnostics := testDeps(t)
	deps.Streams.ErrTTY = true
	if code := Main(context.Background(), []string{"keygen", "encryption"}, deps); code != 0 {
		t.Fatalf("code %d: %s", code, diagnostics.String())
	}
	key := strings.TrimSuffix(out.String(), "\n")
	if len(key) != 64 {
		t.Errorf("standard output has %d characters, want 64 and a newline", len(key))
	}
	if !strings.Contains(diagnostics.String(), "Keep an offline copy") || strings.Contains(diagnostics.String(), key) {
		t.Error("standard error lacks the advice, or shows the key")
	}
}

// TestValidateOptions: --strict that is lost lets a pipeline pass over warnings.
func TestValidateOptions(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]validateOptions{"": {}, "--strict": {Strict: true}, "--fail-on warning": {FailOn: "warning"},
		"--live --live-query --endpoint agent=http://a --endpoint gateway=http://b": {Live: true, LiveQuery: true,
			Endpoints: endpointFlag{{Component: "agent", Address: "http://a"}, {Component: "gateway", Address: "http://b"}}},
		"--component group-vault --agent-env-file a --admin-env-file b --gateway-config c": {Component: "group-vault", AgentFile: "a", AdminFile: "b", GatewayFile: "c"}} {
		var got validateOptions
		parse(t, "validate", args, func(app *App) *cobra.Command {
			return newValidateCommand(app, func(_ context.Context, _ *config.Settings, options *validateOptions) error {
				got = *options
				return nil
			})
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: options (-want +got):\n%s", args, diff)
		}
	}
}

// TestGlobalOptions: the flags of every command, and those that override
// settings, reach the struct that commands read.
func TestGlobalOptions(t *testing.T) {
	t.Parallel()
	var settings *config.Settings
	app := parse(t, "validate", "-o json -q -v -y --no-input --no-color --operator bob", func(app *App) *cobra.Command {
		return newValidateCommand(app, func(_ context.Context, found *config.Settings, _ *validateOptions) error {
			settings = found
			return nil
		})
	})
	want := globals{output: "json", operator: "bob", quiet: true, verbose: true, noInput: true, yes: true, noColor: true}
	if app.globals != want {
		t.Errorf("globals %+v, want %+v", app.globals, want)
	}
	if settings.Output != "json" || settings.Operator != "bob" {
		t.Errorf("settings: output %q, operator %q", settings.Output, settings.Operator)
	}
}

// TestUsageErrors: what is misspelt must end with 2, name what is wrong, and
// repeat nothing that could be a secret.
func TestUsageErrors(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("0f1e", 15)
	for _, test := range []struct{ args, want string }{
		{"migrate", "no command given"},
		{"valdate", "did you mean ocmt validate?"},
		{"rotae --from-version 0", "did you mean ocmt rotate?"},
		{"--output human rotae --from-version 0", "did you mean ocmt rotate?"},
		{"migrate stauts", "did you mean ocmt migrate status?"},
		{"rotate stat --store x", "did you mean ocmt rotate status?"},
		{"verify", "did you mean ocmt migrate verify?"},
		{"pause --yes", "did you mean ocmt migrate pause?"},
		{"rotate --from-versio 0", "did you mean --from-version?"},
		{"help rotae", "did you mean ocmt rotate?"},
		{"stop", "did you mean ocmt migrate abort or ocmt migrate pause?"},
		{"options", "did you mean ocmt help options?"},
		{"help option", "did you mean ocmt help options?"},
		{"keygen agent-tokn", "did you mean ocmt keygen agent-token?"},
		{secret, "60 characters, not shown"},
		{"--bogus", `unknown flag "--bogus"`},
		{"--bogus=" + secret, "unknown flag"},
		{"--output", "needs a value"},
		{"version --output " + secret, "must be human or json"},
		{"validate --output " + secret, "must be human or json"},
		{"validate " + secret, "takes no argument"},
		{"keygen", "known kinds: encryption"},
		{"keygen " + secret, "known kinds: encryption"},
		{"keygen encryption " + secret, "one kind"},
		{"keygen encryption --format " + secret, "must be raw, env, json, docker or kubernetes"},
		{"keygen encryption --format raw --output json", "two forms of one output"},
		{"keygen encryption --force", "--force is for --out"},
		{"keygen encryption --key-version 1", "no place in the raw form"},
		{"keygen encryption --format env --key-version -1", "0 or more"},
		{"keygen encryption --setting " + secret + " --format env", "--setting must be ENCRYPTION_KEY"},
		{"keygen gateway-tokens", "known kinds: encryption"},
		{"keygen stripe-secret-key", "known kinds: encryption"},
		{"keygen encryption --format env --key-version " + secret, "--key-version has a value"},
		{"completion", "one shell"},
		{"completion " + secret, "unknown shell"},
		{"help " + secret, "no help page"},
	} {
		t.Run(test.args, func(t *testing.T) {
			t.Parallel()
			got := runMain(t, strings.Fields(test.args))
			if got.code != 2 || !strings.Contains(got.errors, test.want) {
				t.Errorf("code %d, %q; want 2 and %q", got.code, got.errors, test.want)
			}
			if strings.Contains(got.out+got.errors, secret) {
				t.Error("the argument is repeated")
			}
			if got.out != "" {
				t.Errorf("standard output %q", got.out)
			}
		})
	}
}

// TestErrorsInJSON: a script that asked for JSON must be able to read the error,
// even that of the command line itself.
func TestErrorsInJSON(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--output", "json", "nothing"}, {"nothing", "--output=json"}, {"validate", "-o", "json", "--bogus"}, {"validate", "-ojson", "x"},
	} {
		if got := runMain(t, args); !strings.Contains(got.errors, `"schema": "ocmt/error/v1"`) {
			t.Errorf("%v: %q", args, got.errors)
		}
	}
	if got := runMain(t, []string{"nothing"}, "OCMT_OUTPUT=json"); !strings.Contains(got.errors, "ocmt/error/v1") {
		t.Errorf("by environment: %q", got.errors)
	}
}

// TestHardenFails: a system that cannot protect memory
// is worth a warning; it must not take the tool away in an emergency.
func TestHardenFails(t *testing.T) {
	t.Parallel()
	deps, out, diagnostics := testDeps(t)
	deps.Harden = func() error { return errors.New("not permitted") }
	if code := Main(context.Background(), []string{"version"}, deps); code != 0 || !strings.Contains(out.String(), "ocmt v9.9.9") {
		t.Errorf("code %d, output %q", code, out.String())
	}
	if !strings.Contains(diagnostics.String(), "warning: the memory of this process is not protected") {
		t.Errorf("standard error %q", diagnostics.String())
	}
}

// TestSignals: the first Ctrl-C must let the chunk in hand be finished, the
// second must stop even what hangs.
func TestSignals(t *testing.T) {
	t.Parallel()
	var signals chan<- os.Signal
	released := make(chan struct{})
	ctx, stop, release := watchSignals(context.Background(), func(c chan<- os.Signal) func() {
		signals = c
		return func() { close(released) }
	})
	defer release(context.Canceled)
	soft, cancel := stop.Context(ctx)
	defer cancel()
	if stop.Requested() {
		t.Error("stopped before any signal")
	}
	signals <- syscall.SIGTERM
	wait(t, soft.Done())
	if !stop.Requested() || ctx.Err() != nil || !errors.Is(context.Cause(soft), ui.ErrInterrupted) {
		t.Errorf("after one: requested %v, hard %v, cause %v", stop.Requested(), ctx.Err(), context.Cause(soft))
	}
	if reason := stop.Reason(); reason != "ended by SIGTERM" {
		t.Errorf("the record says %q", reason)
	}
	signals <- os.Interrupt
	wait(t, ctx.Done())
	if !errors.Is(context.Cause(ctx), ui.ErrInterrupted) {
		t.Errorf("after two: cause %v", context.Cause(ctx))
	}
	wait(t, released)
}

func wait(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(3 * time.Minute):
		t.Fatal("nothing happened for 3 minutes")
	}
}
