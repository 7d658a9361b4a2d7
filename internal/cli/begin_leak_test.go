package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/testenv"
)

// A key that was shown once is a key that must be rotated again. If this fails, beginning a rotation shows
// the new key or the old one on a screen, in the process list, in the database or in the server's log.
func TestBegunKeyLeaksNowhere(t *testing.T) {
	t.Parallel()
	server, err := testenv.StartPostgres(context.Background(), false, "log_statement = all", "log_min_duration_statement = 0",
		"log_parameter_max_length = -1", "logging_collector = on", "log_directory = 'log'")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	d := newDeploymentOn(t, server)
	d.fill(t, 20, 30)
	d.write(t, ".env", "ENCRYPTION_KEY="+d.keys[0].Reveal()+"\n")
	for _, c := range []struct {
		name string
		args []string
		code int
	}{
		{"a dry run", []string{"rotate", "begin", "--escrow", "copy-dry", "--dry-run"}, 0},
		{"begin", []string{"rotate", "begin", "--escrow", "copy"}, 0},
		{"begin again", []string{"rotate", "begin", "--escrow", "copy-2", "--output", "json"}, 5},
		{"status", []string{"rotate"}, 0},
		{"status as a document", []string{"rotate", "status", "--output", "json", "--verbose"}, 0},
		{"run", []string{"rotate", "--from-version", "0"}, 0},
		{"rollback", []string{"rotate", "rollback", "--to-version", "0"}, 0},
		{"put-back", []string{"rotate", "put-back", "--to-version", "0", "--output", "json"}, 0},
	} {
		d.waitForIdle(t)
		p := d.start(t, d.environ("ENCRYPTION_KEY=", "ENCRYPTION_KEY_V0=", "ENCRYPTION_KEY_VERSION="), c.args...)
		lines, others := watchArguments(p)
		marks := needles{}
		marks.add("the old key", d.keys[0].Reveal())
		if copied, err := os.ReadFile(filepath.Join(d.dir, "copy")); err == nil {
			marks.add("the new key", strings.TrimSpace(string(copied)))
		}
		places := map[string]string{"standard output": p.out.String(), "standard error": p.errors.String(),
			"the process list": strings.Join(append(lines, others...), " "), "the server's log": d.text(t, "select string_agg(pg_read_file('log/' || name), '') from pg_ls_logdir()"),
			"encryption_keys": d.text(t, "select string_agg(k::text, ' ') from encryption_keys k"), "audit_log": d.text(t, "select string_agg(k::text, ' ') from audit_log k")}
		if d.number(t, "select count(*) from pg_tables where schemaname = 'ocmt'") > 0 {
			places["the tool's own record"] = d.text(t, "select string_agg(k::text, ' ') from ocmt.record k")
		}
		for place, text := range places {
			if found := marks.in(text); len(found) > 0 {
				t.Errorf("%s: %s holds %v", c.name, place, found)
			}
		}
		if p.code != c.code {
			t.Errorf("%s: exit code %d, want %d\n%s", c.name, p.code, c.code, p.errors.String())
		}
		if len(places["the server's log"]) == 0 {
			t.Errorf("%s: the server's log could not be read: nothing is known of it", c.name)
		}
	}
	if n := d.number(t, "select count(*) from secrets where value_encrypted like 'v1:%'"); n != 0 {
		t.Errorf("%d values are under version 1: the test does not reach what it means to", n)
	}
}

// text returns the text of a statement's first column, "" for NULL.
func (d *deployment) text(t *testing.T, sql string) (text string) {
	t.Helper()
	if err := d.conn.QueryRow(context.Background(), "select coalesce(("+sql+"), '')").Scan(&text); err != nil {
		t.Fatal(err)
	}
	return text
}
