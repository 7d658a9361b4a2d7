package faults_test

import (
	"testing"

	"github.com/ocmt/ocmt/internal/testenv"
)

func (d *deployment) startStandby(settings ...string) *testenv.Postgres {
	d.t.Helper()
	standby, err := testenv.StartStandby(d.t.Context(), d.server, settings...)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(standby.Stop)
	return standby
}

// received returns once the standby has, and shows, what the primary has now.
func (d *deployment) received(standby *testenv.Postgres, wait func(string) error) {
	d.t.Helper()
	lsn, err := d.server.LSN(d.t.Context())
	if err == nil {
		err = wait(lsn)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

// If this fails, a cluster that fails over during a rotation has lost a secret,
// or its operator cannot go on at the new primary.
func TestFailover(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, startServer(t, false))
	standby := d.startStandby()
	d.fill(4000, 0)
	d.received(standby, func(lsn string) error { return standby.WaitReplayed(t.Context(), lsn) })
	run := d.rotate("--max-rows-per-second", slowly)
	run.untilMoved()
	d.crash()
	run.ends(1, "run the same command again")

	// The address of a standby, before it is made the primary.
	d.server, d.url = standby, standby.URL(account, d.name)
	d.rotate().ends(5, "read-only standby", "point DATABASE_URL at the primary")
	if err := standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.goOn()
}

// If this fails, an operator who asks the wrong server takes what a standby
// shows, which is old, for the proof that the old key may go.
func TestLaggingStandby(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, startServer(t, false))
	d.fill(400, 0)
	d.rotate().ends(0)
	standby := d.startStandby("recovery_min_apply_delay = '1h'")
	// A server that was not switched writes under the old key, and the standby
	// does not show it yet.
	plain := plaintextOf("late", 0)
	d.exec("insert into secrets (key, value_encrypted) values ('late', '" + d.seal(0, plain) + "')")
	d.record.set(place{"secrets", "value_encrypted", "late"}, plain)
	d.received(standby, func(lsn string) error { return standby.WaitStreaming(t.Context(), lsn) })

	primary := d.url
	d.url = standby.URL(account, d.name)
	d.start("migrate", "verify").ends(5, "standby", "point DATABASE_URL at the primary")
	d.url = primary
	d.start("migrate", "verify").ends(3, "1 value is still under version 0")
	d.goOn()
	d.start("migrate", "verify").ends(0)
}
