package main

import "fmt"

// Promise is a bound on a figure of ocmt, and whether the figure keeps it.
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
	mostSearch      = 2
	searchBelow     = 128 << 20

	mostSessions  = 0.75
	mostVaults    = 0.5
	mostLookups   = 3
	longestBelow  = 500 // milliseconds
	redisBelow    = 5   // milliseconds
	sessionsBelow = 60  // seconds, for all of it

	mostAudit       = 1.6
	mostAuditBeyond = 20 // seconds beside that
	mostIVs         = 1.5
	pageBelow       = 20 // milliseconds
	leastExport     = 0.5
	auditBelow      = 256 << 20
	ivsBelow        = 128 << 20

	mostRepository  = 5 // seconds
	repositoryBelow = 128 << 20
)

func (r *Report) promises() []Promise {
	list := []Promise{
		promiseAtLeast("rows/s against one plain UPDATE", leastToPlain, r.ToPlain),
		promiseAtLeast("rows/s against row at a time", leastToLoop, r.ToLoop),
		promiseAtMostShare("growth of the table", mostGrowth, r.Growth),
		promiseAtMostShare("WAL against one plain UPDATE", mostWAL, r.WAL),
		newPromise("peak memory, at every size", fmt.Sprintf("below %d MiB", memoryBelow>>20),
			fmt.Sprintf("%.1f MiB", float64(r.PeakBytes)/(1<<20)), r.PeakBytes < memoryBelow),
		r.scalePromise(),
		promiseAtMost("time of a verification against a bare COPY", mostToCopy, r.Verify.Ratio),
	}
	list = append(list, r.searchPromises()...)
	list = append(list, r.sessionPromises()...)
	list = append(list, r.auditPromises()...)
	list = append(list, r.repositoryPromises()...)
	beside, quarter := "p99 of a live write beside a run, against alone", "the same beside a run at a quarter of its speed"
	if r.Live == nil {
		return append(list, markUnmeasured(promiseAtMost(beside, mostLiveBeside, 0)), markUnmeasured(promiseAtMost(quarter, mostLiveQuarter, 0)))
	}
	return append(list, promiseAtMost(beside, mostLiveBeside, r.Live.RunP99), promiseAtMost(quarter, mostLiveQuarter, r.Live.QuarterP99))
}

func (r *Report) searchPromises() []Promise {
	what, memory := "time of looking through a whole database against a bare COPY", "peak memory of that"
	if r.Search == nil {
		return []Promise{markUnmeasured(promiseAtMost(what, mostSearch, 0)), markUnmeasured(promiseMemory(memory, searchBelow, 0))}
	}
	return []Promise{promiseAtMost(what, mostSearch, r.Search.Ratio), promiseMemory(memory, searchBelow, r.Search.PeakBytes)}
}

func (r *Report) sessionPromises() []Promise {
	s := r.Sessions
	if s == nil {
		s = &Sessions{}
	}
	peak, seconds := float64(s.PeakBytes)/(1<<20), median(s.Ocmt)+median(s.OcmtVaults)
	list := []Promise{
		promiseAtMost("time of ending all sessions against one plain UPDATE", mostSessions, s.Ratio),
		newPromise("longest transaction of that", fmt.Sprintf("below %d ms", longestBelow), fmt.Sprintf("%.0f ms", s.Longest.Ms), s.Longest.Ms < longestBelow),
		promiseAtMost("p99 of a lookup of a session beside it, against alone", mostLookups, ratio(s.Beside.P99, s.Alone.P99)),
		promiseAtMost("time of ending all vaults, with proof, against redis-cli", mostVaults, s.VaultRatio),
		newPromise("p99 of a read of Redis beside it", fmt.Sprintf("below %d ms", redisBelow), fmt.Sprintf("%.2f ms", s.RedisBeside.P99), s.RedisBeside.P99 < redisBelow),
		newPromise("time of both", fmt.Sprintf("below %d s", sessionsBelow), fmt.Sprintf("%.1f s", seconds), seconds < sessionsBelow),
		newPromise("peak memory of both", fmt.Sprintf("below %d MiB", memoryBelow>>20), fmt.Sprintf("%.1f MiB", peak), s.PeakBytes < memoryBelow),
	}
	if r.Sessions == nil {
		markAllUnmeasured(list)
	}
	return list
}

func (r *Report) auditPromises() []Promise {
	a := r.Audit
	if a == nil {
		a = &Audit{}
	}
	page := func(what string, p99 float64) Promise {
		return newPromise(what, fmt.Sprintf("below %d ms", pageBelow), fmt.Sprintf("%.2f ms", p99), p99 < pageBelow)
	}
	list := []Promise{
		newPromise("time of ocmt audit against a bare COPY of the values", fmt.Sprintf("at most %s and %d s", formatTimes(mostAudit), mostAuditBeyond),
			fmt.Sprintf("%.1f s, %s of that", median(a.Posture.Seconds), formatPercent(a.PostureShare)), a.PostureShare <= 1),
		promiseMemory("peak memory of that", auditBelow, a.Posture.PeakBytes),
		promiseAtMost("time of the check of IVs alone against that COPY", mostIVs, a.IVRatio),
		promiseMemory("peak memory of that check", ivsBelow, a.IVs.PeakBytes),
		page("p99 of the first page of the timeline", a.First.P99),
		page("p99 of a page in its middle", a.Middle.P99),
		promiseAtLeast("speed of ocmt audit log --export jsonl against COPY", leastExport, a.ExportSpeed),
		promiseMemory("peak memory of ocmt audit log: a page, --export, --suspicious", auditBelow, max(a.Page.PeakBytes, a.Export.PeakBytes, a.Suspicious.PeakBytes)),
	}
	if r.Audit == nil {
		markAllUnmeasured(list)
	}
	return list
}

func (r *Report) repositoryPromises() []Promise {
	found := r.Repository
	if found == nil {
		found = &Repository{}
	}
	seconds := median(found.Search.Seconds)
	list := []Promise{
		newPromise("time of looking for secrets in a git repository", fmt.Sprintf("at most %d s", mostRepository), fmt.Sprintf("%.1f s", seconds), seconds <= mostRepository),
		promiseMemory("peak memory of that, with git", repositoryBelow, found.Search.PeakBytes),
	}
	if r.Repository == nil {
		markAllUnmeasured(list)
	}
	return list
}

func (r *Report) scalePromise() Promise {
	what := "rows/s on the largest table against the smallest"
	if r.scaled() {
		what = fmt.Sprintf("rows/s at %s rows against %s", groupDigits(r.largest().Rows), groupDigits(r.smallest().Rows))
	}
	p := newPromise(what, fmt.Sprintf("within %s", formatPercent(mostScaleChange)), formatChange(r.ScaleChange),
		r.ScaleChange >= -mostScaleChange && r.ScaleChange <= mostScaleChange)
	if !r.scaled() {
		return markUnmeasured(p)
	}
	return p
}

func newPromise(what, promised, measured string, holds bool) Promise {
	return Promise{What: what, Promised: promised, Measured: measured, Holds: &holds}
}

func promiseMemory(what string, bound, peak int64) Promise {
	return newPromise(what, fmt.Sprintf("below %d MiB", bound>>20), fmt.Sprintf("%.1f MiB", float64(peak)/(1<<20)), peak < bound)
}

func promiseAtLeast(what string, bound, value float64) Promise {
	return newPromise(what, "at least "+formatTimes(bound), formatTimes(value), value >= bound)
}

func promiseAtMost(what string, bound, value float64) Promise {
	return newPromise(what, "at most "+formatTimes(bound), formatTimes(value), value <= bound)
}

func promiseAtMostShare(what string, bound, value float64) Promise {
	return newPromise(what, "at most "+formatPercent(bound), fmt.Sprintf("%.1f%%", 100*value), value <= bound)
}

// markUnmeasured returns the promise without a measurement.
func markUnmeasured(p Promise) Promise {
	return Promise{What: p.What, Promised: p.Promised}
}

func markAllUnmeasured(list []Promise) {
	for i := range list {
		list[i] = markUnmeasured(list[i])
	}
}
