package faults_test

import (
	"context"
	"testing"

	"github.com/ocmt/ocmt/internal/testenv"
)

// writtenSoFar is what the run that is at work says of itself. Its rows cannot be
// counted where servers write under the new version too.
const writtenSoFar = `select coalesce(max((metadata->'run'->>'rows_written')::int), 0) from encryption_keys`

// If this fails, a deployment on a server without page ranges cannot be rotated,
// loses what its servers write meanwhile, or cannot be steered.
func TestServerWithoutPageRanges(t *testing.T) {
	t.Parallel()
	server := testenv.RequirePostgres(t, 13)
	d := newDeployment(t, server)
	if version := d.number("select current_setting('server_version_num')::int"); version/10000 != 13 {
		t.Fatalf("the server is of version %d", version)
	}
	d.fill(pick(3000, 50_000), 0)
	d.partitioned(400)
	d.start("migrate", "plan", "--from-version", "0").ends(0)
	d.start("migrate", "columns", "--discover", "--full").ends(0)
	w := d.startWriters(server.URL("postgres", d.name), 2, "begin")
	run := d.rotate("--max-rows-per-second", slowly)
	eventually(t, "the run to write", func() bool { return run.over() || d.number(writtenSoFar) > 0 })
	d.start("migrate", "pause").ends(0)
	d.start("migrate", "status").ends(0, "paused")
	eventually(t, "the servers to write beside a paused run", func() bool { return w.writes.Load() > 100 })
	d.start("migrate", "resume").ends(0)
	run.hurry()
	run.ends(0)
	w.end()
	d.allMoved()
	d.goOn()
	d.start("migrate", "verify").ends(0)
}

// If this fails, a row that a server holds in another order makes a run leave
// all the rows that it writes with it to a later pass, and where servers always
// do, they stay under the old key.
func TestDeadlockByKey(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, nil, "create access method placeless type table handler heap_tableam_handler",
		"create table placeless (like secrets including all) using placeless", "drop table secrets", "alter table placeless rename to secrets")
	d.fill(10, 0) // one part
	// The run asks for a deadlock later than the other side begins to wait, and so
	// is the one that gives way.
	d.exec("alter database " + d.name + " set deadlock_timeout = '3s'")
	first, last := secretName(0), secretName(9)
	other := d.hold("set local deadlock_timeout = '60s'")
	write := func(name string) {
		plain := plaintextOf(name+" anew", 0)
		if _, err := other.Exec(context.Background(), "update secrets set value_encrypted = $2 where key = $1", name, d.seal(1, plain)); err != nil {
			t.Fatal(err)
		}
		d.record.set(place{"secrets", "value_encrypted", name}, plain)
	}
	write(last)
	run := d.rotate("--lock-timeout", "1h", "--statement-timeout", "2h")
	run.untilWaiting()
	write(first)
	if err := other.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	// The other eight were written in the same pass.
	run.ends(0, "2 rows were changed or locked by the servers meanwhile and met again")
	eventually(t, "the server to count a deadlock", func() bool {
		return d.number("select deadlocks from pg_stat_database where datname = current_database()") > 0
	})
	d.allMoved()
	d.goOn()
}
