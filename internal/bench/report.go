package main

import (
	"encoding/json"
	"os"
)

// Report is what was measured.
type Report struct {
	Machine Machine   `json:"machine"`
	Rows    int       `json:"rows"`
	Pairs   int       `json:"pairs"`
	Repeats int       `json:"repeats"`
	Sample  int       `json:"row_at_a_time_sample"`
	Plain   []Figures `json:"plain_update"`
	Loop    []Figures `json:"row_at_a_time"`
	Ocmt    []Figures `json:"ocmt_migrate_run"`

	Scales []Scale      `json:"scales,omitempty"`
	Verify Verification `json:"verify"`
	Live   *Live        `json:"live_servers,omitempty"`

	// Medians over the rounds of the ratios of rows per second and of WAL.
	ToPlain float64 `json:"ratio_to_plain_update"`
	ToLoop  float64 `json:"ratio_to_row_at_a_time"`
	WAL     float64 `json:"wal_share_of_plain_update"`
	Growth  float64 `json:"table_growth"`
	// ScaleChange is how rows per second change from the smallest scale to the
	// largest, as a share.
	ScaleChange float64   `json:"scale_change"`
	PeakBytes   int64     `json:"peak_memory_bytes"` // the largest at any size
	Promises    []Promise `json:"promises"`
}

// finish computes what follows from the measurements.
func (r *Report) finish() {
	r.ToPlain = medianRatio(r.Ocmt, r.Plain, speed)
	r.ToLoop = medianRatio(r.Ocmt, r.Loop, speed)
	r.WAL = medianRatio(r.Ocmt, r.Plain, wal)
	r.Growth = medianOf(r.Ocmt, growth)
	r.PeakBytes = peakOver(r.Ocmt)
	for _, scale := range r.Scales {
		r.PeakBytes = max(r.PeakBytes, peakOver(scale.Runs))
	}
	if r.scaled() {
		r.ScaleChange = medianRatio(r.largest().Runs, r.smallest().Runs, speed) - 1
	}
	r.Promises = r.promises()
}

// scaled reports whether there are two sizes to compare.
func (r *Report) scaled() bool { return len(r.Scales) > 1 }

func (r *Report) smallest() Scale { return r.Scales[0] }

func (r *Report) largest() Scale { return r.Scales[len(r.Scales)-1] }

func (r *Report) save(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
