package main

import "fmt"

// panel is a bar chart with an axis of its own and one bar in each line.
type panel struct {
	title, axis string
	bars        []bar
	number      func(float64) string
}

type bar struct {
	name  string
	value float64
	ours  bool // drawn in the colour of ocmt
}

// panels returns the charts of everything that was measured.
func (r *Report) panels() []panel {
	rate := func(v float64) string { return groupDigits(int(v)) }
	list := []panel{{title: "Re-encrypting " + groupDigits(r.Rows) + " rows", axis: "rows per second", number: rate, bars: []bar{
		{name: "row at a time", value: typical(r.Loop).RowsPerSecond},
		{name: "one plain UPDATE", value: typical(r.Plain).RowsPerSecond},
		{name: "ocmt migrate run", value: typical(r.Ocmt).RowsPerSecond, ours: true},
	}}}
	if len(r.Scales) > 0 {
		p := panel{title: "ocmt migrate run on other sizes", axis: "rows per second", number: rate}
		for _, scale := range r.Scales {
			p.bars = append(p.bars, bar{name: groupDigits(scale.Rows) + " rows", value: typical(scale.Runs).RowsPerSecond, ours: true})
		}
		list = append(list, p)
	}
	if r.Live == nil {
		return list
	}
	ms := func(v float64) string { return fmt.Sprintf("%.1f", v) }
	return append(list, panel{title: "Writes of live servers", axis: "99th percentile of a write, milliseconds", number: ms, bars: []bar{
		{name: "alone", value: r.Live.Alone.P99},
		{name: "beside a run at a quarter", value: r.Live.Throttled.P99, ours: true},
		{name: "beside a run", value: r.Live.Run.P99, ours: true},
	}})
}
