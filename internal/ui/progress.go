package ui

import (
	"strings"
	"sync"
	"time"

	"github.com/ocmt/ocmt/internal/crash"
)

const (
	liveInterval  = 100 * time.Millisecond // fast enough to look alive, slow enough for a serial line
	plainInterval = 2 * time.Second        // who reads a pipe or a dumb terminal is not left without a word for longer
	// liveBeat and plainBeat are how often a display looks at itself while nothing is reported to it.
	liveBeat  = 500 * time.Millisecond
	plainBeat = 250 * time.Millisecond
	// quietStart is how long work may take before a display that counts nothing shows itself: a line
	// that comes and goes at once is noise.
	quietStart = time.Second
	// handOver is how soon after a display another one goes on with its silence: many short pieces of work
	// in a row are not silent together.
	handOver = time.Second
)

// Work says what a display is about.
type Work struct {
	// Doing is what is done: "moving".
	Doing string
	// Unit is what is counted: "rows". It is shown where the total is not known.
	Unit string
	// Stop is closed when the operator asks to end after what is in hand; nil where work ends at once.
	Stop <-chan struct{}
	// Silence returns for how long the server has not answered a question; 0 where it answers. It may
	// be nil.
	Silence func() time.Duration
}

// Progress is the display of a long task: one live line on a terminal, a plain line every few seconds
// elsewhere, and nothing with --quiet. Where the printer's options have Ticks it draws by itself as time
// passes. The display that began last is the one that is shown. It is safe for concurrent use.
type Progress struct {
	printer *Printer
	work    Work
	now     func() time.Time
	ended   chan struct{} // closed by End
	beating sync.WaitGroup

	// The fields below are guarded by printer.mu.
	label    string
	detail   string // what of it: a table
	note     string
	counted  bool // something was counted in this phase
	done     int64
	total    int64 // 0 where it is not known
	opened   time.Time
	began    time.Time // of the phase
	grew     time.Time // when done grew last
	drawn    time.Time
	rate     recentRate
	reason   string          // what is waited for, as a phrase: "waiting for …", "paused by …"
	state    string          // figures of the reason, at the moment
	told     map[string]bool // reasons that have been told
	newly    bool            // the present reason was told in a line of its own
	stopping bool
	over     bool
}

// Progress begins a display of work that is counted. The label says what is done ("moving"), and the
// unit says what is counted ("rows"). Call End when the work is over. The printer's options must have a
// clock.
func (p *Printer) Progress(label, unit string) *Progress {
	return p.Start(Work{Doing: label, Unit: unit})
}

// Activity begins a display of work in which nothing is counted: it says what is done, and for how long.
// Call End when the work is over.
func (p *Printer) Activity(doing string) *Progress { return p.Start(Work{Doing: doing}) }

// Start begins a display. Call End when the work is over.
func (p *Printer) Start(work Work) *Progress {
	at := p.options.Now()
	g := &Progress{printer: p, work: work, now: p.options.Now, ended: make(chan struct{}), label: work.Doing,
		opened: at, began: at, drawn: at, grew: at, told: map[string]bool{}}
	p.mu.Lock()
	if last := p.last; !last.ended.IsZero() && at.Sub(last.ended) < handOver {
		g.opened, g.drawn = last.opened, last.drawn
	}
	p.displays = append(p.displays, g)
	p.mu.Unlock()
	if !p.options.Quiet && (p.options.Ticks != nil || work.Stop != nil) {
		g.beating.Add(1)
		crash.Go(g.beat)
	}
	return g
}

// beat draws as time passes, and when the work is to stop, until the end.
func (g *Progress) beat() {
	defer g.beating.Done()
	var ticks <-chan time.Time
	if g.printer.options.Ticks != nil {
		period := plainBeat
		if g.printer.redraws() {
			period = liveBeat
		}
		var stop func()
		ticks, stop = g.printer.options.Ticks(period)
		defer stop()
	}
	for stop := g.work.Stop; ; {
		select {
		case <-g.ended:
			return
		case <-ticks:
			g.redraw()
		case <-stop:
			stop = nil
			g.sayStopping()
		}
	}
}

// Phase begins the next part of the work, with a count and a rate of its own.
func (g *Progress) Phase(label string) {
	g.printer.mu.Lock()
	defer g.printer.mu.Unlock()
	g.label, g.detail, g.began, g.grew = label, "", g.now(), g.now()
	g.counted, g.done, g.total, g.rate = false, 0, 0, recentRate{}
}

// At says what the work is at within the phase: a table, a check. The count and the rate go on.
func (g *Progress) At(detail string) {
	g.printer.mu.Lock()
	defer g.printer.mu.Unlock()
	g.detail = detail
}

// Update says how many units of a total are done. A total of 0 means that it is not known. The note,
// which may be empty, is shown behind the numbers ("gentle").
func (g *Progress) Update(done, total int64, note string) {
	if g.printer.options.Quiet {
		return
	}
	g.printer.mu.Lock()
	defer g.printer.mu.Unlock()
	at := g.now()
	if done != g.done || !g.counted {
		g.grew = at
	}
	g.counted, g.done, g.total, g.note = true, done, total, note
	g.rate.add(at, done)
	if at.Sub(g.drawn) >= g.interval() {
		g.draw(at)
	}
}

// Waiting says what the work waits for, as a phrase that is shown ("waiting for locked rows", "paused
// by ada"), and the figures of the moment, which may be empty and change ("12 s behind"). The reason ""
// says that the work goes on. A reason that is new is shown at once, and in a pipe no reason has a
// line of its own twice.
func (g *Progress) Waiting(reason, figures string) {
	if g.printer.options.Quiet {
		return
	}
	g.printer.mu.Lock()
	defer g.printer.mu.Unlock()
	before, at := g.reason, g.now()
	g.reason, g.state = reason, figures
	if before == reason {
		return
	}
	if reason == "" {
		g.grew, g.rate = at, recentRate{}
		if g.newly && !g.stopping {
			g.draw(at)
		}
		g.newly = false
		return
	}
	g.tell(at, reason)
}

// tell draws at once because of a reason, the first time that it is given. On a terminal the line is
// drawn each time.
func (g *Progress) tell(at time.Time, reason string) {
	first := !g.told[reason]
	g.told[reason] = true
	g.newly = first
	if first && !g.stopping || g.printer.redraws() {
		g.draw(at)
	}
}

// sayStopping shows that the work ends after what is in hand.
func (g *Progress) sayStopping() {
	g.printer.mu.Lock()
	defer g.printer.mu.Unlock()
	g.stopping = true
	g.draw(g.now())
}

// redraw draws as time passes.
func (g *Progress) redraw() {
	g.printer.mu.Lock()
	defer g.printer.mu.Unlock()
	at := g.now()
	interval := g.interval() - liveInterval // a tick may come a little early
	if g.printer.redraws() {
		interval = liveBeat - liveInterval
		if g.printer.live == "" && at.Sub(g.opened) < quietStart {
			return
		}
	}
	switch silent := g.silence(at) > 0; {
	case silent && !g.told[noAnswer]:
		g.tell(at, noAnswer)
	case at.Sub(g.drawn) >= interval:
		g.draw(at)
	}
}

func (g *Progress) interval() time.Duration {
	if g.printer.redraws() {
		return liveInterval
	}
	return plainInterval
}

// End takes the display away. It may be called twice.
func (g *Progress) End() {
	g.printer.mu.Lock()
	if g.over {
		g.printer.mu.Unlock()
		return
	}
	g.over = true
	if g.isShown() && g.printer.live != "" {
		g.printer.setLive("")
	}
	g.printer.remove(g)
	g.printer.mu.Unlock()
	close(g.ended)
	g.beating.Wait()
}

// isShown reports whether this display is the one that began last.
func (g *Progress) isShown() bool {
	shown := g.printer.displays
	return len(shown) > 0 && shown[len(shown)-1] == g
}

// pastDisplay says since when a display that has ended was there, and when it was drawn last.
type pastDisplay struct{ opened, drawn, ended time.Time }

// remove takes a display from those that have not ended. The one before it, and one that begins soon, go on
// with its silence.
func (p *Printer) remove(g *Progress) {
	for i, one := range p.displays {
		if one == g {
			p.displays = append(p.displays[:i:i], p.displays[i+1:]...)
			break
		}
	}
	if last := len(p.displays) - 1; last >= 0 {
		p.displays[last].drawn = g.drawn
	}
	p.last = pastDisplay{opened: g.opened, drawn: g.drawn, ended: g.now()}
}

// pauseDisplays keeps displays from drawing until resume is called, because a question is on the
// screen.
func (p *Printer) pauseDisplays() (resume func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live != "" {
		p.setLive("")
	}
	p.asking = true
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asking = false
		for _, g := range p.displays {
			at := g.now()
			g.opened, g.began, g.drawn, g.grew = at, at, at, at // the time of the question was not work
		}
		p.last = pastDisplay{}
	}
}

// redraws reports whether a line can be drawn over, as on a terminal.
func (p *Printer) redraws() bool { return p.sequences() }

// draw shows the line, if this display is the one that is shown.
func (g *Progress) draw(at time.Time) {
	p := g.printer
	if g.over || p.options.Quiet || p.asking || !g.isShown() {
		return
	}
	g.drawn = at
	if !p.redraws() {
		p.writeError(wrapProse(g.figures(at).String(), p.errWidth()) + "\n")
		return
	}
	width := p.errWidth() - 1 // the last column stays free for the cursor
	line := g.figures(at).line(width)
	if width > 0 {
		g.tellCut(line, width)
	}
	p.setLive(line)
}

// tellCut writes what is waited for, with the figures of the moment, into a line of its own, once, where the live
// line has no room for it.
func (g *Progress) tellCut(line string, width int) {
	if reason := Clean(g.reason); reason != "" && !strings.Contains(line, reason) && !g.told["cut: "+reason] {
		g.told["cut: "+reason] = true
		g.printer.setLive("")
		g.printer.writeError(wrapProse(Clean(g.waitText(g.now())), g.printer.errWidth()) + "\n")
	}
}

// SystemTicks returns a channel that receives once in each period, and a function that ends it.
func SystemTicks(period time.Duration) (ticks <-chan time.Time, stop func()) {
	ticker := time.NewTicker(period)
	return ticker.C, ticker.Stop
}
