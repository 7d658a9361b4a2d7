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

	orders Orders
	pace   Pace   // that the run was started with
	last   Status // the status that was written last
}

// steer exchanges status and orders until the context ends, and closes and opens
// the run's gate. Malformed orders are not followed: those before them stay. A failed exchange ends nothing: the workers notice by themselves
// that the database is gone, and go on by the last orders if it is not.
func (c *controller) steer(ctx context.Context) { doEvery(ctx, exchangePeriod, c.exchange) }

func (c *controller) exchange(ctx context.Context) {
	if c.run.Control != nil {
		if orders, err := c.run.Control.Exchange(ctx, c.status()); err == nil {
			c.follow(orders)
		}
	}
	c.run.gate.set(c.orders.Abort, c.pauseReason(ctx))
}

// follow takes up orders that are new.
func (c *controller) follow(orders Orders) {
	if orders.Number == c.orders.Number {
		return
	}
	c.orders = orders
	rate := c.run.plan.Request.MaxRowsPerSecond
	if orders.MaxRowsPerSecond != nil {
		rate = *orders.MaxRowsPerSecond
	}
	c.run.limit.set(rate)
	c.run.Pacing.UseSmallBursts(rate > 0)
	if pace := cmp.Or(orders.Pace, c.pace); pace != "" && c.run.Pacing != nil {
		c.run.Pacing.Set(pace)
	}
}

// pauseReason says what keeps the run from going on; "" if nothing does.
func (c *controller) pauseReason(ctx context.Context) string {
	if c.orders.Paused {
		return "ocmt migrate resume (paused by " + c.orders.By + ")"
	}
	request := c.run.plan.Request
	if request.MaxReplicaLag == 0 && request.MaxWALBacklog == 0 {
		return ""
	}
	state, err := c.run.Replication.Replication(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return ""
		}
		// A state that cannot be seen might be over its limit.
		return "the server to tell its replication state: " + err.Error()
	}
	if reason := c.lag.reason(c.run.Clock(), state, request.MaxReplicaLag); reason != "" {
		return reason
	}
	return backlogReason(state, request.MaxWALBacklog)
}

// status returns the present status.
func (c *controller) status() Status {
	r := c.run
	now := r.Clock()
	phase, pass := r.currentPhase()
	status := Status{From: r.plan.Request.From, To: r.plan.Request.To, Started: c.started, Updated: now, Phase: phase, Pass: pass,
		Done: r.moved.Load(), Total: max(r.total, r.moved.Load()), Rows: r.rows.Load(), SetAside: r.setAsideTotal(), MaxRowsPerSecond: r.limit.rate(),
		Waiting: r.gate.waitingFor(), Pace: r.Pacing.Pace(), GivingWay: r.Pacing.Gentle(), Workers: r.plan.Request.Workers, Seen: c.orders.Number, Orders: c.orders}
	if elapsed := now.Sub(c.last.Updated).Seconds(); !c.last.Updated.IsZero() && elapsed > 0 {
		status.RowsPerSecond = float64(status.Rows-c.last.Rows) / elapsed
	}
	c.last = status
	return status
}

// writeLast writes the last status.
func (c *controller) writeLast(ctx context.Context) {
	if c.run.Control == nil {
		return
	}
	status := c.status()
	status.Ended, status.Waiting = true, ""
	_, _ = c.run.Control.Exchange(ctx, status) // the record of the run says the same, and more
}
