package migrate

import (
	"cmp"
	"context"
	"time"
)

// exchangePeriod is how often a run reads its orders.
const exchangePeriod = 500 * time.Millisecond

// controller steers a run: by its orders, and by the replication state of the
// server.
type controller struct {
	run     *run
	started time.Time
	lag     lagTracker

	orders   Orders
	pace     Pace      // that the run was started with
	paused   Orders    // those that have paused the run
	followed time.Time // when these were taken up
	last     Status    // the status that was written last
	grew     time.Time // when values were last seen to be moved

	recent  recentRate
	written int64 // rows that had an outcome at the last look for locked rows
	blocked bool  // the run was told to wait for locked rows
}

// exchange exchanges status and orders, and closes or opens the run's gate. Malformed orders are not followed: those
// before them stay. A failed exchange ends nothing: the workers notice by themselves that the database is gone, and go
// on by the last orders if it is not.
func (c *controller) exchange(ctx context.Context) {
	if c.run.Control != nil {
		if orders, err := c.run.Control.Exchange(ctx, c.status()); err == nil {
			c.follow(orders)
		}
	}
	c.run.gate.set(c.orders.aborted(), c.pauseWait(ctx))
	c.tellBlocked(ctx)
}

// follow takes up orders that are new.
func (c *controller) follow(orders Orders) {
	if orders.Number == c.orders.Number {
		return
	}
	if !orders.Paused || !c.orders.Paused {
		c.paused, c.followed = orders, c.run.Clock()
	}
	c.orders = orders
	rate := c.run.plan.Request.MaxRowsPerSecond
	if orders.MaxRowsPerSecond != nil {
		rate = *orders.MaxRowsPerSecond
	}
	c.run.limit.set(rate)
	c.run.Pacing.SetLimit(rate)
	if pace := cmp.Or(orders.Pace, c.pace); pace != "" && c.run.Pacing != nil {
		c.run.Pacing.Set(pace)
	}
}

// tellBlocked says whose transactions hold the rows that are being written, where nothing was
// written since the last look.
func (c *controller) tellBlocked(ctx context.Context) {
	written, writing := c.run.rows.Load()+c.run.changed.Load(), c.run.writing.Load()
	stuck := writing > 0 && written == c.written && c.run.gate.waitingFor().IsZero()
	c.written = written
	var holders []Holder
	if stuck && c.run.Blockers != nil {
		holders, _ = c.run.Blockers.Blockers(ctx) // whom the server does not tell is not named
	}
	switch {
	case len(holders) > 0:
		c.blocked = true
		c.run.tellWait(rowsWait(holders, writing))
	case c.blocked:
		c.blocked = false
		c.run.tellWait(Wait{})
	}
}

// pauseWait says what keeps the run from going on.
func (c *controller) pauseWait(ctx context.Context) Wait {
	if c.orders.Paused {
		return pauseWait(c.paused, c.followed)
	}
	request := c.run.plan.Request
	if request.MaxReplicaLag == 0 && request.MaxWALBacklog == 0 {
		return Wait{}
	}
	state, err := c.run.Replication.Replication(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return Wait{}
		}
		// A state that cannot be seen might be over its limit.
		return Wait{Kind: WaitReplication, What: "the server to tell its replication state: " + err.Error()}
	}
	if wait := c.lag.wait(c.run.Clock(), state, request.MaxReplicaLag); !wait.IsZero() {
		return wait
	}
	return backlogWait(state, request.MaxWALBacklog)
}

// status returns the present status.
func (c *controller) status() Status {
	r := c.run
	now := r.Clock()
	phase, pass := r.currentPhase()
	status := Status{From: r.plan.Request.From, To: r.plan.Request.To, Started: c.started, Updated: now, Phase: phase, Pass: pass,
		Done: r.moved.Load(), Total: max(r.total, r.moved.Load()), Rows: r.rows.Load(), SetAside: r.setAsideTotal(), MaxRowsPerSecond: r.limit.rate(),
		Stopping: r.isStopping(), Pace: r.Pacing.Pace(), GivingWay: r.Pacing.Gentle(), Workers: r.plan.Request.Workers, Seen: c.orders.Number, Orders: c.orders}
	if wait := r.currentWait(); !wait.IsZero() {
		status.Waiting, status.Wait = wait.String(), &wait
	}
	status.ValuesPerSecond = c.recent.note(now, status.Done, status.Wait != nil)
	if elapsed := now.Sub(c.last.Updated).Seconds(); !c.last.Updated.IsZero() && elapsed > 0 {
		status.RowsPerSecond = float64(status.Rows-c.last.Rows) / elapsed
	}
	if c.grew.IsZero() || status.Done != c.last.Done || status.Phase != c.last.Phase {
		c.grew = now
	}
	status.Still = now.Sub(c.grew).Seconds()
	c.last = status
	return status
}

// writeLast writes the last status.
func (c *controller) writeLast(ctx context.Context) {
	if c.run.Control == nil {
		return
	}
	status := c.status()
	status.Ended, status.Waiting, status.Wait = true, "", nil
	_, _ = c.run.Control.Exchange(ctx, status) // the record of the run says the same, and more
}
