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

// stillControl lets a write go on once a status says for how long nothing was moved, or after so many statuses that none
// does.
type stillControl struct {
	release  func()
	statuses int
	still    bool
}

// Exchange implements migrate.Control.
func (c *stillControl) Exchange(_ context.Context, status migrate.Status) (migrate.Orders, error) {
	const most = 20
	c.statuses++
	if c.still = c.still || status.Still >= 60 && status.Done < status.Total; c.still || c.statuses == most {
		c.release()
	}
	return migrate.Orders{}, nil
}

// If this fails, a run whose statement hangs looks alive to everybody but its own operator, and the advice is to wait for it.
func TestStatusSaysThatNothingMoves(t *testing.T) {
	t.Parallel()
	d, ring := newDatabase(t), readVectors(t).ring(t, 1, 0, 1)
	d.insert("secrets.value_encrypted", seal(t, ring, 0, false, "moves"))
	d.exec(`create table held (id int primary key);
		create function hang() returns trigger language plpgsql set search_path = public, pg_temp as $$
		begin while exists (select from held) loop perform pg_sleep(0.01); end loop; return new; end $$;
		create trigger hangs before update on secrets for each row execute function hang()`)
	plan := d.plan(ring, d.request())
	d.exec("insert into held values (1)")
	control := &stillControl{release: func() { d.exec("delete from held") }}
	runner := d.runner(ring)
	began := time.Now()
	runner.Clock = func() time.Time { return began.Add(time.Since(began) * 100) } // a minute is 0.6 s
	runner.Control = control
	result, err := runner.Run(context.Background(), plan)
	if err != nil || result.Moved != 1 || !control.still {
		t.Errorf("moved %d, a status says that nothing moves: %t, of %d: %v", result.Moved, control.still, control.statuses, err)
	}
}
