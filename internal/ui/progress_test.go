package ui_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/ui"
)

// clock is a clock that the test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time          { return c.at }
func (c *clock) advance(d time.Duration) { c.at = c.at.Add(d) }

func newClock() *clock { return &clock{at: time.Unix(1_700_000_000, 0)} }

// TestProgressPlain: a log of a night's run must neither be empty nor contain
// a line for each row.
func TestProgressPlain(t *testing.T) {
	t.Parallel()
	c := newClock()
	p, s := newPrinter(false, ui.Options{Now: c.now})
	g := p.Progress("re-encrypting", "rows")
	for done := int64(100); done <= 1100; done += 100 {
		c.advance(time.Second)
		g.Update(done, 2000, "3 set aside")
	}
	g.End()
	want := "re-encrypting: 500 of 2,000 rows (25%) 100/s about 15 s left 3 set aside\n" +
		"re-encrypting: 1,000 of 2,000 rows (50%) 100/s about 10 s left 3 set aside\n"
	if got := s.err.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if s.out.Len() > 0 {
		t.Error("progress on standard output")
	}
}

// TestProgressLive: a live line that is not erased runs into the result.
func TestProgressLive(t *testing.T) {
	t.Parallel()
	c := newClock()
	p, s := newPrinter(true, ui.Options{Now: c.now, NoColour: true})
	g := p.Progress("re-encrypting", "rows")
	c.advance(time.Second)
	g.Update(10, 0, strings.Repeat("long ", 30))
	p.Note("a note")
	g.End()
	g.End()
	c.advance(time.Second)
	g.Update(20, 0, "") // an update that comes late must not draw again
	p.Line("result")
	got := s.err.String()
	got = strings.NewReplacer("\x1b[?7l", "", "\r\x1b[?7h", "").Replace(got)
	parts := strings.Split(got, "\r\x1b[K\x1b[C\x1b[J\r")
	if len(parts) != 3 || !strings.HasPrefix(parts[0], "re-encrypting: 10 rows 10/s") ||
		parts[1] != "a note\n"+parts[0] || parts[2] != "" {
		t.Errorf("got %q", got)
	}
	if n := len([]rune(parts[0])); n > 79 {
		t.Errorf("live line of %d columns wraps", n)
	}
}

// TestProgressPause: after a pause, the time left must follow from the present speed,
// not from that of an hour ago.
func TestProgressPause(t *testing.T) {
	t.Parallel()
	c := newClock()
	p, s := newPrinter(false, ui.Options{Now: c.now})
	g := p.Progress("x", "rows")
	for i := 0; i < 20; i++ { // paused for 100 s
		c.advance(5 * time.Second)
		g.Update(0, 10000, "")
	}
	for done := int64(500); done <= 2000; done += 500 {
		c.advance(5 * time.Second)
		g.Update(done, 10000, "")
	}
	if got := s.err.String(); !strings.Contains(got, "2,000 of 10,000 rows (20%) 100/s about 1 min 20 s left") {
		t.Errorf("got %q", got)
	}
}

// TestProgressQuiet: a cron job with --quiet sends mail for every line that is written.
func TestProgressQuiet(t *testing.T) {
	t.Parallel()
	c := newClock()
	p, s := newPrinter(true, ui.Options{Now: c.now, Quiet: true})
	g := p.Progress("x", "rows")
	c.advance(time.Minute)
	g.Update(1, 2, "")
	g.Phase("y")
	g.End()
	if s.err.Len() > 0 {
		t.Errorf("got %q", s.err.String())
	}
}
