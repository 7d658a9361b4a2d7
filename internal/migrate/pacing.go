package migrate

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// Pace is how much of the server a run may use.
type Pace string

// The paces.
const (
	PaceAuto   Pace = "auto"   // gentle while others are active in the database, else full
	PaceFull   Pace = "full"   // as fast as server and workers can
	PaceGentle Pace = "gentle" // short bursts with a rest after each, one worker at a time
)

// IsKnown reports whether there is such a pace.
func (p Pace) IsKnown() bool { return p == PaceAuto || p == PaceFull || p == PaceGentle }

// Pacing holds work on a database to a pace, so that live servers get their turn at
// once: a burst of a few rows, and then a rest of the same length or longer. It can
// be changed at any time and serves several goroutines. A nil Pacing is PaceFull.
type Pacing struct {
	clock      Clock
	sleep      func(time.Duration)
	pace       atomic.Value  // Pace
	others     atomic.Int64  // active connections of others; unknownOthers where they could not be counted
	lastOthers atomic.Int64  // the last count that was not 0
	rested     atomic.Int64  // nanoseconds
	limit      atomic.Int64  // rows a second; 0 for no limit
	asked      atomic.Int64  // when the question was asked that has no answer yet, in nanoseconds since 1970; 0 for none
	turn       chan struct{} // one worker at a time
	halt       atomic.Pointer[func() error]
}

// unknownOthers stands for a database that could not be asked who is active: then
// others may be.
const unknownOthers = -1

// NewPacing returns a Pacing that rests with sleep, which should be exact to a
// fraction of a millisecond.
func NewPacing(pace Pace, clock Clock, sleep func(time.Duration)) *Pacing {
	p := &Pacing{clock: clock, sleep: sleep, turn: make(chan struct{}, 1)}
	p.others.Store(unknownOthers)
	p.lastOthers.Store(unknownOthers)
	p.Set(pace)
	return p
}

// Set changes the pace.
func (p *Pacing) Set(pace Pace) { p.pace.Store(pace) }

// Pace returns the pace that was set.
func (p *Pacing) Pace() Pace {
	if p == nil {
		return PaceFull
	}
	pace, _ := p.pace.Load().(Pace)
	return pace
}

// Gentle reports whether work gives way to others now.
func (p *Pacing) Gentle() bool {
	switch p.Pace() {
	case PaceFull:
		return false
	case PaceGentle:
		return true
	}
	return p.others.Load() != 0
}

// Why says why the work is, or was, gentle.
func (p *Pacing) Why() string {
	switch others := p.lastOthers.Load(); {
	case p.Pace() == PaceGentle:
		return "as was asked for"
	case others == unknownOthers:
		return "who else is at work in the database could not be seen"
	case others == 1:
		return "another connection was at work in the database"
	default:
		return fmt.Sprintf("%d other connections were at work in the database", others)
	}
}

// Rested returns how long the work has rested.
func (p *Pacing) Rested() time.Duration {
	if p == nil {
		return 0
	}
	return time.Duration(p.rested.Load())
}

// burst is the shape of gentle work: how many rows are written or read at once, and
// how long the rest after them is, as a multiple of the time that they took.
type burst struct{ writes, reads, rest int }

// The two shapes. A burst takes a fraction of a millisecond of a server's time. The
// smaller one is for runs with a row limit, which says that there is time.
var (
	usualBurst = burst{writes: 32, reads: 64, rest: 1}
	smallBurst = burst{writes: 16, reads: 32, rest: 2}
)

// SetLimit says how many rows a run may write in a second, 0 for no limit. The run itself keeps to it;
// here it chooses the smaller bursts, or the usual ones.
func (p *Pacing) SetLimit(rowsPerSecond int) {
	if p != nil {
		p.limit.Store(int64(rowsPerSecond))
	}
}

// Limit returns how many rows a run may write in a second; 0 for no limit.
func (p *Pacing) Limit() int {
	if p == nil {
		return 0
	}
	return int(p.limit.Load())
}

func (p *Pacing) burst() burst {
	if p.limit.Load() > 0 {
		return smallBurst
	}
	return usualBurst
}

// haltWhen makes gentle work end between two bursts while reason returns an error. A
// later pass finds what is not read or written then.
func (p *Pacing) haltWhen(reason func() error) {
	if p != nil {
		p.halt.Store(&reason)
	}
}

// haltReason returns why gentle work must end between two bursts, or nil.
func (p *Pacing) haltReason() error {
	if reason := p.halt.Load(); reason != nil {
		return (*reason)()
	}
	return nil
}

// Do does a piece of other work on the database at this pace.
func (p *Pacing) Do(ctx context.Context, work func() error) error {
	if p == nil {
		return work()
	}
	return p.doBurst(ctx, work)
}

// doBurst does one burst of work. Where the pace is gentle, bursts take turns and a
// rest follows each.
func (p *Pacing) doBurst(ctx context.Context, work func() error) error {
	if !p.Gentle() {
		return work()
	}
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-p.turn }()
	began := p.clock()
	err := work()
	p.restAfter(p.clock().Sub(began))
	return err
}

// maxRest bounds a rest. A burst that took as long has waited for the network or for a
// lock, and the server has rested meanwhile.
const maxRest = 2 * time.Millisecond

// restAfter rests after work that took so long.
func (p *Pacing) restAfter(worked time.Duration) {
	length := min(worked*time.Duration(p.burst().rest), maxRest)
	p.sleep(length)
	p.rested.Add(int64(length))
}
