package faults_test

import (
	"syscall"
	"testing"
)

// backends are what an administrator, a failing machine or a script of somebody
// else may end.
const (
	oneWorker = `select pid from pg_stat_activity where datname = current_database() and application_name like 'ocmt%'
		and query like '%"secrets"%' limit 1`
	steering = `select pid from pg_stat_activity where datname = current_database() and application_name like 'ocmt%'
		and query like '%encryption_keys%' limit 1`
	lockHolder = `select pid from pg_locks where locktype = 'advisory' and granted
		and database = (select oid from pg_database where datname = current_database())`
)

// If this fails, whoever tidies up connections on the server has lost a secret,
// or left a run that goes on without its lock.
func TestBackendTerminated(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ which, says string }{
		"a worker's":       {oneWorker, "the connection"},
		"that of the lock": {lockHolder, "the connection that holds the run's lock was lost"},
		"all at once":      {`select pid from pg_stat_activity where datname = current_database() and application_name like 'ocmt%'`, "the connection"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDeployment(t, nil)
			d.fill(4000, 0)
			run := d.rotate("--max-rows-per-second", slowly)
			run.untilMoved()
			d.exec("select pg_terminate_backend(pid) from (" + c.which + ") ended")
			run.ends(1, c.says, "run the same command again")
			if moved := d.moved(); moved == 0 || moved == 4000 {
				t.Errorf("%d of 4000 rows are moved: it was not ended at work", moved)
			}
			if n := d.number("select count(*) from encryption_migrations where status = 'failed' and rows_migrated > 0"); n != 1 {
				t.Errorf("%d records of a run that failed, want 1", n)
			}
			if n := d.number("select count(*) from audit_log where action = 'encryption.migrated'"); n != 1 {
				t.Errorf("%d entries in the audit log, want 1", n)
			}
			d.goOn()
		})
	}
}

// If this fails, the connection over which a run can be paused takes the whole
// run with it, or the run cannot be paused any more and does not say so.
func TestSteeringBackendTerminated(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, nil)
	d.fill(3000, 0)
	run := d.rotate("--max-rows-per-second", slowly)
	run.untilMoved()
	d.exec("select pg_terminate_backend(pid) from (" + steering + ") ended")
	d.start("migrate", "pause").ends(0)
	eventually(t, "the run to be paused", func() bool {
		return run.over() || d.number("select (metadata->'run'->>'orders_seen')::int from encryption_keys where version = 1") == 1
	})
	run.mustRun()
	d.start("migrate", "resume").ends(0)
	run.hurry()
	run.ends(0)
	d.goOn()
}

// If this fails, a backend that crashes, or that the kernel kills for its memory,
// and takes every other connection of the server with it, has cost a secret.
func TestBackendKilled(t *testing.T) {
	t.Parallel()
	server := startServer(t, true)
	d := newDeployment(t, server)
	d.fill(4000, 0)
	run := d.rotate("--max-rows-per-second", slowly)
	run.untilMoved()
	if err := syscall.Kill(d.number(oneWorker), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	run.ends(1, "run the same command again")
	d.goOn()
}
