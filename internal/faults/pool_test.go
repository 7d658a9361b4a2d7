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
