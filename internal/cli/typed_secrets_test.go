package cli_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/cli"
	"github.com/ocmt/ocmt/internal/ui"
)

const (
	typedKey      = "3f9d0c5e7a1b2d4f6e8091a3b5c7d9eb13243546576879808a9bacbdcedfe0f1"
	typedPassword = "S3cretPw-hello"
	typedToken    = "Qm7vT2xZr9LkW4cN8bHsYd3F" // ADMIN_TOKEN of the settings
)

// hexMayStand are the flags that may hold 64 hexadecimal digits that are no key.
var hexMayStand = []string{"head", "expect-key", "key", "note", "secret"}

// runTyped runs a command line in this process and in an empty folder, with settings that lead nowhere.
func runTyped(t *testing.T, dir string, environ []string, args ...string) (code int, said string) {
	t.Helper()
	var out, diagnostics strings.Builder
	deps := cli.SystemDeps("test", 0)
	deps.Streams = ui.Streams{In: strings.NewReader(""), Out: &out, Err: &diagnostics}
	deps.Environ = []string{"DATABASE_URL=postgresql://ocmt@127.0.0.1:1/ocmt", "ADMIN_TOKEN=" + typedToken, "HOME=" + dir}
	deps.Environ = append(deps.Environ, environ...)
	deps.Dir, deps.Harden = dir, nil
	deps.Notify = func(chan<- os.Signal) func() { return func() {} }
	code = cli.Main(t.Context(), args, deps)
	return code, out.String() + diagnostics.String()
}

// typedSecrets are the forms in which a secret is typed or pasted where a name belongs.
var typedSecrets = []string{
	typedKey, "postgresql://ocmt:" + typedPassword + "@db1:5432/ocmt/x", typedKey + "/x",
	"envfile:" + typedKey, "management=" + typedKey, strings.ToUpper(typedKey), "x/redis://:" + typedPassword + "@h", "dir:rediss://:" + typedPassword + "@h",
	"redis://:" + typedPassword[:8] + "@h", "agent=https://a:" + typedPassword + "/+@h", "http://h1,http://a:" + typedPassword + "@h2", "host=db1 password=" + typedPassword,
	"ocmt:" + typedPassword + "@db1", "management=ocmt:" + typedPassword + "@db1:5432/ocmt",
	"ocmt:p@" + typedPassword + "@db1", "ocmt:p/" + typedPassword + "@db1:5432/ocmt", "ocmt:" + typedPassword + "@[::1]:5432", "envfile:ocmt:" + typedPassword + "@db1",
	"PGPASSWORD=" + typedPassword,
}

// If this fails, a key or a password that was typed or pasted where a name belongs stands on the screen, in a record or in
// advice, and from there in the log of a pipeline.
func TestNoTypedSecretIsTold(t *testing.T) {
	t.Parallel()
	for path, flags := range cli.CommandTree() {
		words := strings.Fields(path)[1:]
		t.Run(strings.ReplaceAll(path, " ", "_"), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, flag := range flags {
				for _, typed := range typedSecrets[:2] {
					checkTyped(t, dir, flag, typed, slices.Concat(words, []string{"--" + flag, typed}))
				}
			}
			for _, typed := range typedSecrets[:2] {
				checkTyped(t, dir, "", typed, slices.Concat(words, []string{typed}))
			}
		})
	}
	for _, typed := range typedSecrets {
		dir := t.TempDir()
		checkTyped(t, dir, "", typed, []string{typed})
		checkTyped(t, dir, "", typed, []string{"migrate", "set", "--", typed})
		checkTyped(t, dir, "unknown", typed, []string{"status", "--unknown=" + typed})
		checkTyped(t, dir, "output", typed, []string{"status", "-o" + typed})
		checkTyped(t, dir, "record", typed, []string{"--record=" + typed, "status"})
		checkTyped(t, dir, "operator", typed, []string{"rotate", "mark-done", "stripe-secret-key", "--operator", typed})
	}
}

// If this fails, a key that was pasted into a variable of a pipeline, where a name belongs, stands in the record for ever.
func TestNoSecretIsANameInTheSettings(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"OCMT_OPERATOR", "OCMT_RECORD"} {
		for _, held := range []string{typedKey, "postgresql://ocmt:" + typedPassword + "@db1:5432/ocmt", typedToken} {
			code, said := runTyped(t, t.TempDir(), []string{name + "=" + held}, "rotate", "mark-done", "stripe-secret-key")
			if code != int(ui.ExitUsage) || !strings.Contains(said, name+" holds ") || strings.Contains(said, held) || strings.Contains(said, typedPassword) {
				t.Errorf("%s (%.12s…) ends with %d and says %q", name, held, code, strings.ReplaceAll(said, held, "…"))
			}
		}
	}
	// The name of a login may be a word that is somebody's password too.
	if code, said := runTyped(t, t.TempDir(), []string{"USER=" + typedToken}, "rotate", "status"); code == int(ui.ExitUsage) {
		t.Errorf("the name of the login is refused: %s", said)
	}
}

// checkTyped runs a command line with a secret in it, which must be refused, and never be repeated.
func checkTyped(t *testing.T, dir, flag, typed string, args []string) {
	t.Helper()
	code, said := runTyped(t, dir, nil, args...)
	for _, held := range []string{typedKey, typedPassword[:8]} {
		if strings.Contains(strings.ToLower(said), strings.ToLower(held)) {
			t.Errorf("--%s: the output repeats what was typed (%.12s…)", flag, typed)
			return
		}
	}
	mayStand := strings.Contains(strings.ToLower(typed), typedKey) && slices.Contains(hexMayStand, flag)
	if refused := strings.Contains(said, "as a key has") || strings.Contains(said, "with a password"); code != int(ui.ExitUsage) && !mayStand || refused == mayStand {
		t.Errorf("--%s: exit status %d (%.12s…)\n%s", flag, code, typed, said)
	}
}

// If this fails, a token that stands in the settings goes from a wrong flag into the record or onto the screen.
func TestNoTypedSecretOfTheSettingsIsTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, args := range [][]string{
		{"status", "--record", typedToken}, {"status", "--operator", typedToken}, {"audit", "--html", typedToken + "/report.html"},
		{"migrate", "plan", "--out", typedToken}, {"rotate", "begin", "--escrow", "keys/" + typedToken}, {"rotate", "status", "--store", "envfile:" + typedToken},
		{"session-invalidate", "--user", typedToken}, {"audit", "log", "--action", typedToken},
	} {
		code, said := runTyped(t, dir, nil, args...)
		if strings.Contains(said, typedToken) || code != int(ui.ExitUsage) || !strings.Contains(said, "ADMIN_TOKEN") {
			t.Errorf("%v: exit status %d\n%s", args[:len(args)-1], code, strings.ReplaceAll(said, typedToken, "(the token)"))
		}
	}
}

// If this fails, an operator cannot look through the logs of Docker's containers, which are named by 64 hexadecimal digits.
func TestNamesThatAreThereAreNoSecrets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "containers", typedKey), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"audit", "--log", "containers/" + typedKey, "--only", "logs"}, {"audit", "--path", filepath.Join(dir, "containers", typedKey), "--only", "files"},
		{"audit", "--only", "logs", "--html", "containers/" + typedKey + "/report.html"},
	} {
		if code, said := runTyped(t, dir, nil, args...); code == int(ui.ExitUsage) {
			t.Errorf("%v: refused\n%s", args, said)
		}
	}
}

// If this fails, nothing works for an operator whose password of the database is also the name of the role, or whose addresses
// or files have an @ in their names, as what systemd makes of a template has.
func TestNamesAreNoSecrets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte("REDIS_URL=redis://:openclaw@127.0.0.1:1\nADMIN_PASSWORD=openclaw\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "web:app@prod.log"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"status", "--operator", "openclaw"}, {"status", "--operator", "ocmt:1.2@sha256:" + typedKey}, {"audit", "--only", "tokens", "--endpoint", "management=http://127.0.0.1:1/path@x"},
		{"rotate", "status", "--store", "envfile:ocmt@prod.env"}, {"rotate", "status", "--store", "dir:secrets@prod"}, {"status", "--operator", "mailto:ann@example.org"},
		{"audit", "--only", "logs", "--log", "web:app@prod.log"}} {
		if code, said := runTyped(t, dir, nil, args...); code == int(ui.ExitUsage) {
			t.Errorf("%v: refused\n%s", args, said)
		}
	}
}

// If this fails, an operator is told what a flag may be and not what was written there, which a script may have put together;
// or the error ends without a way on.
func TestARefusedValueIsQuoted(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"rotate --from-version 0 --pace fast":                      `error: --pace must be one of auto, full, gentle, and "fast" was given`,
		"rotate --from-version 0 --workers lots":                   `error: --workers must be auto or a whole number from 1 to 64, and "lots" was given`,
		"rotate --from-version 0 --workers 0":                      `and "0" was given`,
		"status --output yaml":                                     `error: --output must be human or json, and "yaml" was given`,
		"version --output yaml":                                    `error: --output must be human or json, and "yaml" was given`,
		"rotate --from-version one":                                `error: --from-version has a value it cannot take: it must be a plain whole number, 0 or more, and "one" was given`,
		"rotate --from-version 0 --lock-timeout 5":                 `, and "5" was given`,
		"rotate --from-version 0 --lock-timeout 5parsecs":          `from 10ms to 1h0m0s`,
		"migrate set pace=fast":                                    `error: pace must be auto, full or gentle, and "fast" was given`,
		"migrate verify --search deep":                             `error: --search must be auto, full or none, and "deep" was given`,
		"rotate --from-version 0 --pace Tr0ub4dor":                 `gentle` + "\n",
		"rotate --from-version 0 --pace correct-horse-battery-pin": `gentle` + "\n",
		"rotate --from-version 0 --workers hunter2hunter":          `64` + "\n",
	} {
		code, said := runTyped(t, t.TempDir(), nil, strings.Fields(line)...)
		if code != int(ui.ExitUsage) || !strings.Contains(said, want) || !strings.Contains(said, "next: ") {
			t.Errorf("%s: exit status %d, want %q\n%s", line, code, want, said)
		}
	}
}
