package migrate

import (
	"context"
	"errors"
	"time"
)

// ErrAborted: somebody asked from outside that the run end.
var ErrAborted = errors.New("aborted on request from outside")

// Status is what a run says of itself while it is at work.
type Status struct {
	From             *int      `json:"from_version"` // nil: every one that the request leaves
	To               int       `json:"to_version"`
	Started          time.Time `json:"started"`
	Updated          time.Time `json:"updated"`
	Ended            bool      `json:"ended"`
	Phase            string    `json:"phase"`
	Pass             int       `json:"pass"`
	Done             int64     `json:"values_done"`
	Total            int64     `json:"values_to_move"`
	Rows             int64     `json:"rows_written"`
	SetAside         int64     `json:"set_aside"`
	RowsPerSecond    float64   `json:"rows_per_second"` // since the status before
	MaxRowsPerSecond int       `json:"max_rows_per_second"`
	Waiting          string    `json:"waiting_for"` // "" while it is moving
	Pace             Pace      `json:"pace"`
	GivingWay        bool      `json:"giving_way"` // works gently now
	Workers          int       `json:"workers"`
	Seen             int64     `json:"orders_seen"` // Number of the orders that it follows
}

// Orders are what is asked of a run from outside.
type Orders struct {
	Number           int64  `json:"number"` // goes up with each order
	Paused           bool   `json:"paused"`
	Abort            bool   `json:"abort"`
	MaxRowsPerSecond *int   `json:"max_rows_per_second"` // nil: as the run was started
	Pace             Pace   `json:"pace"`                // "": likewise
	By               string `json:"by"`
}

// Control is the place in the database where a run and those who steer it meet.
type Control interface {
	// Exchange leaves the run's status and returns what was asked of it.
	Exchange(ctx context.Context, status Status) (Orders, error)
}

// exchangeEvery is how long an order may lie unread.
const exchangeEvery = 500 * time.Millisecond

// helm holds what steers a run: orders, and the pressure on the database.
type helm struct {
	run     *run
	gate    *gate
	started time.Time
	lags    lagWatch

	orders Orders
	last   Status // as left last
}

// steer exchanges status and orders until the context ends, and closes and opens
// the run's gate. That an exchange fails ends nothing: the workers will notice
// by themselves if the database is gone, and go on by the last orders if not.
func (h *helm) steer(ctx context.Context) { every(ctx, exchangeEvery, h.once) }

func (h *helm) once(ctx context.Context) {
	if h.run.Control != nil {
		if orders, err := h.run.Control.Exchange(ctx, h.status()); err == nil {
			h.follow(orders)
		}
	}
	h.gate.set(h.orders.Abort, h.reason(ctx))
}

// follow takes orders up, once each.
func (h *helm) follow(orders Orders) {
	if orders.Number == h.orders.Number {
		return
	}
	h.orders = orders
	rate := h.run.plan.Request.MaxRowsPerSecond
	if orders.MaxRowsPerSecond != nil {
		rate = *orders.MaxRowsPerSecond
	}
	h.run.limit.set(rate)
	h.run.Pacing.Unhurried(rate > 0)
	if orders.Pace != "" && h.run.Pacing != nil {
		h.run.Pacing.Set(orders.Pace)
	}
}

// reason says what keeps the run from going on; "" if nothing does.
func (h *helm) reason(ctx context.Context) string {
	if h.orders.Paused {
		return "ocmt migrate resume (paused by " + h.orders.By + ")"
	}
	request := h.run.plan.Request
	if request.MaxReplicaLag == 0 && request.MaxWALBacklog == 0 {
		return ""
	}
	pressure, err := h.run.Store.Pressure(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return ""
		}
		// What cannot be seen might be over its limit.
		return "the server to tell its replication state: " + err.Error()
	}
	if reason := h.lags.reason(h.run.Clock(), pressure, request.MaxReplicaLag); reason != "" {
		return reason
	}
	return backlogReason(pressure, request.MaxWALBacklog)
}

// status is that of now.
func (h *helm) status() Status {
	r := h.run
	now := r.Clock()
	phase, pass := r.phaseNow()
	status := Status{From: r.plan.Request.From, To: r.plan.Request.To, Started: h.started, Updated: now, Phase: phase, Pass: pass,
		Done: r.moved.Load(), Total: max(r.total, r.moved.Load()), Rows: r.rows.Load(), SetAside: r.asideCount(), MaxRowsPerSecond: r.limit.rate(),
		Waiting: h.gate.waiting(), Pace: r.Pacing.Pace(), GivingWay: r.Pacing.Gentle(), Workers: r.plan.Request.Workers, Seen: h.orders.Number}
	if elapsed := now.Sub(h.last.Updated).Seconds(); !h.last.Updated.IsZero() && elapsed > 0 {
		status.RowsPerSecond = float64(status.Rows-h.last.Rows) / elapsed
	}
	h.last = status
	return status
}

// end leaves the last status.
func (h *helm) end(ctx context.Context) {
	if h.run.Control == nil {
		return
	}
	status := h.status()
	status.Ended, status.Waiting = true, ""
	_, _ = h.run.Control.Exchange(ctx, status) // the record of the run says the same, and more
}
