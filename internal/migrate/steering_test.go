package migrate_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/migrate"
)

// slowControl answers after a while, which passes take less of, and notes whether it was not waited for.
type slowControl struct {
	cut   atomic.Bool
	ended atomic.Int64
}

// Exchange implements migrate.Control.
func (c *slowControl) Exchange(ctx context.Context, status migrate.Status) (migrate.Orders, error) {
	if status.Ended {
		c.ended.Add(1)
		return migrate.Orders{}, nil
	}
	select {
	case <-ctx.Done():
		c.cut.Store(true)
	case <-time.After(time.Second):
	}
	return migrate.Orders{}, ctx.Err()
}

// If this fails, a status that was cut off reaches the server after the last one, and an operator is told that a run
// which has done all of its work ended without a word.
func TestLastStatusIsTheLast(t *testing.T) {
	t.Parallel()
	d, ring := newDatabase(t), readVectors(t).ring(t, 1, 0, 1)
	d.insert("secrets.value_encrypted", seal(t, ring, 0, false, "moves"))
	control := &slowControl{}
	runner := d.runner(ring)
	runner.Control = control
	result, err := runner.Run(context.Background(), d.plan(ring, d.request()))
	if err != nil || result.Moved != 1 || control.cut.Load() || control.ended.Load() != 1 {
		t.Errorf("moved %d, a status was cut off: %t, last ones: %d: %v", result.Moved, control.cut.Load(), control.ended.Load(), err)
	}
}
