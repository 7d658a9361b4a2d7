package ui

import (
	"fmt"
	"strings"
	"time"
)

const (
	liveInterval  = 100 * time.Millisecond // fast enough to look alive, slow enough for a serial line
	plainInterval = 5 * time.Second        // a log of a long run stays readable
	rateWindow    = 15 * time.Second       // a short window shows a pause in the rate
)

// Progress shows how much of a long task is done: with a live line on a terminal, with a
// plain line every few seconds elsewhere, and not at all with --quiet. It has no goroutine of its
// own and draws when it is updated. It is safe for concurrent use.
type Progress struct {
	printer *Printer
	now     func() time.Time

	// The fields below are guarded by printer.mu.
	label   string
	unit    string
	started time.Time
	drawn   time.Time
	samples []sample
	waiting string
	ended   bool
}

type sample struct {
	at   time.Time
	done int64
}

// Progress begins a progress display. The label says what is done ("re-encrypting
// secrets"), and the unit says what is counted ("rows"). Call End when the work is over.
// The printer's options must have a clock.
func (p *Printer) Progress(label, unit string) *Progress {
	now := p.options.Now
	at := now()
	return &Progress{
		printer: p, now: now, label: label, unit: unit,
		started: at, drawn: at, samples: []sample{{at: at}},
	}
}

// Phase begins the next part of the work, with a count and a rate of its own.
func (g *Progress) Phase(label string) {
	g.printer.mu.Lock()
	defer g.printer.mu.Unlock()
	at := g.now()
	g.label, g.started, g.samples = label, at, []sample{{at: at}}
}

// Update says how many units of a total are done. A total of 0 means that it is not
// known. The note, which may be empty, is shown behind the numbers
// ("3 set aside", "paused: replica lag").
func (g *Progress) Update(done, total int64, note string) {
	if g.printer.options.Quiet {
		return
	}
	g.printer.mu.Lock()
	defer g.printer.mu.Unlock()
	interval := plainInterval
	if g.printer.sequences() {
		interval = liveInterval
	}
	at := g.now()
	if g.ended || at.Sub(g.drawn) < interval {
		return
	}
	g.drawn = at
	g.addSample(sample{at: at, done: done})
	g.draw(g.describe(done, total, note))
}

// Waiting shows what the work waits for, at once and in a line of its own; "" says that
// the work goes on. It shows each reason once.
func (g *Progress) Waiting(reason string) {
	g.printer.mu.Lock()
	same := g.waiting == reason
	g.waiting = reason
	g.printer.mu.Unlock()
	switch {
	case same:
	case reason == "":
		g.printer.Note("going on")
	default:
		g.printer.Note("waiting for %s", reason)
	}
}

// End erases the live line. It may be called twice.
func (g *Progress) End() {
	g.printer.mu.Lock()
	defer g.printer.mu.Unlock()
	if !g.ended {
		g.printer.setLive("")
		g.ended = true
	}
}

func (g *Progress) draw(line string) {
	if !g.printer.sequences() {
		g.printer.writeError(line + "\n")
		return
	}
	g.printer.setLive(line)
}

// addSample adds a sample and drops old ones: it keeps those of the rate window and the one
// before them.
func (g *Progress) addSample(s sample) {
	g.samples = append(g.samples, s)
	for len(g.samples) > 2 && s.at.Sub(g.samples[1].at) > rateWindow {
		g.samples = g.samples[1:]
	}
}

// rate returns the units per second over the rate window.
func (g *Progress) rate() float64 {
	first, last := g.samples[0], g.samples[len(g.samples)-1]
	elapsed := last.at.Sub(first.at).Seconds()
	if elapsed <= 0 || last.done <= first.done {
		return 0
	}
	return float64(last.done-first.done) / elapsed
}

func (g *Progress) describe(done, total int64, note string) string {
	parts := []string{g.label + ":"}
	if total > 0 {
		percent := min(100, float64(done)/float64(total)*100)
		parts = append(parts, fmt.Sprintf("%s of %s %s (%.0f%%)", Number(done), Number(total), g.unit, percent))
	} else {
		parts = append(parts, fmt.Sprintf("%s %s", Number(done), g.unit))
	}
	if rate := g.rate(); rate > 0 {
		parts = append(parts, fmt.Sprintf("%s/s", Number(int64(rate+0.5))))
		if total > done {
			left := time.Duration(float64(total-done) / rate * float64(time.Second))
			parts = append(parts, "about "+Duration(left)+" left")
		}
	}
	if note != "" {
		parts = append(parts, Clean(note))
	}
	return strings.Join(parts, " ")
}

// Duration returns a time as people say it: "0.4 s", "12 s", "3 min 20 s", "2 h 5 min".
func Duration(d time.Duration) string {
	switch {
	case d < 9950*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d.Round(time.Second) < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d.Round(time.Second) < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	default:
		d = d.Round(time.Minute)
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	}
}
