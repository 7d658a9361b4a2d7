package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
)

// Report is what was measured.
type Report struct {
	Rows  int       `json:"rows"`
	Pairs int       `json:"pairs"`
	Plain []Figures `json:"plain_update"`
	Ocmt  []Figures `json:"ocmt_migrate_run"`
	Loop  Figures   `json:"row_at_a_time"`

	Verify Verification `json:"verify"`
	Live   *Live        `json:"live_servers,omitempty"`

	// Ratios of rows per second. That to the plain UPDATE is the median over
	// the pairs.
	ToPlain float64 `json:"ratio_to_plain_update"`
	ToLoop  float64 `json:"ratio_to_row_at_a_time"`
	WAL     float64 `json:"wal_share_of_plain_update"`
}

func (r *Report) finish() {
	var ratios, shares []float64
	for i := range r.Ocmt {
		ratios = append(ratios, r.Ocmt[i].RowsPerSecond/r.Plain[i].RowsPerSecond)
		shares = append(shares, float64(r.Ocmt[i].WALBytes)/float64(r.Plain[i].WALBytes))
	}
	r.ToPlain, r.WAL = median(ratios), median(shares)
	r.ToLoop = typical(r.Ocmt).RowsPerSecond / r.Loop.RowsPerSecond
}

func median(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}

// typical is the measurement with the median time.
func typical(list []Figures) Figures {
	sorted := slices.SortedFunc(slices.Values(list), func(a, b Figures) int {
		if a.Seconds < b.Seconds {
			return -1
		}
		return 1
	})
	return sorted[len(sorted)/2]
}

func (r *Report) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "\trows/s\tWAL MB\tgrowth\theap-only\tserver CPU s\tclient CPU s\tpeak MiB\t")
	line := func(name string, f Figures, scale float64) {
		peak := "-"
		if f.PeakBytes > 0 {
			peak = fmt.Sprintf("%.0f", float64(f.PeakBytes)/(1<<20))
		}
		_, _ = fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.0f%%\t%.0f%%\t%.1f\t%.1f\t%s\t\n", name, f.RowsPerSecond,
			float64(f.WALBytes)*scale/1e6, 100*f.Growth*scale, 100*f.HeapOnly, f.ServerCPU*scale, f.ClientCPU*scale, peak)
	}
	line("one plain UPDATE", typical(r.Plain), 1)
	line("row at a time (scaled)", r.Loop, float64(r.Rows)/float64(r.Loop.Rows))
	line("ocmt migrate run", typical(r.Ocmt), 1)
	_ = w.Flush()
	_, _ = fmt.Fprintf(out, "\n%d rows, median of %d pairs: %.2f times the plain UPDATE, %.0f times row at a time, %.0f%% of the plain UPDATE's WAL\n",
		r.Rows, r.Pairs, r.ToPlain, r.ToLoop, 100*r.WAL)
	_, _ = fmt.Fprintf(out, "ocmt migrate verify: %.1f s, %.2f times a binary COPY of the same columns (%.1f s)\n",
		median(r.Verify.Verify), r.Verify.Ratio, median(r.Verify.Copy))
	if r.Live == nil {
		return
	}
	for _, one := range []struct {
		name string
		of   Latency
	}{{"alone", r.Live.Alone}, {"beside a run", r.Live.Beside}, {"beside a run at a quarter of its speed", r.Live.Throttled}} {
		_, _ = fmt.Fprintf(out, "a live write %s: p50 %.2f ms, p99 %.2f ms (%d writes)\n", one.name, one.of.P50, one.of.P99, one.of.Writes)
	}
}

func (r *Report) save(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
