package config_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/pkg/secret"
)

// place is a place that a setting can come from. set puts a value there.
type place struct {
	name string
	set  func(t *testing.T, request *config.Request, value string)
	kind config.SourceKind
}

// places are in the order that is promised, strongest first.
var places = []place{
	{"flag", func(_ *testing.T, r *config.Request, value string) {
		r.Flags = map[string]string{config.NameApplicationName: value}
	}, config.FromFlag},
	{"environment", func(_ *testing.T, r *config.Request, value string) {
		r.Environ = append(r.Environ, config.NameApplicationName+"="+value)
	}, config.FromEnvironment},
	{"NAME_FILE", func(t *testing.T, r *config.Request, value string) {
		path := write(t, r.Dir, "mounted", value+"\n")
		r.Environ = append(r.Environ, config.NameApplicationName+"_FILE="+path)
	}, config.FromSecretFile},
	{"env file", func(t *testing.T, r *config.Request, value string) {
		write(t, r.Dir, ".env", config.NameApplicationName+"="+value+"\n")
	}, config.FromEnvFile},
	{"ocmt.yaml", func(t *testing.T, r *config.Request, value string) {
		write(t, r.Dir, "ocmt.yaml", "application_name: "+value+"\n")
	}, config.FromConfigFile},
	{"default", func(*testing.T, *config.Request, string) {}, config.FromDefault},
}

// TestPrecedence sets every pair of places at once. If the override of
// DATABASE_URL for one run were ignored, the run would rewrite the secrets of another
// database.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	for i, strong := range places {
		for _, weak := range places[i+1:] {
			t.Run(strong.name+" over "+weak.name, func(t *testing.T) {
				t.Parallel()
				request := config.Request{Dir: t.TempDir()}
				weak.set(t, &request, "weak")
				strong.set(t, &request, "strong")
				settings, err := config.Load(context.Background(), request)
				if strong.kind == config.FromEnvironment && weak.kind == config.FromSecretFile {
					// Both are in one place, so neither may win.
					wantInvalid(t, err, config.NameApplicationName)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := settings.Engine.ApplicationName; got != "strong" {
					t.Errorf("value %q, want that of the %s", got, strong.name)
				}
				if got := settings.Source(config.NameApplicationName).Kind; got != strong.kind {
					t.Errorf("source %v, want %v", got, strong.kind)
				}
			})
		}
	}
}

// TestSecretPrecedence does the same with a key, which has fewer places. A run that seals with
// the key of the wrong place makes values that no server can read.
func TestSecretPrecedence(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, ".env", "ENCRYPTION_KEY=from-env-file\n")
	mounted := write(t, dir, "key", "from-mounted\n")
	for _, test := range []struct {
		environ []string
		want    string
		source  string
	}{
		{nil, "from-env-file", ".env:1"},
		{[]string{"ENCRYPTION_KEY_FILE=" + mounted}, "from-mounted", mounted + " (ENCRYPTION_KEY_FILE)"},
		{[]string{"ENCRYPTION_KEY=from-environment"}, "from-environment", "environment"},
		{[]string{"ENCRYPTION_KEY="}, "from-env-file", ".env:1"}, // empty is not set
	} {
		settings, err := config.Load(context.Background(), config.Request{Dir: dir, Environ: test.environ})
		if err != nil {
			t.Fatal(err)
		}
		if got := settings.Text("ENCRYPTION_KEY"); got != test.want {
			t.Errorf("%v: key %q, want %q", test.environ, got, test.want)
		}
		if got := settings.Source("ENCRYPTION_KEY").String(); got != test.source {
			t.Errorf("%v: source %q, want %q", test.environ, got, test.source)
		}
	}
}

// TestOlderKeys: a key that is ignored because of its spelling or its place stops a rotation,
// or lets it retire a key that values still need.
func TestOlderKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, ".env", "ENCRYPTION_KEY_V0=zero\nENCRYPTION_KEY_V1_FILE=one.key\nENCRYPTION_KEY_VERSION=3\nENCRYPTION_KEY_Vx=odd\n")
	write(t, dir, "one.key", "one")
	settings, err := config.Load(context.Background(), config.Request{Dir: dir, Environ: []string{"ENCRYPTION_KEY_V2=two"}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, name := range settings.Names(secret.NameOlderEncryptionKey) {
		if name != secret.NameEncryptionKeyVersion {
			got[strings.TrimPrefix(name, secret.NameOlderEncryptionKey)] = settings.Text(name)
		}
	}
	want := map[string]string{"0": "zero", "1": "one", "2": "two", "x": "odd"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("older keys (-want +got):\n%s", diff)
	}
	if settings.Text("ENCRYPTION_KEY_VERSION") != "3" {
		t.Errorf("version %q, want 3", settings.Text("ENCRYPTION_KEY_VERSION"))
	}
}

// TestEnginePlaces: a limit that is read from the wrong place, or not at all,
// loads a production database more than its operator allowed.
func TestEnginePlaces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "ocmt.yaml", `output: json
workers: 3
pace: gentle
chunk_target: 100ms
lock_timeout: 2s
statement_timeout: 20s
max_rows_per_second: 500
max_replica_lag: 3s
max_wal_backlog: 2GB
application_name: nightly
columns:
  - {table: notes, key: id, column: body, schema: app, plaintext_allowed: true}
known:
  - {table: archive, column: body, schema: app, reason: its own key}
`)
	settings, err := config.Load(context.Background(), config.Request{Dir: dir, Environ: []string{"OCMT_WORKERS=5", "SUDO_USER=alice", "USER=root"}})
	if err != nil {
		t.Fatal(err)
	}
	want := config.Engine{Workers: 5, Pace: "gentle", ChunkTarget: 1e8, LockTimeout: 2e9, StatementTimeout: 2e10, MaxRowsPerSecond: 500, MaxReplicaLag: 3e9, MaxWALBacklog: 2 << 30, ApplicationName: "nightly"}
	if diff := cmp.Diff(want, settings.Engine); diff != "" {
		t.Errorf("engine (-want +got):\n%s", diff)
	}
	columns := []config.Column{{Schema: "app", Table: "notes", Key: "id", Column: "body", PlaintextAllowed: true}}
	if diff := cmp.Diff(columns, settings.Columns); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	known := []config.Known{{Schema: "app", Table: "archive", Column: "body", Reason: "its own key"}}
	if diff := cmp.Diff(known, settings.Known); diff != "" {
		t.Errorf("known (-want +got):\n%s", diff)
	}
	if settings.Output != "json" || settings.Operator != "alice" {
		t.Errorf("output %q, operator %q", settings.Output, settings.Operator)
	}
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
