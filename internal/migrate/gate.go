package migrate

import (
	"context"
	"sync"
)

// gate stands before each trip to the database. While it has a reason to be
// closed, the workers wait and the operator is told the reason.
type gate struct {
	mu      sync.Mutex
	reason  string
	aborted bool
	changed chan struct{} // closed when the two above change
}

func newGate() *gate { return &gate{changed: make(chan struct{})} }

// set closes the gate for a reason, or opens it where that is "".
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

func (g *gate) look() (aborted bool, reason string, changed <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.aborted, g.reason, g.changed
}

// waiting returns the reason that the gate is closed for.
func (g *gate) waiting() string {
	_, reason, _ := g.look()
	return reason
}

// pass returns when the gate is open. Errors: ErrAborted, ErrStopped, and that
// of the context.
func (g *gate) pass(ctx context.Context, stop <-chan struct{}, tell func(reason string)) error {
	told := ""
	defer func() {
		if told != "" {
			tell("")
		}
	}()
	for {
		aborted, reason, changed := g.look()
		switch {
		case aborted:
			return ErrAborted
		case reason == "":
			return nil
		}
		tell(reason)
		told = reason
		select {
		case <-changed:
		case <-stop:
			return ErrStopped
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
