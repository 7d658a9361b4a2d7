package migrate

import (
	"context"
	"time"
)

// Status is what a run says of itself while it is at work.
type Status struct {
	From          *int      `json:"from_version"` // nil for every version that the request leaves
	To            int       `json:"to_version"`
	Started       time.Time `json:"started"`
	Updated       time.Time `json:"updated"`
	Ended         bool      `json:"ended"`
	Phase         string    `json:"phase"`
	Pass          int       `json:"pass"`
	Done          int64     `json:"values_done"`
	Total         int64     `json:"values_to_move"`
	Rows          int64     `json:"rows_written"`
	SetAside      int64     `json:"set_aside"`
	RowsPerSecond float64   `json:"rows_per_second"` // since the status before
	// ValuesPerSecond is the rate of the last 15 seconds, without what came before a wait.
	ValuesPerSecond float64 `json:"values_per_second"`
	// Still is for how many seconds no value was moved. A run whose statement hangs gives signs of life all the same.
	Still            float64 `json:"seconds_without_progress"`
	MaxRowsPerSecond int     `json:"max_rows_per_second"`
	Waiting          string  `json:"waiting_for"` // "" while the run is moving values
	Wait             *Wait   `json:"wait"`        // the same in parts; nil while the run is moving values
	Stopping         bool    `json:"stopping"`    // its operator has asked it to stop after what is in hand
	Pace             Pace    `json:"pace"`
	GivingWay        bool    `json:"giving_way"` // the run works gently now
	Workers          int     `json:"workers"`
	Seen             int64   `json:"orders_seen"` // Number of the orders that the run follows
	Orders           Orders  `json:"orders"`      // those that it follows; the zero Orders for none
}

// Control is the place in the database through which operators steer a run.
type Control interface {
	// Exchange writes the run's status and returns the orders for it. The error is an *OrdersError where the
	// orders are malformed.
	Exchange(ctx context.Context, status Status) (Orders, error)
}
