package faults_test

import (
	"testing"

	"github.com/ocmt/ocmt/internal/testenv"
)

func (d *deployment) startPool(settings ...string) *testenv.PgBouncer {
	d.t.Helper()
	pool, err := testenv.StartPgBouncer(d.t.Context(), d.server, "transaction", settings...)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(pool.Stop)
	return pool
}

// If this fails, a deployment behind a pool, as many are, loses what its servers
// write during a rotation, or two operators rotate it at once.
func TestRotationThroughPool(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, nil)
	d.fill(pick(2000, 20_000), 0)
	pool := d.startPool("default_pool_size = 8")
	d.url = pool.URL(account, d.name)
	w := d.startWriters(pool.URL("postgres", d.name), 2, "begin")
	run := d.rotate("--max-rows-per-second", slowly)
	run.untilMoved()
	d.rotate().ends(5, "another run is at work", "nothing was written")
	eventually(t, "the servers to write", func() bool { return w.writes.Load() > 100 })
	run.hurry()
	run.ends(0)
	w.end()
	if w.writes.Load() == 0 {
		t.Error("nobody wrote meanwhile")
	}
	d.allMoved()
	// A pool keeps its connections, so that the run's name stays on the server.
	d.rotate().ends(0)
	d.allMoved()
}

// If this fails, a pool that has too few connections for a run makes it hang for
// ever, and nobody is told why.
func TestPoolTooSmall(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, nil)
	d.fill(400, 0)
	direct := d.url
	pool := d.startPool("default_pool_size = 1", "query_wait_timeout = 2")
	d.url = pool.URL(account, d.name)
	d.rotate().ends(1, "query_wait_timeout", "next: ")
	pool.Stop()
	d.url = direct
	d.goOn()
}

// If this fails, an account that may have few connections cannot rotate, or is stopped in the
// middle for want of another one.
func TestFewConnections(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, startServer(t, false), "create role few login connection limit 3", "grant all on schema public to few",
		"grant all on all tables in schema public to few", "grant all on all sequences in schema public to few")
	d.fill(pick(2000, 20000), 0)
	d.url = d.server.URL("few:"+password, d.name)
	d.rotate("--workers", "4", "--lock-timeout", "1s").ends(0, "may be removed")
	d.start("migrate", "verify", "--search", "full").ends(0)

	// With fewer it says how many it needs, before anything has moved.
	d.exec("alter role few connection limit 2", "insert into secrets (key, value_encrypted) values ('late', '"+d.seal(0, "MARKED-PLAINTEXT late")+"')")
	d.rotate().ends(1, "3 connections to the database are needed at once", "allows 2", "nothing was written", "alter role")
	d.start("migrate", "verify").ends(3, "1 value is still under version 0")
	d.exec("alter role few connection limit 1")
	d.start("migrate", "verify").ends(1, "2 connections to the database are needed at once")
	d.exec("alter role few connection limit 0")
	d.rotate().ends(1, "3 connections to the database are needed at once")
	d.exec("alter role few connection limit 3") // as is advised
	d.rotate().ends(0, "may be removed")
}
