package main

import (
	"encoding/json"
	"os"
)

// Report contains the measurements and their results.
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
	Search *Search      `json:"search,omitempty"`

	Sessions *Sessions `json:"sessions,omitempty"`
	Audit    *Audit    `json:"audit,omitempty"`

	Repository *Repository `json:"git,omitempty"`

	// ToPlain and ToLoop are medians over the rounds of the ratios of rows per second, WAL is that
	// of the ratios of WAL, and Growth is a median of ocmt migrate run.
	ToPlain float64 `json:"ratio_to_plain_update"`
	ToLoop  float64 `json:"ratio_to_row_at_a_time"`
	WAL     float64 `json:"wal_share_of_plain_update"`
	Growth  float64 `json:"table_growth"`
	// ScaleChange is the change of rows per second from the smallest scale to the largest, as a
	// share.
	ScaleChange float64   `json:"scale_change"`
	PeakBytes   int64     `json:"peak_memory_bytes"` // the largest at any size
	Promises    []Promise `json:"promises"`
}

// computeResults fills in the fields that follow from the measurements.
func (r *Report) computeResults() {
	r.ToPlain = medianRatio(r.Ocmt, r.Plain, rowsPerSecond)
	r.ToLoop = medianRatio(r.Ocmt, r.Loop, rowsPerSecond)
	r.WAL = medianRatio(r.Ocmt, r.Plain, wal)
	r.Growth = medianOf(r.Ocmt, growth)
	r.PeakBytes = largestPeak(r.Ocmt)
	for _, scale := range r.Scales {
		r.PeakBytes = max(r.PeakBytes, largestPeak(scale.Runs))
	}
	if r.scaled() {
		r.ScaleChange = medianRatio(r.largest().Runs, r.smallest().Runs, rowsPerSecond) - 1
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
