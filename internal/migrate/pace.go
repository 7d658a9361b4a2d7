package migrate

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// Pace is how much of the server the work may take.
type Pace string

// The paces.
const (
	PaceAuto   Pace = "auto"   // gentle while others are at work in the database, else full
	PaceFull   Pace = "full"   // as fast as server and workers can
	PaceGentle Pace = "gentle" // in short bursts with a rest after each, one worker at a time
)

// Known reports whether there is such a pace.
func (p Pace) Known() bool { return p == PaceAuto || p == PaceFull || p == PaceGentle }

// Pacing holds work on a database to a pace, so that live servers get their turn
// at once: a burst of a few rows, and a rest as long as that took or longer. It may be
// changed at any time and serves several goroutines. Nil is PaceFull.
type Pacing struct {
	clock  Clock
	nap    func(time.Duration)
	pace   atomic.Value // Pace
	others atomic.Int64 // unknownOthers where that could not be seen
	rested atomic.Int64 // nanoseconds
	slow   atomic.Bool  // there is time: a row limit was set
	seen   atomic.Int64 // the last count that was not 0
	turn   chan struct{}
	halt   atomic.Pointer[func() error]
}

// unknownOthers stands for a database that could not be asked who is there:
// nothing seen is not nobody there.
const unknownOthers = -1

// NewPacing returns one that rests by nap, which should be exact to a fraction of a
// millisecond.
func NewPacing(pace Pace, clock Clock, nap func(time.Duration)) *Pacing {
	p := &Pacing{clock: clock, nap: nap, turn: make(chan struct{}, 1)}
	p.others.Store(unknownOthers)
	p.seen.Store(unknownOthers)
	p.Set(pace)
	return p
}

// haltBy makes gentle work end between two bursts where ask returns an error. What
// is not read or written then is met again.
func (p *Pacing) haltBy(ask func() error) {
	if p != nil {
		p.halt.Store(&ask)
	}
}

// halted is why gentle work must end between two bursts, or nil.
func (p *Pacing) halted() error {
	if ask := p.halt.Load(); ask != nil {
		return (*ask)()
	}
	return nil
}

// Why says why the work is, or was, gentle.
func (p *Pacing) Why() string {
	switch seen := p.seen.Load(); {
	case p.Pace() == PaceGentle:
		return "as was asked for"
	case seen == unknownOthers:
		return "who else is at work in the database could not be seen"
	case seen == 1:
		return "another connection was at work in the database"
	default:
		return fmt.Sprintf("%d other connections were at work in the database", seen)
	}
}

// Set changes the pace.
func (p *Pacing) Set(pace Pace) { p.pace.Store(pace) }

// Pace returns what was set.
func (p *Pacing) Pace() Pace {
	if p == nil {
		return PaceFull
	}
	pace, _ := p.pace.Load().(Pace)
	return pace
}

// Gentle reports whether work gives way now.
func (p *Pacing) Gentle() bool {
	switch p.Pace() {
	case PaceFull:
		return false
	case PaceGentle:
		return true
	}
	return p.others.Load() != 0
}

// burst is the shape of gentle work: how many rows are written or read at once, and
// how long the rest after it is, in lengths of the work.
type burst struct{ writes, reads, rest int }

// The two shapes. A burst takes a fraction of a millisecond of a server's work. The
// second is for runs with a row limit: whoever sets one has said that there is
// time.
var (
	usualBurst = burst{writes: 32, reads: 64, rest: 1}
	smallBurst = burst{writes: 16, reads: 32, rest: 2}
)

func (p *Pacing) burst() burst {
	if p.slow.Load() {
		return smallBurst
	}
	return usualBurst
}

// Unhurried says whether there is time, as there is under a row limit.
func (p *Pacing) Unhurried(is bool) {
	if p != nil {
		p.slow.Store(is)
	}
}

// Rested returns how long the work has rested.
func (p *Pacing) Rested() time.Duration {
	if p == nil {
		return 0
	}
	return time.Duration(p.rested.Load())
}

// lookAroundEvery is how often others are counted.
const lookAroundEvery = 500 * time.Millisecond

// Watch counts the others in the database until stop is called. Before they were
// counted for the first time work is gentle.
func (p *Pacing) Watch(ctx context.Context, store Store) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	look := &lookout{pacing: p, store: store}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		every(ctx, lookAroundEvery, look.once)
	}()
	return func() {
		cancel()
		<-ended
	}
}

// lookout counts the others again and again.
type lookout struct {
	pacing *Pacing
	store  Store
	skip   int // so many looks, after one that failed
}

// How long a look may take, and how many are left out after one that failed: a
// server that has no connection to spare is not asked for one all the time.
const (
	lookTime    = 2 * time.Second
	looksSpared = 10
)

// once counts the others. That it fails ends nothing: whoever works will notice
// by himself if the database is gone.
func (l *lookout) once(ctx context.Context) {
	if l.skip > 0 {
		l.skip--
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	others, err := l.store.Others(ctx)
	if err != nil {
		others, l.skip = unknownOthers, looksSpared
	}
	l.pacing.others.Store(int64(others))
	if others != 0 {
		l.pacing.seen.Store(int64(others))
	}
}

// work does one burst of work: one at a time and with a rest after it where the
// pace is gentle.
func (p *Pacing) work(ctx context.Context, do func() error) error {
	if !p.Gentle() {
		return do()
	}
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-p.turn }()
	began := p.clock()
	err := do()
	p.rest(p.clock().Sub(began))
	return err
}

// longestRest bounds a rest. A burst that took as long has waited, for the network
// or for a lock, and the server has rested meanwhile.
const longestRest = 2 * time.Millisecond

func (p *Pacing) rest(worked time.Duration) {
	length := min(worked*time.Duration(p.burst().rest), longestRest)
	p.nap(length)
	p.rested.Add(int64(length))
}
