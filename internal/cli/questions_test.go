package cli

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// If this fails, an operator is asked the same question at every rotation, or his answer is
// taken for what he did not say.
func TestQuestionsOnATerminal(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	schema, err := os.ReadFile("../../testdata/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	server := testenv.Shared(t)
	name, err := server.CreateDatabase(ctx, string(schema))
	if err != nil {
		t.Fatal(err)
	}
	url := server.URL("postgres", name)
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(ctx) })
	keys := map[int]crypto.Key{}
	for version := range 2 {
		if keys[version], err = crypto.GenerateKey(rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	older, err := crypto.NewKeyring(0, keys)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := older.Seal([]byte("x"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	do := func(sql string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(ctx, sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	envFile := ""
	run := func(answers string, more ...string) (code int, screen string) {
		t.Helper()
		// Under load the server may still be about to end the connections of the run before, and with
		// them its lock.
		for held, deadline := true, time.Now().Add(time.Minute); held; {
			if err := conn.QueryRow(ctx, "select exists (select from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database()))").Scan(&held); err != nil || time.Now().After(deadline) {
				t.Fatalf("waiting for the run before: %v", err)
			}
		}
		deps, out, diagnostics := testDeps(t)
		deps.Streams.In, deps.Streams.InTTY, deps.Streams.ErrTTY = strings.NewReader(answers), true, true
		deps.Environ = append([]string{"DATABASE_URL=" + url, "ENCRYPTION_KEY=" + keys[1].Reveal(), "ENCRYPTION_KEY_V0=" + keys[0].Reveal()}, more...)
		if err := os.WriteFile(filepath.Join(deps.Dir, ".env"), []byte(envFile), 0o600); err != nil {
			t.Fatal(err)
		}
		deps.Random, deps.Now, deps.Sleep, deps.Cores = rand.Reader, time.Now, time.Sleep, 2
		code = Main(ctx, []string{"rotate", "--from-version", "0"}, deps)
		return code, out.String() + diagnostics.String()
	}
	const version = "ENCRYPTION_KEY_VERSION=1"
	do("insert into secrets (key, value_encrypted) values ('a', $1)", sealed.String())
	do("insert into alert_channels (name, channel_type, config_encrypted) values ('a', 'b', $1)", sealed.String())
	if code, screen := run("no\n", version); code != 5 || !strings.Contains(screen, "Move 2 values to version 1 now?") {
		t.Fatalf("no: %d\n%s", code, screen)
	}
	if code, screen := run("y\n", version); code != 0 {
		t.Fatalf("yes: %d\n%s", code, screen)
	}
	if code, screen := run("", version); code != 0 || strings.Contains(screen, "[y/N]") {
		t.Errorf("a question although nothing is to do: %d\n%s", code, screen)
	}
	do("delete from alert_channels")
	if code, screen := run("no\n", version); code != 5 || !strings.Contains(screen, "alert_channels: the record of an earlier run has 1 values in it") {
		t.Errorf("emptied, no: %d\n%s", code, screen)
	}
	if code, screen := run("y\n", version); code != 0 {
		t.Errorf("emptied, yes: %d\n%s", code, screen)
	}
	if code, screen := run("", version); code != 0 || strings.Contains(screen, "[y/N]") {
		t.Errorf("asked again: %d\n%s", code, screen)
	}

	// Keys from two places: the fingerprints are shown, and a yes goes on.
	do("insert into secrets (key, value_encrypted) values ('b', $1)", sealed.String())
	envFile = "ENCRYPTION_KEY_VERSION=1\n"
	for answers, want := range map[string]int{"no\n": 5, "": 5, "y\ny\n": 0} {
		code, screen := run(answers)
		if code != want || !strings.Contains(screen, keys[1].Fingerprint()) || !strings.Contains(screen, "show these fingerprints on the servers?") {
			t.Errorf("two places, %q: %d\n%s", answers, code, screen)
		}
	}
}
