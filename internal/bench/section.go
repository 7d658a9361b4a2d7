package main

import (
	"fmt"
)

// section is a part of the report: a title, a table, and notes. It is the same on a terminal
// and on a page.
type section struct {
	title string
	head  []string
	rows  [][]string
	notes []string
}

func (r *Report) sections() []section {
	list := []section{r.contenders()}
	if len(r.Scales) > 0 {
		list = append(list, r.scales())
	}
	if r.Live != nil {
		list = append(list, r.Live.section())
	}
	return append(list, r.Verify.section(), r.promised())
}

func (r *Report) contenders() section {
	s := section{
		title: fmt.Sprintf("%s, median of %s", counted(r.Rows, "row"), counted(r.Pairs, "round")),
		head:  []string{"", "rows/s", "WAL MB", "growth", "heap-only", "server CPU s", "client CPU s", "peak MiB"},
		rows: [][]string{
			contenderLine("one plain UPDATE", typical(r.Plain), 1),
			contenderLine("row at a time", typical(r.Loop), ratio(float64(r.Rows), float64(r.Sample))),
			contenderLine("ocmt migrate run", typical(r.Ocmt), 1),
		},
	}
	s.notes = []string{
		fmt.Sprintf("ocmt migrate run: %s the plain UPDATE, %s row at a time, with %s of the plain UPDATE's WAL.",
			times(r.ToPlain), times(r.ToLoop), percent(r.WAL)),
		fmt.Sprintf("Row at a time is what a Node script with node-postgres does: each UPDATE is an unnamed statement, "+
			"parsed and planned anew. It moved %s rows; its growth and CPU are scaled to all of them.", grouped(r.Sample)),
	}
	return s
}

// contenderLine returns the line of a contender. Scale is how many times more rows there are
// than were moved. The WAL of a sample is left out and not scaled: most of it is whole pages,
// each of which is logged when it is first touched and then shared by later rows.
func contenderLine(name string, f Figures, scale float64) []string {
	client := "-"
	if f.ClientCPU > 0 {
		client = fmt.Sprintf("%.1f", f.ClientCPU*scale)
	}
	wal := "-"
	if scale == 1 {
		wal = megabytes(f.WALBytes)
	}
	return []string{name, grouped(int(f.RowsPerSecond)), wal, percent(f.Growth * scale),
		percent(f.HeapOnly), fmt.Sprintf("%.1f", f.ServerCPU*scale), client, memory(f.PeakBytes)}
}

func megabytes(bytes int64) string { return grouped(int(bytes / 1e6)) }

func memory(bytes int64) string {
	if bytes == 0 {
		return "-"
	}
	return mebibytes(bytes)
}

func (r *Report) scales() section {
	s := section{
		title: "ocmt migrate run on other sizes, median of " + counted(r.Repeats, "run"),
		head:  []string{"rows", "rows/s", "WAL MB", "growth", "heap-only", "most peak MiB"},
	}
	for _, scale := range r.Scales {
		f := typical(scale.Runs)
		s.rows = append(s.rows, []string{grouped(scale.Rows), grouped(int(f.RowsPerSecond)), megabytes(f.WALBytes),
			percent(f.Growth), percent(f.HeapOnly), memory(peakOver(scale.Runs))})
	}
	if r.scaled() {
		s.notes = []string{fmt.Sprintf("From %s to %s rows: %s rows/s.",
			grouped(r.smallest().Rows), grouped(r.largest().Rows), change(r.ScaleChange))}
	}
	return s
}

func (l *Live) section() section {
	line := func(name string, b Beside, against string) []string {
		rate := "-"
		if b.RowsPerSecond > 0 {
			rate = grouped(int(b.RowsPerSecond))
		}
		return []string{name, grouped(b.Writes), fmt.Sprintf("%.2f", b.P50), fmt.Sprintf("%.2f", b.P99), against, rate, fmt.Sprintf("%.1f", b.Seconds)}
	}
	return section{
		title: fmt.Sprintf("Writes of %d live servers, each with one every %d ms", l.Servers, l.EveryMs),
		head:  []string{"", "writes", "p50 ms", "p99 ms", "p99 against alone", "the run's rows/s", "seconds"},
		rows: [][]string{
			line("alone", l.Alone, "-"),
			line("beside a run", l.Run, times(l.RunP99)),
			line("beside a run at a quarter of its speed", l.Throttled, times(l.QuartP99)),
		},
	}
}

func (v Verification) section() section {
	return section{
		title: "Opening every value, median of " + counted(len(v.Verify), "pair"),
		head:  []string{"", "seconds"},
		rows: [][]string{
			{"binary COPY of the same columns", fmt.Sprintf("%.2f", median(v.Copy))},
			{"ocmt migrate verify", fmt.Sprintf("%.2f", median(v.Verify))},
		},
		notes: []string{"ocmt migrate verify: " + times(v.Ratio) + " the COPY."},
	}
}

func (r *Report) promised() section {
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
