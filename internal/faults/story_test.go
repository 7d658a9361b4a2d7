package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/pkg/crypto"
	"github.com/ocmt/ocmt/testdata"
)

// oldAndNew are the oldest version of PostgreSQL that OCMT runs on, and the newest. Beside them
// the story runs on the distribution's server.
var oldAndNew = []int{13, 18}

// If this fails, an operator with a server of that version cannot do one of the steps of a
// rotation, or loses what the servers write meanwhile.
func TestStoryOnEachServer(t *testing.T) {
	t.Parallel()
	chosen, err := testenv.ChosenVersion()
	if err != nil {
		t.Fatal(err)
	}
	if chosen != 0 {
		tellStory(t, testenv.RequirePostgres(t, chosen), chosen)
		return
	}
	t.Run("distribution", func(t *testing.T) {
		t.Parallel()
		tellStory(t, startServer(t, false), 0)
	})
	for _, major := range oldAndNew {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			t.Parallel()
			tellStory(t, testenv.RequirePostgres(t, major), major)
		})
	}
}

// tellStory goes through all that an operator does with a database, on a server of its own, with
// an account that is no superuser. With 0 any version will do.
func tellStory(t *testing.T, server *testenv.Postgres, major int) {
	t.Helper()
	d := newDeployment(t, server, testdata.AccessSchema)
	version := d.number("select current_setting('server_version_num')::int / 10000")
	if major != 0 && version != major {
		t.Fatalf("the server is of version %d, and not %d", version, major)
	}
	t.Logf("PostgreSQL %d", version)
	d.fill(pick(1000, 20_000), 0)
	d.makeKeeper(version)
	d.tellRotation()
	d.tellAccess()
	d.tellDatabasePassword()
	d.tellAudit()
}

// makeKeeper makes the account that ocmt and the servers use, with limits for sessions that are
// far too short for a run, and with a schema first in its search path whose functions and operator
// fail the test. Its settings stand in .env.
func (d *deployment) makeKeeper(version int) {
	d.t.Helper()
	statements := []string{
		"set password_encryption = 'scram-sha-256'", "create role keeper login password '" + password + "'",
		"grant create on database " + d.name + " to keeper", "grant all on schema public to keeper",
		"do $$ declare one regclass; begin for one in select c.oid from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' " +
			"loop execute format('alter table %s owner to keeper', one); end loop; end $$",
		"create schema trap", "grant usage on schema trap to keeper",
		"create function trap.hit() returns boolean language plpgsql as $$ begin raise exception 'the code of another ran'; end $$",
		"create function trap.now() returns timestamptz language sql as 'select trap.hit(); select pg_catalog.now()'",
		"create function trap.starts_with(varchar, text) returns boolean language sql as 'select trap.hit()'",
		"create function trap.same(varchar, text) returns boolean language sql as 'select trap.hit()'",
		"create operator trap.= (leftarg = varchar, rightarg = text, function = trap.same)",
		"alter role keeper set search_path = trap, pg_catalog, public",
		"alter role keeper set statement_timeout = '2s'", "alter role keeper set lock_timeout = '1ms'",
		"alter role keeper set idle_in_transaction_session_timeout = '2s'",
	}
	if version >= 14 {
		statements = append(statements, "alter role keeper set idle_session_timeout = '2s'")
	}
	if version >= 17 {
		statements = append(statements, "alter role keeper set transaction_timeout = '2s'")
	}
	d.exec(append(statements, askForPasswords...)...)
	d.url = d.server.URL("keeper:"+password, d.name)
	d.stored = true
	d.write(".env", fmt.Sprintf("DATABASE_URL=%s\nENCRYPTION_KEY=%s\n", d.url, d.keys[0].Reveal()))
}

// askForPasswords make a server ask every account but postgres for its password.
var askForPasswords = []string{
	"do $$ begin execute 'copy (select unnest(array[''local all postgres trust'', ''local all all scram-sha-256''])) to ' || quote_literal(current_setting('hba_file')); end $$",
	"alter system set password_encryption = 'scram-sha-256'", "select pg_reload_conf()",
}

// tellRotation makes a new key, moves every value to it beside servers that write, moves them back
// and again to the new key, and takes the old key away.
func (d *deployment) tellRotation() {
	d.t.Helper()
	d.start("rotate", "begin", "--escrow", "new.key").ends(0)
	text, err := os.ReadFile(filepath.Join(d.dir, "new.key"))
	if err != nil {
		d.t.Fatal(err)
	}
	if d.keys[1], err = crypto.ParseKey(strings.TrimSpace(string(text))); err != nil {
		d.t.Fatal(err)
	}
	d.start("migrate", "plan", "--from-version", "0").ends(0)
	d.rotate("--dry-run").ends(0)
	if moved := d.check(); moved != 0 {
		d.t.Errorf("a dry run has moved %d values", moved)
	}
	w := d.startWriters(d.server.URL("postgres", d.name), 2, "begin")
	run := d.rotate("--max-rows-per-second", slowly)
	eventually(d.t, "the run to write", func() bool { return run.over() || d.number(writtenSoFar) > 0 })
	before := w.writes.Load()
	eventually(d.t, "the servers to write beside the run", func() bool { return w.writes.Load() > before+20 })
	run.hurry()
	run.ends(0)
	w.end()
	d.allMoved()
	d.start("migrate", "verify").ends(0)
	d.start("migrate", "columns", "--discover", "--full").ends(0)
	d.start("rotate", "rollback", "--to-version", "0").ends(0)
	if moved := d.check(); moved != 0 {
		d.t.Errorf("%d values are not back under the old key", moved)
	}
	d.goOn()
	d.removeWritten()
	w = d.startWriters(d.server.URL("postgres", d.name), 2, "begin")
	d.start("rotate", "readiness", "--for", "1s").ends(0)
	w.end()
	d.start("rotate", "finish", "--backups-until", "2020-01-01", "--yes").ends(0)
	d.mustHaveNoOldKey()
}

// removeWritten removes the rows that writers were about to remove when they ended, so that others
// can begin.
func (d *deployment) removeWritten() {
	d.t.Helper()
	for i := range 2 {
		name := fmt.Sprintf("writer %d", i)
		d.exec("delete from secrets where key = '" + name + "'")
		d.record.remove(place{"secrets", "value_encrypted", name})
	}
}

func (d *deployment) mustHaveNoOldKey() {
	d.t.Helper()
	if strings.Contains(d.envFile(), d.keys[0].Reveal()) {
		d.t.Error("the old key stands in .env after its end")
	}
}

func (d *deployment) envFile() string {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join(d.dir, ".env"))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(text)
}

// tellAccess ends the session of a user, and makes the tokens of all anew.
func (d *deployment) tellAccess() {
	d.t.Helper()
	d.exec("insert into users (email, gateway_token) values ('alice@example.org', md5('x') || md5('y')), ('bob@example.org', '"+d.seal(1, strings.Repeat("ab", 32))+"')",
		"insert into sessions (user_id, token, created_at, expires_at) select id, md5(email) || md5(email), now(), now() + interval '7 days' from users")
	d.start("session-invalidate", "--user", "alice@example.org", "--yes").ends(0)
	if alive := d.number("select count(*) from sessions where revoked_at is null"); alive != 1 {
		d.t.Errorf("%d sessions are alive, want 1", alive)
	}
	d.start("rotate", "gateway-tokens", "--all", "--yes").ends(0)
	if old := d.number("select count(*) from users where gateway_token = md5('x') || md5('y') or gateway_token not like 'v1:%' and email like 'bob%'"); old != 0 {
		d.t.Errorf("%d tokens are old", old)
	}
}

// tellDatabasePassword changes the password of the account, which the server must then ask for.
func (d *deployment) tellDatabasePassword() {
	d.t.Helper()
	d.idle()
	d.start("rotate", "database-password", "--yes").ends(0)
	if conn, err := pgx.Connect(context.Background(), d.url); err == nil {
		_ = conn.Close(context.Background())
		d.t.Error("the old password still logs in")
	}
	d.start("migrate", "verify").ends(0)
}

// tellAudit adds to the record, and asks every question of the audit to the database, as an account
// that may see all of it.
func (d *deployment) tellAudit() {
	d.t.Helper()
	d.start("audit", "record", "secret-rotated", "--secret", "SESSION_SECRET").ends(0)
	d.start("audit", "verify-chain").ends(0)
	d.stored, d.url = false, d.server.URL(account, d.name)
	audit := d.start("audit", "--only", "postgresql", "--output", "json")
	<-audit.ended
	var report struct {
		Results []struct {
			Check string
			Gaps  []struct{ What string }
		}
	}
	if err := json.Unmarshal([]byte(audit.out.String()), &report); err != nil || len(report.Results) == 0 {
		d.t.Fatalf("the audit ended with %d: %v\n%s%s", audit.code, err, &audit.out, &audit.errors)
	}
	for _, result := range report.Results {
		for _, gap := range result.Gaps {
			d.t.Errorf("%s could not look: %s", result.Check, gap.What)
		}
	}
	d.noSecret(audit.out.String() + audit.errors.String())
}
