package migrate

import (
	"context"
	"sync"
)

// gate lets the workers through to the database, or holds them back for a reason that
// is reported to the operator.
type gate struct {
	mu      sync.Mutex
	reason  string
	aborted bool
	changed chan struct{} // closed when reason or aborted change
}

func newGate() *gate { return &gate{changed: make(chan struct{})} }

// set closes the gate for a reason, or opens it for the reason "".
func (g *gate) set(aborted bool, reason string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.aborted == aborted && g.reason == reason {
		return
	}
	g.aborted, g.reason = aborted, reason
	close(g.changed)
	g.changed = make(chan struct{})
}

// state returns what was set, and a channel that is closed when it changes.
func (g *gate) state() (aborted bool, reason string, changed <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.aborted, g.reason, g.changed
}

// waitingFor returns the reason that the gate is closed for; "" if it is open.
func (g *gate) waitingFor() string {
	_, reason, _ := g.state()
	return reason
}

// pass returns when the gate is open, and reports the reason while it waits. Errors:
// ErrAborted, ErrStopped, and that of the context.
func (g *gate) pass(ctx context.Context, stop <-chan struct{}, report func(reason string)) error {
	reported := ""
	defer func() {
		if reported != "" {
			report("")
		}
	}()
	for {
		aborted, reason, changed := g.state()
		switch {
		case aborted:
			return ErrAborted
		case reason == "":
			return nil
		}
		report(reason)
		reported = reason
		select {
		case <-changed:
		case <-stop:
			return ErrStopped
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
