package faults_test

import (
	"bytes"
	"syscall"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

// The sizes of connection tests: a row is more than a kilobyte and the table some
// megabytes, so that a byte position lies within a statement or a result.
const (
	wideRows = 2000
	wideSize = 1000
	inside   = 30_000 // bytes of a result
)

// writing reports whether a chunk holds rows on their way into the table: the
// statement has passed on the same link, and this is longer than any other.
func writing(l *link, toServer bool, chunk []byte) bool {
	if !toServer {
		return false
	}
	already := l.marked
	l.marked = l.marked || bytes.Contains(chunk, []byte("update only"))
	return already && len(chunk) > 1000
}

// synchronization is the message that ends a batch, and so commits it.
var synchronization = []byte{'S', 0, 0, 0, 4}

// If this fails, an operator whose network drops a connection has lost secrets,
// or does not know what happened and cannot go on.
func TestConnectionCut(t *testing.T) {
	t.Parallel()
	saw := func(text string) func(*link, bool, []byte) bool {
		return func(l *link, toServer bool, chunk []byte) bool {
			return toServer && bytes.Contains(chunk, []byte(text))
		}
	}
	// within cuts the result of a statement that holds the text, far into it.
	within := func(text string) harm {
		is := saw(text)
		return func(l *link, toServer bool, chunk []byte) (int, bool) {
			if is(l, toServer, chunk) {
				l.marked, l.received = true, 0
			}
			if l.marked && !toServer && l.received+len(chunk) > 4*inside {
				return len(chunk) / 2, true
			}
			return len(chunk), false
		}
	}
	after := func(text string, then harm) harm {
		is, begun := saw(text), false
		return func(l *link, toServer bool, chunk []byte) (int, bool) {
			begun = begun || is(l, toServer, chunk)
			if !begun {
				return len(chunk), false
			}
			return then(l, toServer, chunk)
		}
	}
	cases := map[string]struct {
		harm  harm
		moved func(int) bool
	}{
		"in the result of the plan": {within("is not null"), none},
		"in the result of a range":  {within("select t.ctid"), some},
		"in the result of the proof": {
			after("pg_logical_emit_message", within("is not null")), all},
		"in a write": {func(l *link, toServer bool, chunk []byte) (int, bool) {
			if writing(l, toServer, chunk) {
				return len(chunk) / 2, true
			}
			return len(chunk), false
		}, none},
		"before the commit": {func(l *link, toServer bool, chunk []byte) (int, bool) {
			if writing(l, toServer, chunk) && bytes.HasSuffix(chunk, synchronization) {
				return len(chunk) - len(synchronization), true
			}
			return len(chunk), false
		}, none},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDeployment(t, nil)
			d.fill(wideRows, wideSize)
			direct := d.url
			d.through(startProxy(t, socket(t, d.server), c.harm).serve())
			d.rotate("--max-rows-per-second", "10000").ends(1, "the connection to the database was lost", "run the same command again")
			d.url = direct
			d.idle()
			if moved := d.check(); !c.moved(moved) {
				t.Errorf("%d rows are moved: it was cut at another place than was meant", moved)
			}
			d.goOn()
		})
	}
}

func none(moved int) bool { return moved == 0 }
func some(moved int) bool { return moved < wideRows }
func all(moved int) bool  { return moved == wideRows }

// If this fails, a run takes it for granted that what it got no answer to was
// written, or that it was not: whichever is wrong loses a value or a count.
func TestAnswerToCommitLost(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, nil)
	d.fill(wideRows, wideSize)
	direct := d.url
	unheard := map[*link]bool{}
	p := startProxy(t, socket(t, d.server), func(l *link, toServer bool, chunk []byte) (int, bool) {
		unheard[l] = unheard[l] || writing(l, toServer, chunk)
		if !toServer && unheard[l] {
			return 0, false // the server goes on, and its answer is lost
		}
		return len(chunk), false
	}).serve()
	d.through(p)
	run := d.rotate("--max-rows-per-second", "10000")
	run.untilMoved()
	p.cutAll()
	run.ends(1, "the connection to the database was lost", "what was in hand is either written or as it was", "run the same command again")
	d.url = direct
	d.idle()
	if moved := d.check(); moved == 0 || moved == wideRows {
		t.Errorf("%d of %d rows are moved: the answer was lost at another place than was meant", moved, wideRows)
	}
	d.goOn()
}

// If this fails, an operator far from the database, or on a thin line, cannot
// rotate at all.
func TestSlowConnection(t *testing.T) {
	t.Parallel()
	for name, slow := range map[string]func(*proxy){
		"latency":   func(p *proxy) { p.latency = 5 * time.Millisecond },
		"bandwidth": func(p *proxy) { p.bandwidth = rate.NewLimiter(500_000, 16<<10) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDeployment(t, nil)
			d.fill(pick(300, 3_000), wideSize)
			direct := d.url
			p := startProxy(t, socket(t, d.server), nil)
			slow(p)
			d.through(p.serve())
			d.rotate().ends(0)
			d.url = direct
			d.goOn()
		})
	}
}

// If this fails, a run on a line that swallows everything, as a firewall does,
// can be ended only by kill -9, and its operator does not know what it left.
func TestInterruptedOnDeadConnection(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, nil)
	d.fill(wideRows, wideSize)
	direct := d.url
	p, run := d.swallowed(t)
	run.interrupt(syscall.SIGTERM)
	run.interrupt(syscall.SIGINT)
	run.ends(130, "interrupted")
	p.stop()
	d.url = direct
	d.goOn()
}

// If this fails, a run on such a line waits for as long as the system keeps a
// connection, which is hours, and holds the lock against every other run.
func TestConnectionGoesDead(t *testing.T) {
	t.Parallel()
	if !full {
		return // the run waits for half a minute: see the package comment
	}
	d := newDeployment(t, nil)
	d.fill(wideRows, wideSize)
	direct := d.url
	p, run := d.swallowed(t)
	run.ends(1, "the connection that holds the run's lock was lost", "run the same command again")
	p.stop()
	d.url = direct
	d.goOn()
}

// If this fails, whoever watches a run over such a line cannot end that with Ctrl-C.
func TestWatchOnDeadConnection(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, nil)
	d.fill(3000, 0)
	run := d.rotate("--max-rows-per-second", slowly)
	run.untilMoved()
	looked, dead := false, false
	p := startProxy(t, socket(t, d.server), func(_ *link, toServer bool, chunk []byte) (int, bool) {
		looked = looked || toServer && bytes.Contains(chunk, []byte("metadata->'run'"))
		// The next question that follows: whether the connection still lives.
		dead = dead || looked && toServer && bytes.Contains(chunk, []byte("-- ping"))
		if dead {
			return 0, false
		}
		return len(chunk), false
	}).serve()
	direct := d.url
	d.through(p)
	watch := d.start("migrate", "status", "--watch")
	eventually(t, "the connection to go dead", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return watch.over() || dead
	})
	watch.interrupt(syscall.SIGINT)
	watch.ends(130, "interrupted") // by itself: what hangs is killed, which is no 130
	p.stop()
	d.url = direct
	run.hurry()
	run.ends(0)
}

// swallowed starts a run whose connections all go dead once it writes.
func (d *deployment) swallowed(t *testing.T) (*proxy, *process) {
	t.Helper()
	dead := false
	p := startProxy(t, socket(t, d.server), func(l *link, toServer bool, chunk []byte) (int, bool) {
		dead = dead || writing(l, toServer, chunk)
		if dead {
			return 0, false
		}
		return len(chunk), false
	}).serve()
	d.through(p)
	run := d.rotate("--max-rows-per-second", "10000")
	eventually(t, "the connections to go dead", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return run.over() || dead
	})
	run.mustRun()
	return p, run
}
