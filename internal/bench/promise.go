package main

import "fmt"

// Promise is a figure that ocmt is to reach, and whether it does.
type Promise struct {
	What     string `json:"what"`
	Promised string `json:"promised"`
	Measured string `json:"measured,omitempty"`
	Holds    *bool  `json:"holds"` // null where it was not measured
}

const (
	leastToPlain    = 1.6
	leastToLoop     = 50
	mostGrowth      = 0.40
	mostWAL         = 0.85
	memoryBelow     = 64 << 20
	mostScaleChange = 0.15
	mostToCopy      = 1.5
	mostLiveBeside  = 3
	mostLiveQuarter = 1.5
)

func (r *Report) promises() []Promise {
	list := []Promise{
		atLeast("rows/s against one plain UPDATE", leastToPlain, r.ToPlain),
		atLeast("rows/s against row at a time", leastToLoop, r.ToLoop),
		atMostShare("growth of the table", mostGrowth, r.Growth),
		atMostShare("WAL against one plain UPDATE", mostWAL, r.WAL),
		made("peak memory, at every size", fmt.Sprintf("below %d MiB", memoryBelow>>20),
			fmt.Sprintf("%.1f MiB", float64(r.PeakBytes)/(1<<20)), r.PeakBytes < memoryBelow),
		r.scalePromise(),
		atMost("time of a verification against a bare COPY", mostToCopy, r.Verify.Ratio),
	}
	beside, quarter := "p99 of a live write beside a run, against alone", "the same beside a run at a quarter of its speed"
	if r.Live == nil {
		return append(list, unmeasured(atMost(beside, mostLiveBeside, 0)), unmeasured(atMost(quarter, mostLiveQuarter, 0)))
	}
	return append(list, atMost(beside, mostLiveBeside, r.Live.RunP99), atMost(quarter, mostLiveQuarter, r.Live.QuartP99))
}

func (r *Report) scalePromise() Promise {
	what := "rows/s on the largest table against the smallest"
	if r.scaled() {
		what = fmt.Sprintf("rows/s at %s rows against %s", grouped(r.largest().Rows), grouped(r.smallest().Rows))
	}
	p := made(what, fmt.Sprintf("within %s", percent(mostScaleChange)), change(r.ScaleChange),
		r.ScaleChange >= -mostScaleChange && r.ScaleChange <= mostScaleChange)
	if !r.scaled() {
		return unmeasured(p)
	}
	return p
}

func made(what, promised, measured string, holds bool) Promise {
	return Promise{What: what, Promised: promised, Measured: measured, Holds: &holds}
}

func atLeast(what string, bound, value float64) Promise {
	return made(what, "at least "+times(bound), times(value), value >= bound)
}

func atMost(what string, bound, value float64) Promise {
	return made(what, "at most "+times(bound), times(value), value <= bound)
}

func atMostShare(what string, bound, value float64) Promise {
	return made(what, "at most "+percent(bound), fmt.Sprintf("%.1f%%", 100*value), value <= bound)
}

func unmeasured(p Promise) Promise {
	return Promise{What: p.What, Promised: p.Promised}
}
