package ui_test

import (
	"bytes"
	"strings"
	"sync"
	"time"

	"github.com/ocmt/ocmt/internal/ui"
)

// clock is a clock that the test moves, and ticks that it sends.
type clock struct {
	mu    sync.Mutex
	at    time.Time
	ticks chan time.Time
	ended chan struct{} // receives when a display has stopped its ticks
}

func newClock() *clock {
	return &clock{at: time.Unix(1_700_000_000, 0), ticks: make(chan time.Time), ended: make(chan struct{}, 10)}
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func (c *clock) newTicks(time.Duration) (<-chan time.Time, func()) {
	return c.ticks, func() { c.ended <- struct{}{} }
}

// tick has a display look at itself after some time. The second send is received once the first is
// dealt with.
func (c *clock) tick(d time.Duration) {
	c.advance(d)
	c.ticks <- c.now()
	c.ticks <- c.now()
}

// terminal is a printer on a terminal of so many columns, and what it wrote.
func terminal(c *clock, width int) (*ui.Printer, *safeBuffer) {
	out := &safeBuffer{}
	return ui.NewPrinter(ui.Streams{In: strings.NewReader(""), Out: out, Err: out, InTTY: true, OutTTY: true, ErrTTY: true, OutWidth: columns(width), ErrWidth: columns(width)},
		ui.Options{Now: c.now, Ticks: c.newTicks}), out
}

// pipe is a printer that writes to a pipe.
func pipe(c *clock) (*ui.Printer, *safeBuffer) {
	out := &safeBuffer{}
	return ui.NewPrinter(ui.Streams{Out: out, Err: out}, ui.Options{Now: c.now, Ticks: c.newTicks}), out
}

// safeBuffer is a buffer that displays write to while the test reads it.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// erased is what erases a live line.
const erased = "\r\x1b[K\x1b[C\x1b[J\r"

// plain returns the text without what keeps a live line from breaking.
func (b *safeBuffer) plain() string {
	return strings.NewReplacer("\x1b[?7l", "", "\r\x1b[?7h", "").Replace(b.String())
}

// last returns the live line that a terminal shows now.
func (b *safeBuffer) last() string {
	lines := strings.Split(b.plain(), erased)
	last := lines[len(lines)-1]
	return last[strings.LastIndexByte(last, '\n')+1:]
}

// lines returns the plain lines that were written.
func (b *safeBuffer) lines() []string {
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}
