package faults_test

import (
	"testing"
)

// crash kills the whole server and starts it again.
func (d *deployment) crash() {
	d.t.Helper()
	if err := d.server.Kill(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
}

func (d *deployment) recover() {
	d.t.Helper()
	if err := d.server.Restart(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
}

// If this fails, a database server that dies under a rotation takes secrets with
// it: rows half written, or under a key that nobody has.
func TestServerKilledInChunk(t *testing.T) {
	t.Parallel()
	server := startServer(t, true)
	d := newDeployment(t, server)
	d.fill(4000, 0)
	for range pick(1, 10) {
		before := d.moved()
		run := d.rotate("--max-rows-per-second", slowly)
		eventually(t, "rows to move", func() bool { return run.over() || d.moved() > before })
		run.mustRun()
		d.crash()
		run.ends(1, "next: ")
		d.recover()
		d.check()
	}
	d.goOn()
}

// If this fails, a server that dies while it commits leaves a row that is neither
// what it was nor what it was to be, or a run that takes the one for the other.
func TestServerKilledAroundCommit(t *testing.T) {
	t.Parallel()
	server := startServer(t, true)
	d := newDeployment(t, server)
	d.fill(wideRows, wideSize)
	direct := d.url
	for range pick(2, 20) {
		// The commit is on its way to the server, which dies at once: whether it
		// was carried out is a matter of luck, and both must do.
		sent := make(chan struct{}, 1)
		p := startProxy(t, socket(t, server), func(l *link, toServer bool, chunk []byte) (int, bool) {
			if writing(l, toServer, chunk) {
				select {
				case sent <- struct{}{}:
				default:
				}
			}
			return len(chunk), false
		}).serve()
		d.through(p)
		run := d.rotate("--max-rows-per-second", "2000")
		select {
		case <-sent:
		case <-run.ended:
			t.Fatalf("it ended by itself, with %d\n%s", run.code, &run.errors)
		}
		d.crash()
		run.ends(1, "next: ")
		p.stop()
		d.recover()
		d.url = direct
		d.check()
	}
	d.goOn()
}

// If this fails, an operator has read that the rotation is done and has taken the
// old key away, and a crash of the server brings values under it back.
func TestDoneMeansOnDisk(t *testing.T) {
	t.Parallel()
	server := startServer(t, true, "wal_writer_delay = '10s'", "wal_writer_flush_after = 0")
	d := newDeployment(t, server)
	d.fill(4000, 0)
	d.rotate().ends(0)
	d.crash()
	d.recover()
	d.allMoved()
	d.goOn()
}
