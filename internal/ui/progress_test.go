package ui_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/ui"
)

// If this fails, an operator reads a rate of an hour ago, an estimate that was made of nothing, or
// that all is done while it is not.
func TestProgressLine(t *testing.T) {
	t.Parallel()
	c := newClock()
	p, out := terminal(c, 80)
	g := p.Progress("moving", "values")
	defer g.End()
	for _, step := range []struct {
		after       time.Duration
		done, total int64
		note, want  string
	}{
		{time.Second, 0, 1_466_867, "", "moving  0%  0 / 1,466,867"},
		{500 * time.Millisecond, 6_000, 1_466_867, "", "moving  0%  6,000 / 1,466,867"}, // no rate yet
		{500 * time.Millisecond, 10_000, 1_466_867, "", "moving  0%  10,000 / 1,466,867  10,000/s"},
		{time.Second, 20_000, 1_466_867, "", "moving  1%  20,000 / 1,466,867  10,000/s  2 min 25 s left"},
		{4 * time.Second, 70_236, 1_466_867, "gentle", "moving  4%  70,236 / 1,466,867  11,706/s  2 min 0 s left  gentle"},
		{time.Minute, 1_466_866, 1_466_867, "", "moving  99%  1,466,866 / 1,466,867  23,277/s  1 s left"},
		{time.Second, 1_466_867, 1_466_867, "", "moving  99%  1,466,867 / 1,466,867"},
		{time.Second, 1_466_900, 1_466_867, "", "moving  99%  1,466,900 / 1,466,900"},
	} {
		c.advance(step.after)
		g.Update(step.done, step.total, step.note)
		if got := out.last(); got != step.want && !strings.HasPrefix(got, step.want+"  ") || strings.Contains(got, "left") != strings.Contains(step.want, "left") {
			t.Errorf("got  %q\nwant %q", got, step.want)
		}
	}
}

// If this fails, the time left follows from a speed that was, and not from the present one.
func TestProgressRateIsRecent(t *testing.T) {
	t.Parallel()
	c := newClock()
	p, out := pipe(c)
	g := p.Progress("moving", "values")
	defer g.End()
	done := int64(0)
	for range 60 { // a minute of 1,000/s
		c.advance(time.Second)
		done += 1000
		g.Update(done, 100_000, "")
	}
	for range 20 { // then 100/s
		c.advance(time.Second)
		done += 100
		g.Update(done, 100_000, "")
	}
	if got, want := out.lines()[len(out.lines())-1], "moving  62%  62,000 / 100,000  100/s  6 min 20 s left"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// If this fails, the rate of a run that is looked at once in a second falls and rises between two
// looks, or that of one that stands still does not fall.
func TestProgressRateBetweenCounts(t *testing.T) {
	t.Parallel()
	c := newClock()
	p, out := terminal(c, 80)
	g := p.Progress("moving", "values")
	defer g.End()
	for done := int64(0); done <= 4000; done += 1000 {
		c.advance(time.Second)
		g.Update(done, 10_000, "")
	}
	c.tick(time.Second)
	if got, want := out.last(), "moving  40%  4,000 / 10,000  1,000/s  6 s left"; got != want {
		t.Errorf("between two counts: %q, want %q", got, want)
	}
	c.tick(3 * time.Second)
	if got, want := out.last(), "moving  40%  4,000 / 10,000  500/s  12 s left"; got != want {
		t.Errorf("after four seconds: %q, want %q", got, want)
	}
}

// If this fails, a search whose end nobody knows shows a percentage, or no speed.
func TestProgressWithoutTotal(t *testing.T) {
	t.Parallel()
	c := newClock()
	p, out := pipe(c)
	g := p.Progress("searching", "rows")
	defer g.End()
	g.Update(0, 0, "")
	c.advance(5 * time.Second)
	g.Update(20_000, 0, "")
	if got, want := out.String(), "searching  20,000 rows  4,000/s\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// If this fails, a wide terminal has no bar, or a narrow one a line that wraps and leaves its rest
// behind at each redraw.
func TestProgressFitsTheTerminal(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		width int
		want  string
	}{
		{200, "moving  [==========>         ]  50%  50,000 / 100,000  5,000/s  10 s left  gentle"},
		{80, "moving  50%  50,000 / 100,000  5,000/s  10 s left  gentle"},
		{55, "moving  50%  50,000 / 100,000  5,000/s  10 s left"},
		{45, "moving  50%  50,000 / 100,000  10 s left"},
		{30, "moving  50%  10 s left"},
		{6, "movi…"},
	} {
		c := newClock()
		p, out := terminal(c, test.width)
		g := p.Progress("moving", "values")
		g.Update(0, 100_000, "")
		c.advance(10 * time.Second)
		g.Update(50_000, 100_000, "gentle")
		if got := out.last(); got != test.want {
			t.Errorf("%d columns: got %q, want %q", test.width, got, test.want)
		}
		g.End()
	}
}

// If this fails, a command that connects or plans for a minute looks as if it hung, or one that is
// quick flickers.
func TestActivityShowsTime(t *testing.T) {
	t.Parallel()
	c := newClock()
	p, out := terminal(c, 80)
	g := p.Activity("connecting")
	c.tick(500 * time.Millisecond)
	if got := out.String(); got != "" {
		t.Errorf("after half a second: %q", got)
	}
	c.tick(1600 * time.Millisecond)
	if got := out.last(); got != "connecting  2 s" {
		t.Errorf("after two seconds: %q", got)
	}
	g.Phase("planning: reading a sample of user_integrations")
	c.tick(time.Second)
	if got := out.last(); got != "planning: reading a sample of user_integrations  1 s" {
		t.Errorf("after another: %q", got)
	}
	g.End()
	<-c.ended
	if got := out.last(); got != "" {
		t.Errorf("left on the screen: %q", got)
	}

	p, out = pipe(c)
	g = p.Activity("connecting")
	for range 5 {
		c.tick(time.Second)
	}
	g.End()
	if got, want := out.String(), "connecting  2 s\nconnecting  4 s\n"; got != want {
		t.Errorf("in a pipe: %q, want %q", got, want)
	}
}

// If this fails, a command whose work is many short pieces, each with a display of its own, is silent as
// long as they take together.
func TestProgressSilenceGoesOn(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*clock) (*ui.Printer, *safeBuffer){
		"pipe": pipe, "terminal": func(c *clock) (*ui.Printer, *safeBuffer) { return terminal(c, 80) },
	} {
		c := newClock()
		p, out := open(c)
		for range 5 {
			g := p.Activity("looking")
			c.tick(400 * time.Millisecond)
			g.End()
		}
		g := p.Activity("looking on")
		c.tick(400 * time.Millisecond)
		g.End()
		if got := out.String(); !strings.Contains(got, "looking") {
			t.Errorf("%s: silent for two seconds: %q", name, got)
		}
	}
}

// If this fails, a terminal that knows no control sequences shows them as text.
func TestProgressOnDumbTerminal(t *testing.T) {
	t.Parallel()
	c := newClock()
	out := &safeBuffer{}
	p := ui.NewPrinter(ui.Streams{Out: out, Err: out, OutTTY: true, ErrTTY: true, Dumb: true, ErrWidth: columns(80)}, ui.Options{Now: c.now, Ticks: c.newTicks})
	g := p.Progress("moving", "values")
	g.Update(39, 100, "")
	for range 3 {
		c.tick(time.Second)
	}
	g.Waiting("paused by ada", "")
	g.End()
	if got, want := out.String(), "moving  39%  39 / 100\nmoving  39%  39 / 100  paused by ada\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// If this fails, two lines are drawn over each other, or nothing is shown once the inner work has
// ended.
func TestProgressInActivity(t *testing.T) {
	t.Parallel()
	c := newClock()
	p, out := terminal(c, 80)
	outer := p.Activity("at work")
	inner := p.Progress("moving", "values")
	c.advance(time.Second)
	inner.Update(10, 20, "")
	outer.Update(1, 2, "")
	if got := out.last(); got != "moving  50%  10 / 20" {
		t.Errorf("got %q", got)
	}
	inner.End()
	<-c.ended
	inner.Update(20, 20, "") // an update that comes late must not draw again
	if got := out.last(); got != "" {
		t.Errorf("after the end: %q", got)
	}
	outer.Phase("recording")
	c.tick(2 * time.Second)
	if got := out.last(); got != "recording  2 s" {
		t.Errorf("after the inner work: %q", got)
	}
	p.Note("a note")
	p.Line("result")
	outer.End()
	if got := out.plain(); !strings.HasSuffix(got, erased+"a note\nrecording  2 s"+erased+"result\nrecording  2 s"+erased) {
		t.Errorf("got %q", got)
	}
}

// If this fails, an operator does not read what a run waits for, or a log has the same reason
// thousands of times.
func TestProgressWaits(t *testing.T) {
	t.Parallel()
	c := newClock()
	p, out := pipe(c)
	g := p.Progress("moving", "values")
	defer g.End()
	g.Update(39, 100, "")
	g.Waiting("waiting for standby s1", "which is 10s behind")
	c.advance(time.Second)
	g.Waiting("waiting for standby s1", "which is 11s behind")
	g.Waiting("", "")
	g.Waiting("waiting for standby s1", "which is 12s behind")
	g.Waiting("", "")
	g.Waiting("paused by ada\x1b[2J on admin1", "")
	want := []string{
		"moving  39%  39 / 100  waiting for standby s1, which is 10s behind", "moving  39%  39 / 100",
		`moving  39%  39 / 100  paused by ada\x1b[2J on admin1`,
	}
	if got := out.lines(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	g.Waiting("", "")
	c.advance(time.Minute)
	g.Update(40, 100, "") // the pause is not part of the rate
	c.advance(5 * time.Second)
	g.Update(60, 100, "")
	if got := out.lines()[len(out.lines())-1]; got != "moving  60%  60 / 100  4/s  10 s left" {
		t.Errorf("after the pause: %q", got)
	}
}

// If this fails, what a run waits for is cut off on a narrow terminal, and nobody reads whose
// transaction it is.
func TestProgressTellsLongReasonWhole(t *testing.T) {
	t.Parallel()
	c := newClock()
	p, out := terminal(c, 60)
	g := p.Progress("moving", "values")
	defer g.End()
	c.advance(time.Second)
	g.Update(39, 100, "")
	reason := "waiting for locked rows of process 4711 (psql) of postgres, since 2026-11-26 20:14:05"
	g.Waiting(reason, "12 rows in hand")
	c.tick(time.Second)
	if got := strings.Count(strings.ReplaceAll(out.String(), "\n  ", " "), reason+", 12 rows in hand\n"); got != 1 {
		t.Errorf("the whole reason stands there %d times:\n%q", got, out.String())
	}
	if got, want := out.last(), "moving  39%  39 / 100  waiting for locked rows of process …"; got != want { // how far it is stays there
		t.Errorf("live line %q, want %q", got, want)
	}
}

// If this fails, an operator who pressed Ctrl-C once does not know that it was seen, or that a second
// one ends it at once.
func TestProgressStops(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*clock) (*ui.Printer, *safeBuffer){
		"pipe": pipe, "terminal": func(c *clock) (*ui.Printer, *safeBuffer) { return terminal(c, 120) },
	} {
		c, stop := newClock(), make(chan struct{})
		p, out := open(c)
		g := p.Start(ui.Work{Doing: "moving", Unit: "values", Stop: stop})
		g.Update(39, 100, "")
		close(stop)
		for !strings.Contains(out.String(), "stopping") {
			c.tick(0)
		}
		if got := strings.TrimSuffix(out.last(), "\n"); name == "terminal" && got != "stopping after what is in hand; Ctrl-C again stops at once  39 / 100" {
			t.Errorf("%s: %q", name, got)
		}
		if got := out.lines(); name == "pipe" && got[0] != "stopping after what is in hand; Ctrl-C again stops at once  39 / 100" {
			t.Errorf("%s: %q", name, got)
		}
		g.End()
	}
}

// If this fails, a server that hangs looks like a run that is slow.
func TestProgressSaysThatServerIsSilent(t *testing.T) {
	t.Parallel()
	c := newClock()
	var mu sync.Mutex
	var silent time.Duration
	set := func(d time.Duration) { mu.Lock(); silent = d; mu.Unlock() }
	p, out := pipe(c)
	g := p.Start(ui.Work{Doing: "moving", Silence: func() time.Duration { mu.Lock(); defer mu.Unlock(); return silent }})
	defer g.End()
	g.Update(39, 100, "")
	set(2 * time.Second)
	c.tick(2 * time.Second)
	if got, want := out.String(), "moving  39%  39 / 100\n"; got != want {
		t.Errorf("told after two seconds: %q, want %q", got, want)
	}
	set(3 * time.Second)
	c.tick(time.Second)
	set(8 * time.Second)
	c.tick(5 * time.Second)
	set(0)
	g.Update(40, 100, "")
	c.tick(5 * time.Second)
	c.tick(time.Second)
	want := "moving  39%  39 / 100\nmoving  39%  39 / 100  no answer from the server for 3 s\nmoving  39%  39 / 100  no answer from the server for 8 s\n" +
		"moving  40%  40 / 100  nothing new for 5 s\n"
	if got := out.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// If this fails, a question is drawn over while it is answered.
func TestProgressLeavesQuestionsAlone(t *testing.T) {
	t.Parallel()
	c := newClock()
	answer := make(chan string)
	out := &safeBuffer{}
	p := ui.NewPrinter(ui.Streams{In: readerFunc(func(b []byte) (int, error) { return copy(b, <-answer), nil }), Out: out, Err: out,
		InTTY: true, OutTTY: true, ErrTTY: true, OutWidth: columns(80), ErrWidth: columns(80)}, ui.Options{Now: c.now, Ticks: c.newTicks})
	g := p.Activity("at work")
	defer g.End()
	c.tick(2 * time.Second)
	asked := make(chan error)
	go func() { asked <- p.Confirm(t.Context(), ui.Question{Text: "Sure?"}) }()
	answer <- "y"
	for range 5 {
		c.tick(2 * time.Second)
	}
	answer <- "\n"
	if err := <-asked; err != nil {
		t.Fatal(err)
	}
	if got := out.plain(); strings.Count(got, "at work") != 1 || !strings.HasSuffix(got, erased+"Sure? [y/N] ") {
		t.Errorf("got %q", got)
	}
	c.tick(1500 * time.Millisecond)
	if got := out.last(); !strings.HasSuffix(got, "at work  1 s") {
		t.Errorf("after the answer: %q", got)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// If this fails, a cron job with --quiet sends mail for every line that is written.
func TestProgressQuiet(t *testing.T) {
	t.Parallel()
	c := newClock()
	p, s := newPrinter(true, ui.Options{Now: c.now, Quiet: true, Ticks: c.newTicks})
	g := p.Progress("x", "rows")
	c.advance(time.Minute)
	g.Update(1, 2, "")
	g.Waiting("waiting for y", "")
	g.Phase("y")
	g.End()
	g.End()
	if s.err.Len() > 0 {
		t.Errorf("got %q", s.err.String())
	}
}
