package migrate

import (
	"context"
	"errors"
	"sync"
)

// gate lets the workers through to the database, or holds them back for a wait that
// is reported to the operator.
type gate struct {
	mu      sync.Mutex
	wait    Wait
	aborted error         // an AbortedError where an order asked the run to end
	changed chan struct{} // closed when wait or aborted change
}

func newGate() *gate { return &gate{changed: make(chan struct{})} }

// set closes the gate because of a wait, or opens it where there is none. Aborted is an AbortedError, or nil.
func (g *gate) set(aborted error, wait Wait) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if errors.Is(g.aborted, aborted) && g.wait == wait {
		return
	}
	g.aborted, g.wait = aborted, wait
	close(g.changed)
	g.changed = make(chan struct{})
}

// state returns what was set, and a channel that is closed when it changes.
func (g *gate) state() (wait Wait, changed <-chan struct{}, aborted error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.wait, g.changed, g.aborted
}

// waitingFor returns what the gate is closed for.
func (g *gate) waitingFor() Wait {
	wait, _, _ := g.state()
	return wait
}

// pass returns when the gate is open, and reports the wait. Errors:
// AbortedError, ErrStopped, and that of the context.
func (g *gate) pass(ctx context.Context, stop <-chan struct{}, report func(Wait)) error {
	reported := false
	defer func() {
		if reported {
			report(Wait{})
		}
	}()
	for {
		wait, changed, aborted := g.state()
		switch {
		case aborted != nil:
			return aborted
		case wait.IsZero():
			return nil
		}
		report(wait)
		reported = true
		select {
		case <-changed:
		case <-stop:
			return ErrStopped
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
