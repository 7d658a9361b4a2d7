package main

import (
	"fmt"
)

// section is a part of the report: a title, a table, and notes. The terminal and the page show
// the same sections.
type section struct {
	title string
	head  []string
	rows  [][]string
	notes []string
}

func (r *Report) sections() []section {
	list := []section{r.contenderSection()}
	if len(r.Scales) > 0 {
		list = append(list, r.scaleSection())
	}
	if r.Live != nil {
		list = append(list, r.Live.section())
	}
	list = append(list, r.Verify.section())
	if r.Search != nil {
		list = append(list, r.Search.section())
	}
	if r.Sessions != nil {
		list = append(list, r.Sessions.section())
	}
	if r.Audit != nil {
		list = append(list, r.Audit.postureSection(), r.Audit.timelineSection())
	}
	if r.Repository != nil {
		list = append(list, r.Repository.section())
	}
	return append(list, r.promiseSection())
}

func (r *Report) contenderSection() section {
	s := section{
		title: fmt.Sprintf("%s, median of %s", countNoun(r.Rows, "row"), countNoun(r.Pairs, "round")),
		head:  []string{"", "rows/s", "WAL MB", "growth", "heap-only", "server CPU s", "client CPU s", "peak MiB"},
		rows: [][]string{
			contenderRow("one plain UPDATE", typical(r.Plain), 1),
			contenderRow("row at a time", typical(r.Loop), ratio(float64(r.Rows), float64(r.Sample))),
			contenderRow("ocmt migrate run", typical(r.Ocmt), 1),
		},
	}
	s.notes = []string{
		fmt.Sprintf("ocmt migrate run: %s the plain UPDATE, %s row at a time, with %s of the plain UPDATE's WAL.",
			formatTimes(r.ToPlain), formatTimes(r.ToLoop), formatPercent(r.WAL)),
		fmt.Sprintf("Row at a time is what a Node script with node-postgres does: each UPDATE is an unnamed statement, "+
			"parsed and planned anew. It moved %s rows; its growth and CPU are scaled to all of them.", groupDigits(r.Sample)),
	}
	return s
}

// contenderRow returns the row of a contender in the table. Scale is the number of all rows
// divided by the number of moved rows. The WAL of a sample is left out and not scaled, because
// most of it is whole pages, each of which is logged when it is first changed and serves later
// rows too.
func contenderRow(name string, f Figures, scale float64) []string {
	client := "-"
	if f.ClientCPU > 0 {
		client = fmt.Sprintf("%.1f", f.ClientCPU*scale)
	}
	wal := "-"
	if scale == 1 {
		wal = formatMegabytes(f.WALBytes)
	}
	return []string{name, groupDigits(int(f.RowsPerSecond)), wal, formatPercent(f.Growth * scale),
		formatPercent(f.HeapOnly), fmt.Sprintf("%.1f", f.ServerCPU*scale), client, formatMemory(f.PeakBytes)}
}

func formatMegabytes(bytes int64) string { return groupDigits(int(bytes / 1e6)) }

func formatMemory(bytes int64) string {
	if bytes == 0 {
		return "-"
	}
	return formatMebibytes(bytes)
}

func (r *Report) scaleSection() section {
	s := section{
		title: "ocmt migrate run on other sizes, median of " + countNoun(r.Repeats, "run"),
		head:  []string{"rows", "rows/s", "WAL MB", "growth", "heap-only", "most peak MiB"},
	}
	for _, scale := range r.Scales {
		f := typical(scale.Runs)
		s.rows = append(s.rows, []string{groupDigits(scale.Rows), groupDigits(int(f.RowsPerSecond)), formatMegabytes(f.WALBytes),
			formatPercent(f.Growth), formatPercent(f.HeapOnly), formatMemory(largestPeak(scale.Runs))})
	}
	if r.scaled() {
		s.notes = []string{fmt.Sprintf("From %s to %s rows: %s rows/s.",
			groupDigits(r.smallest().Rows), groupDigits(r.largest().Rows), formatChange(r.ScaleChange))}
	}
	return s
}

func (l *Live) section() section {
	line := func(name string, b LiveFigures, against string) []string {
		rate := "-"
		if b.RowsPerSecond > 0 {
			rate = groupDigits(int(b.RowsPerSecond))
		}
		return []string{name, groupDigits(b.Writes), fmt.Sprintf("%.2f", b.P50), fmt.Sprintf("%.2f", b.P99), against, rate, fmt.Sprintf("%.1f", b.Seconds)}
	}
	return section{
		title: fmt.Sprintf("Writes of %d live servers, each with one every %d ms", l.Servers, l.EveryMs),
		head:  []string{"", "writes", "p50 ms", "p99 ms", "p99 against alone", "the run's rows/s", "seconds"},
		rows: [][]string{
			line("alone", l.Alone, "-"),
			line("beside a run", l.Run, formatTimes(l.RunP99)),
			line("beside a run at a quarter of its speed", l.Throttled, formatTimes(l.QuarterP99)),
		},
	}
}

func (v Verification) section() section {
	return section{
		title: "Opening every value, median of " + countNoun(len(v.Verify), "pair"),
		head:  []string{"", "seconds"},
		rows: [][]string{
			{"binary COPY of the same columns", fmt.Sprintf("%.2f", median(v.Copy))},
			{"ocmt migrate verify", fmt.Sprintf("%.2f", median(v.Verify))},
		},
		notes: []string{"ocmt migrate verify: " + formatTimes(v.Ratio) + " the COPY."},
	}
}

func (r *Report) promiseSection() section {
	s := section{title: "What is promised", head: []string{"", "promised", "measured", "holds"}}
	var held, measured int
	for _, p := range r.Promises {
		found, holds := "not measured", "-"
		if p.Holds != nil {
			measured++
			found, holds = p.Measured, "NO"
		}
		if p.Holds != nil && *p.Holds {
			held++
			holds = "yes"
		}
		s.rows = append(s.rows, []string{p.What, p.Promised, found, holds})
	}
	s.notes = []string{fmt.Sprintf("%d of the %d that were measured hold.", held, measured)}
	return s
}
