package config_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/config"
)

// marker is the secret of these tests. It must be in no error and no output.
const marker = "s3cretMARKERvalue"

func wantInvalid(t *testing.T, err error, name string) {
	t.Helper()
	var invalid *config.InvalidError
	if !errors.As(err, &invalid) || invalid.Name != name {
		t.Fatalf("error %v, want an *InvalidError about %s", err, name)
	}
}

// TestRefusedFiles: a settings file that is half understood gives settings that the
// operator did not choose, and an error that quotes it puts its secrets into a log.
func TestRefusedFiles(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ file, text, want string }{
		"line without =":       {".env", "A=1\n" + marker + "\n", "line 2"},
		"odd name":             {".env", "A=1\n" + marker + " x=2\n", "line 2"},
		"open quote":           {".env", "A=\"" + marker + "\n", "not closed"},
		"NUL":                  {".env", "A=" + marker + "\x00\n", "NUL"},
		"yaml unknown":         {"ocmt.yaml", "wokers: 3\n", `unknown setting "wokers"`},
		"yaml dotted":          {"ocmt.yaml", "columns.x: 3\n", "unknown setting"},
		"yaml secret":          {"ocmt.yaml", "encryption_key: " + marker + "\n", "do not belong"},
		"yaml address":         {"ocmt.yaml", "database_url: " + marker + "\n", "do not belong"},
		"yaml not a map":       {"ocmt.yaml", marker + "\n", "not valid YAML"},
		"yaml broken":          {"ocmt.yaml", "output: json\n  x: [" + marker + "\n", "line"},
		"yaml nested scalar":   {"ocmt.yaml", "workers: {a: " + marker + "}\n", "wrong form"},
		"yaml unknown column":  {"ocmt.yaml", "columns: [{table: a, key: b, column: c, d: " + marker + "}]\n", "wrong form"},
		"yaml column half":     {"ocmt.yaml", "columns: [{table: a, key: b}]\n", "entry 1"},
		"yaml known half":      {"ocmt.yaml", "known: [{table: a, column: c}]\n", "entry 1 of known"},
		"yaml known unknown":   {"ocmt.yaml", "known: [{table: a, column: c, reason: r, d: " + marker + "}]\n", "wrong form"},
		"yaml audit unknown":   {"ocmt.yaml", "audit: {redis_password: " + marker + "}\n", "wrong form"},
		"yaml columns no list": {"ocmt.yaml", "columns: " + marker + "\n", "wrong form"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, dir, test.file, test.text)
			_, err := config.Load(context.Background(), config.Request{Dir: dir})
			var file *config.FileError
			if !errors.As(err, &file) {
				t.Fatalf("error %v, want a *FileError", err)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q does not say %q", err, test.want)
			}
			if strings.Contains(err.Error()+file.Advice, marker) {
				t.Errorf("error holds the secret: %q", err)
			}
		})
	}
}

// TestAskedFileMustExist: a misspelt --env-file that is skipped runs with the
// keys of another deployment.
func TestAskedFileMustExist(t *testing.T) {
	t.Parallel()
	for _, request := range []config.Request{
		{EnvFile: "absent.env"},
		{ConfigFile: "absent.yaml"},
		{Environ: []string{"ENCRYPTION_KEY_FILE=absent.key"}},
	} {
		request.Dir = t.TempDir()
		if _, err := config.Load(context.Background(), request); err == nil {
			t.Errorf("%+v: no error", request)
		}
	}
}

// TestRefusedValues: a limit that is silently replaced by a default is not the
// limit that the operator set.
func TestRefusedValues(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"OCMT_WORKERS=0", "OCMT_WORKERS=65", "OCMT_WORKERS=" + marker, "OCMT_WORKERS=2x", "OCMT_PACE=slow",
		"OCMT_MAX_ROWS_PER_SECOND=-1", "OCMT_CHUNK_TARGET=250", "OCMT_MAX_REPLICA_LAG=3", "OCMT_MAX_WAL_BACKLOG=2TB", "OCMT_CHUNK_TARGET=1ms",
		"OCMT_LOCK_TIMEOUT=" + marker, "OCMT_STATEMENT_TIMEOUT=0s", "OCMT_OUTPUT=xml",
	} {
		name, _, _ := strings.Cut(line, "=")
		_, err := config.Load(context.Background(), config.Request{Dir: t.TempDir(), Environ: []string{line}})
		wantInvalid(t, err, name)
		if strings.Contains(err.Error(), marker) {
			t.Errorf("error holds the value: %q", err)
		}
	}
}

// TestDollarIsADollar: a password with a dollar sign that is changed on reading
// fails at the database, and no message says why.
func TestDollarIsADollar(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`REDIS_URL=a$B$(c)${D}e`:        `a$B$(c)${D}e`,
		`REDIS_URL="a$B$(c)${D}e"`:      `a$B$(c)${D}e`,
		`REDIS_URL='a$B$(c)${D}e'`:      `a$B$(c)${D}e`,
		`REDIS_URL="a\$B"`:              `a\$B`, // dotenv knows no escape but \n and \r
		"export REDIS_URL = x#y # note": `x`,    // and ends a value without quotes at any #
	} {
		dir := t.TempDir()
		write(t, dir, ".env", "B=wrong\nD=wrong\n"+text+"\n")
		settings, err := config.Load(context.Background(), config.Request{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if got := settings.RedisURL.Reveal(); got != want {
			t.Errorf("%s: read %q, want %q", text, got, want)
		}
	}
}

// TestNoDefaultDatabase: with a default address a forgotten variable would
// rewrite the secrets of whatever runs on this machine.
func TestNoDefaultDatabase(t *testing.T) {
	t.Parallel()
	settings, err := config.Load(context.Background(), config.Request{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	var missing *config.MissingError
	if _, err := settings.RequireDatabase(); !errors.As(err, &missing) || missing.Name != config.NameDatabaseURL {
		t.Errorf("error %v, want a *MissingError about DATABASE_URL", err)
	}
}

// TestSilentPipe: a key in a pipe that nobody writes to must not hold a rotation for ever, and
// a signal must end the wait.
func TestSilentPipe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, request := range map[string]config.Request{
		"a key":             {Environ: []string{"ENCRYPTION_KEY_FILE=pipe"}},
		"an older key":      {Environ: []string{"ENCRYPTION_KEY_V0_FILE=pipe"}},
		"the env file":      {EnvFile: "pipe"},
		"the settings file": {ConfigFile: "pipe"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request.Dir, request.FileTimeout = dir, time.Second
			var problem *config.FileError
			if _, err := config.Load(context.Background(), request); !errors.As(err, &problem) || problem.Path != "pipe" || problem.Advice == "" {
				t.Errorf("error %v, want a *FileError about the pipe", err)
			}
			stop := errors.New("asked to stop")
			ctx, cancel := context.WithCancelCause(context.Background())
			cancel(stop)
			request.FileTimeout = time.Hour
			if _, err := config.Load(ctx, request); !errors.Is(err, stop) {
				t.Errorf("error %v, want that of the context", err)
			}
		})
	}
}

// TestPipe: a key that a shell or a vault's agent hands over through a pipe must be read, and
// only once: nobody writes to the pipe a second time.
func TestPipe(t *testing.T) {
	t.Parallel()
	const setting = "ENCRYPTION_KEY_FILE=pipe"
	for name, request := range map[string]config.Request{
		"named in the environment": {Environ: []string{setting}},
		"named in the env file":    {EnvFile: "env"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request.Dir, request.FileTimeout = t.TempDir(), time.Hour
			write(t, request.Dir, "env", setting)
			path := filepath.Join(request.Dir, "pipe")
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
			written := make(chan error, 1)
			go func() { written <- os.WriteFile(path, []byte("from a pipe\n"), 0o600) }()
			settings, err := config.Load(context.Background(), request)
			if err != nil {
				t.Fatal(err)
			}
			if got := settings.Text("ENCRYPTION_KEY"); got != "from a pipe" {
				t.Errorf("read %q", got)
			}
			if err := <-written; err != nil {
				t.Error(err)
			}
		})
	}
}
