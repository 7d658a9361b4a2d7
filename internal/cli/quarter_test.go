package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// quarter is a deployment of two servers with an env file each, and an operator.
type quarter struct {
	*deployment
	t       *testing.T
	servers [2]*vaultServer
}

func newQuarter(t *testing.T) *quarter {
	t.Helper()
	q := &quarter{deployment: newDeploymentOn(t, testenv.Shared(t)), t: t}
	folder := dotenvFolder(t)
	for i, name := range []string{"a", "b"} {
		q.write(t, name+".env", "# settings of server "+name+"\nADMIN_TOKEN='kept'\nENCRYPTION_KEY="+q.keys[0].Reveal()+"\n")
		q.servers[i] = &vaultServer{t: t, name: name, url: q.url, folder: folder, envFile: filepath.Join(q.dir, name+".env")}
		q.servers[i].start()
		t.Cleanup(q.servers[i].stop)
	}
	return q
}

// ocmt runs a command with the env file of the first server, which must end with a code, and returns what it wrote.
func (q *quarter) ocmt(code int, args ...string) string {
	q.t.Helper()
	return q.ocmtWith(code, "a.env", args...)
}

// ocmtWith is ocmt with an env file.
func (q *quarter) ocmtWith(code int, envFile string, args ...string) string {
	q.t.Helper()
	p := q.begin(envFile, args...)
	<-p.ended
	written := p.out.String() + p.errors.String()
	if p.code != code {
		q.t.Fatalf("ocmt %s: code %d, want %d\n%s", strings.Join(args, " "), p.code, code, written)
	}
	return written
}

// begin starts a command. The keys are in env files alone.
func (q *quarter) begin(envFile string, args ...string) *process {
	q.t.Helper()
	q.waitForIdle(q.t)
	environ := q.environ("ENCRYPTION_KEY=", "ENCRYPTION_KEY_V0=", "ENCRYPTION_KEY_VERSION=", "OCMT_STATEMENT_TIMEOUT=10s")
	return q.start(q.t, environ, append(args, "--env-file", envFile)...)
}

// must fails where a text does not hold another.
func (q *quarter) must(text, want string) {
	q.t.Helper()
	if !strings.Contains(text, want) {
		q.t.Fatalf("it does not say %q:\n%s", want, text)
	}
}

// envFile returns the text of an env file.
func (q *quarter) envFile(name string) string {
	q.t.Helper()
	text, err := os.ReadFile(filepath.Join(q.dir, name))
	if err != nil {
		q.t.Fatal(err)
	}
	return string(text)
}

// state returns the state of a version in the record.
func (q *quarter) state(version int) (state string) {
	q.t.Helper()
	if err := q.conn.QueryRow(q.t.Context(), "select status from encryption_keys where version = $1", version).Scan(&state); err != nil {
		q.t.Fatal(err)
	}
	return state
}

// stopAt makes the record hold still where a change of encryption_keys meets a condition, kills the command that makes
// it, and gives the record free again.
func (q *quarter) stopAt(condition string, args ...string) {
	q.t.Helper()
	q.exec(q.t, `create function hold_still() returns trigger language plpgsql as $$ begin perform pg_sleep(60); return new; end $$`)
	q.exec(q.t, `create trigger hold_still before update on encryption_keys for each row when (`+condition+`) execute function hold_still()`)
	p := q.begin("a.env", args...)
	eventually(q.t, "the record to hold still", func() bool {
		return q.number(q.t, "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'") == 1
	})
	if err := p.Process.Kill(); err != nil {
		q.t.Fatal(err)
	}
	<-p.ended
	q.exec(q.t, "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like 'ocmt%'")
	q.waitForIdle(q.t)
	q.exec(q.t, "drop function hold_still cascade")
}

// If this fails, an operator cannot rotate the key each quarter with these commands: a server that has not restarted is
// overlooked, a key goes too early or never, or what was cut off cannot be gone on with.
func TestQuarter(t *testing.T) {
	t.Parallel()
	q := newQuarter(t)
	a, b := q.servers[0], q.servers[1]
	eventually(t, "values of both servers", func() bool { return q.number(t, "select count(*) from secrets") > 20 })
	a.checkReads()
	b.checkReads()

	// The first quarter: the new key is put into both files. Only one server restarts.
	q.ocmt(0, "rotate", "begin", "--escrow", "key-1")
	q.ocmtWith(0, "b.env", "rotate", "begin", "--from-escrow", "key-1")
	q.must(q.envFile("a.env"), "ENCRYPTION_KEY_V0="+q.keys[0].Reveal())
	q.must(q.envFile("b.env"), "ENCRYPTION_KEY_V0="+q.keys[0].Reveal())
	a.restart()
	seen := q.ocmt(3, "rotate", "readiness", "--for", "1s")
	q.must(seen, "ANOTHER VERSION WAS WRITTEN")
	q.must(seen, "a server has written version 0 there")
	q.must(q.ocmt(5, "rotate", "finish", "--backups-until", "2030-01-01", "--yes"), "never seen to write version 1")

	b.restart()
	watched := q.ocmt(0, "rotate", "readiness", "--for", "1s", "--watch")
	q.must(watched, "Ready: ")
	q.must(watched, "ocmt rotate --env-file a.env --from-version 0")
	q.must(q.ocmt(5, "rotate", "finish", "--backups-until", "2030-01-01", "--yes"), "values are under key version 0")
	q.must(q.ocmt(0, "rotate", "--from-version", "0"), "ENCRYPTION_KEY_V0 may be removed")
	q.must(q.ocmt(5, "rotate", "finish", "--yes"), "--backups-until")

	// A server comes back with an old file, after everything was ready.
	b.stop()
	q.write(t, "old.env", "ENCRYPTION_KEY="+q.keys[0].Reveal()+"\n")
	b.envFile = filepath.Join(q.dir, "old.env")
	b.start()
	eventually(t, "a value of the old version", func() bool { return q.number(t, "select count(*) from secrets where value_encrypted like 'v0:%'") > 0 })
	q.ocmt(3, "rotate", "readiness", "--for", "1s")
	q.must(q.ocmt(5, "rotate", "finish", "--backups-until", "2030-01-01", "--yes"), "wrote an older version at")
	b.stop()
	b.envFile = filepath.Join(q.dir, "b.env")
	b.start()
	q.ocmt(0, "rotate", "readiness", "--for", "1s", "--watch")
	q.ocmt(0, "rotate", "--from-version", "0")
	a.checkReads()
	b.checkReads()

	// Killed before the key is out of the file, and then before that is recorded; another process goes on.
	finish := []string{"rotate", "finish", "--backups-until", "2999-01-01", "--yes"}
	q.must(q.ocmt(5, finish...), "nothing shows that a copy of it exists")
	first := append(slices.Clone(finish), "--escrow", "key-0")
	q.stopAt("new.metadata ? 'finish' and new.status = 'decrypt-only'", first...)
	q.must(q.envFile("a.env"), "ENCRYPTION_KEY_V0=")
	q.stopAt("new.status = 'retired'", first...)
	if strings.Contains(q.envFile("a.env"), "ENCRYPTION_KEY_V0") || q.state(0) != "decrypt-only" {
		t.Fatalf("killed behind the store: %s, %s", q.envFile("a.env"), q.state(0))
	}
	q.must(q.ocmt(0, append(finish, "--evidence", "quarter-1.json")...), "An earlier command had proven the key")
	if q.state(0) != "retired" {
		t.Errorf("version 0 is %s", q.state(0))
	}
	q.ocmtWith(0, "b.env", "rotate", "finish", "--from-version", "0", "--yes")
	for _, name := range []string{"a.env", "b.env"} {
		if text := q.envFile(name); strings.Contains(text, "ENCRYPTION_KEY_V0") || strings.Contains(text, q.keys[0].Reveal()) || !strings.Contains(text, "ADMIN_TOKEN='kept'") {
			t.Errorf("%s still has the old key, or lost something: %d bytes", name, len(text))
		}
	}
	q.checkEvidence("quarter-1.json", 0, 1)
	if strings.TrimSpace(q.envFile("key-0")) != q.keys[0].Reveal() {
		t.Error("the copy of the first key does not hold it")
	}
	q.must(q.envFile("quarter-1.json"), `"state": "compared"`)
	a.restart()
	b.restart()

	// The second quarter, rolled back after its run, and then once more.
	q.ocmt(0, "rotate", "begin", "--escrow", "key-2")
	q.ocmtWith(0, "b.env", "rotate", "begin", "--from-escrow", "key-2")
	a.restart()
	b.restart()
	q.ocmt(0, "rotate", "readiness", "--for", "1s", "--watch")
	q.ocmt(0, "rotate", "--from-version", "1")
	q.must(q.ocmt(4, "rotate", "rollback", "--to-version", "1"), "ocmt rotate rollback --env-file a.env --to-version 1") // the servers still write version 2
	for _, name := range []string{"a.env", "b.env"} {
		q.ocmtWith(0, name, "rotate", "put-back", "--to-version", "1")
	}
	a.restart()
	b.restart()
	q.ocmt(0, "rotate", "rollback", "--to-version", "1")
	a.forget()
	b.forget()
	q.must(q.ocmt(0, "rotate", "status"), "ocmt rotate begin --env-file a.env --escrow FILE")

	q.ocmt(0, "rotate", "begin", "--escrow", "key-3")
	q.ocmtWith(0, "b.env", "rotate", "begin", "--from-escrow", "key-3")
	a.restart()
	b.restart()
	q.ocmt(0, "rotate", "readiness", "--for", "1s", "--watch")
	q.ocmt(0, "rotate", "--from-version", "1")
	q.must(q.ocmt(5, append(finish, "--dry-run")...), "add --from-version 1")
	for _, version := range []string{"1", "2"} {
		q.must(q.ocmt(0, append(finish, "--from-version", version, "--evidence", "version-"+version+".json")...), "which was read and holds the key")
		q.ocmtWith(0, "b.env", append(finish, "--from-version", version)...)
	}
	for _, name := range []string{"a.env", "b.env"} {
		if text := q.envFile(name); strings.Contains(text, "ENCRYPTION_KEY_V1") || strings.Contains(text, "ENCRYPTION_KEY_V2") || !strings.Contains(text, "ENCRYPTION_KEY_VERSION=3") {
			t.Errorf("%s still has an old key", name)
		}
	}
	a.restart()
	b.restart()
	before := q.number(t, "select count(*) from secrets")
	eventually(t, "more values of both servers", func() bool { return q.number(t, "select count(*) from secrets") > before+20 })
	a.checkReads()
	b.checkReads()
	q.ocmt(0, "migrate", "verify")
	q.ocmt(0, "audit", "verify-chain")
	q.must(q.ocmt(0, "rotate", "status"), "Version 3 is the only key in use")
}

// checkEvidence checks the evidence of a version, and that a page for people stands beside it.
func (q *quarter) checkEvidence(name string, version, newVersion int) {
	q.t.Helper()
	var evidence struct {
		Version    int    `json:"version"`
		NewVersion int    `json:"new_version"`
		Print      string `json:"fingerprint"`
		Conditions []struct{ Met bool }
		Trial      struct {
			New bool `json:"new_key_opened"`
			Old bool `json:"old_key_opened"`
		}
	}
	text := q.envFile(name)
	if err := json.Unmarshal([]byte(text), &evidence); err != nil {
		q.t.Fatal(err)
	}
	if evidence.Version != version || evidence.NewVersion != newVersion || evidence.Print != q.keys[0].Fingerprint() || !evidence.Trial.New || evidence.Trial.Old || len(evidence.Conditions) < 18 {
		q.t.Errorf("evidence: %+v", evidence)
	}
	page := q.envFile(strings.TrimSuffix(name, ".json") + ".html")
	if !strings.Contains(page, evidence.Print) || strings.Contains(text+page, q.keys[0].Reveal()) {
		q.t.Error("the page lacks the fingerprint, or holds the key")
	}
	if _, err := crypto.ParseKey(q.keys[0].Reveal()); err != nil {
		q.t.Fatal(err)
	}
}

// If this fails, an operator who has seen enough cannot end --watch, or is told that something failed.
func TestReadinessIsInterrupted(t *testing.T) {
	t.Parallel()
	d := newDeploymentOn(t, testenv.Shared(t))
	d.fill(t, 3, 40)
	d.write(t, ".env", "ENCRYPTION_KEY="+d.keys[0].Reveal()+"\n")
	q := &quarter{deployment: d, t: t}
	q.ocmtWith(0, ".env", "rotate", "begin", "--no-escrow")
	p := q.begin(".env", "rotate", "readiness", "--watch", "--for", "1s", "--output", "json")
	eventually(t, "two looks", func() bool { return strings.Count(p.out.String(), "\n") >= 2 })
	interrupt(t, p)
	<-p.ended
	var seen struct {
		Schema string
		Ready  bool
		Looks  int
	}
	lines := strings.Split(strings.TrimSpace(p.out.String()), "\n")
	if err := json.Unmarshal([]byte(lines[1]), &seen); err != nil || seen.Schema != "ocmt/rotate-readiness/v1" || seen.Ready || seen.Looks != 3 {
		t.Errorf("the second line: %+v, %v", seen, err)
	}
	if p.code != 130 {
		t.Errorf("code %d: %s", p.code, p.errors.String())
	}
}
