package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sampleReport returns a report as a whole run makes it, with invented figures.
func sampleReport() *Report {
	figures := func(rows int, seconds float64, wal, peak int64) Figures {
		return Figures{Rows: rows, Seconds: seconds, RowsPerSecond: float64(rows) / seconds, WALBytes: wal,
			Growth: 0.12, HeapOnly: 0.9, ServerCPU: 4, ClientCPU: 2, PeakBytes: peak}
	}
	r := &Report{
		Machine: Machine{Date: time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC), Go: "1.99", PostgreSQL: "55.5", Cores: 77, Kernel: "9.9.9"},
		Rows:    8000, Pairs: 3, Repeats: 1, Sample: 80,
		Plain: []Figures{figures(8000, 8, 1000e6, 0), figures(8000, 4, 1000e6, 0), figures(8000, 4, 1000e6, 0)},
		Ocmt:  []Figures{figures(8000, 5, 800e6, 41<<20), figures(8000, 2, 800e6, 40<<20), figures(8000, 1, 800e6, 42<<20)},
		Loop:  []Figures{figures(80, 1, 7e6, 0), figures(80, 1, 7e6, 0), figures(80, 1, 7e6, 0)},
		Scales: []Scale{
			{Rows: 1000, Runs: []Figures{figures(1000, 1, 100e6, 30<<20)}},
			{Rows: 12000, Runs: []Figures{figures(12000, 10, 900e6, 65<<20)}},
		},
		Verify: Verification{Copy: []float64{1, 1, 1}, Verify: []float64{1.25, 1.5, 1}, Ratio: 1.25},
		Search: &Search{Bytes: 5e9, Copy: []float64{10, 10, 10}, Search: []float64{21, 21, 21}, Ratio: 2.1, PeakBytes: 20 << 20},
		Sessions: &Sessions{Rows: 50, Users: 10, Plain: []float64{10, 10, 10}, Ocmt: []float64{8, 8, 8}, Ratio: 0.8, Longest: Longest{Ms: 600}, Alone: Latency{P99: 1}, Beside: Latency{P99: 3},
			Vaults: 7, Keys: 70, CLI: []float64{4, 4, 4}, OcmtVaults: []float64{2, 2, 2}, VaultRatio: 0.5, RedisBeside: Latency{P99: 6}, PeakBytes: 30 << 20},
		Audit: &Audit{Values: 60, Entries: 90, Copy: []float64{10, 10, 10}, Posture: Runs{[]float64{37, 40, 36}, 200 << 20}, PostureShare: 37.0 / 36, Checks: CheckCounts{82, 33, 6, 2, 41},
			IVs: Runs{[]float64{14, 15, 16}, 128 << 20}, IVRatio: 1.5, EntriesCopy: []float64{8, 8, 8}, Export: Runs{[]float64{16, 16, 16}, 30 << 20}, ExportSpeed: 0.5,
			Page: Runs{[]float64{1, 1}, 20 << 20}, Suspicious: Runs{[]float64{2}, 256 << 20}, First: Latency{P50: 1, P99: 19.5}, Middle: Latency{P50: 2, P99: 20}},
		Repository: &Repository{Objects: 5000, Bytes: 2e9, Search: Runs{[]float64{4, 5, 6}, 128 << 20}},
		Live: &Live{Servers: 4, EveryMs: 5,
			Alone:     LiveFigures{Latency: Latency{Writes: 2000, P50: 1, P99: 2}, Seconds: 10},
			Run:       LiveFigures{Latency: Latency{Writes: 1500, P50: 2, P99: 9}, Seconds: 3, RowsPerSecond: 2666},
			Throttled: LiveFigures{Latency: Latency{Writes: 1800, P50: 1, P99: 2.5}, Seconds: 8, RowsPerSecond: 1000}},
	}
	r.Live.computeRatios()
	r.computeResults()
	return r
}

// If this fails, a ratio compares different moments of a shared machine, and so shows its load
// and not the speed of the program.
func TestRatiosAreOfOneRound(t *testing.T) {
	t.Parallel()
	r := sampleReport()
	for name, one := range map[string]struct{ found, want float64 }{
		"to the plain UPDATE": {r.ToPlain, 2},  // of 1.6, 2 and 4
		"to row at a time":    {r.ToLoop, 50},  // of 20, 50 and 100
		"WAL":                 {r.WAL, 0.8},    // in each
		"growth":              {r.Growth, .12}, // in each
		"live, beside":        {r.Live.RunP99, 4.5},
		"live, quarter":       {r.Live.QuarterP99, 1.25},
	} {
		if diff := one.found - one.want; diff > 1e-9 || diff < -1e-9 {
			t.Errorf("%s: %v, want %v", name, one.found, one.want)
		}
	}
	if change := r.ScaleChange; change < 0.199 || change > 0.201 {
		t.Errorf("from 1,000 rows/s to 1,200 is a change of %v", change)
	}
}

// If this fails, the report has a smaller peak than the largest table needs.
func TestPeakIsTheMostAtAnySize(t *testing.T) {
	t.Parallel()
	if peak := sampleReport().PeakBytes; peak != 65<<20 {
		t.Errorf("the peak is %d bytes", peak)
	}
}

// If this fails, the terminal does not show what was measured, on which machine, and that the
// loop is not the fastest possible one.
func TestTextHasTheFigures(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	sampleReport().print(&out)
	for _, want := range []string{
		"2031-05-06, 77 cores for server and client together, PostgreSQL 55.5, Go 1.99, Linux 9.9.9",
		"8,000 rows, median of 3 rounds", "2.00 times the plain UPDATE", "50 times row at a time", "80% of the plain UPDATE's WAL",
		"node-postgres", "unnamed statement", "moved 80 rows",
		"From 1,000 to 12,000 rows: +20.0% rows/s",
		"4 live servers, each with one every 5 ms", "9.00", "4.50 times", "2,666",
		"1.25 times the COPY", "median of 1 run\n", "50 sessions of 10 users", "0.80 times the plain UPDATE", "0.50 times redis-cli", "16 of the 28",
		"Auditing 60 values beside 90 audit entries", "103% of what is promised", "1.50 times the COPY. Of 82 checks, 33 passed", "0.50 times the speed of COPY", "p99 19.50 ms", "p99 20.00 ms", "a git repository of 5,000 objects and 2,000 MB",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, out.String())
		}
	}
}

// If this fails, a run without live servers or other sizes panics after minutes of measuring.
func TestTextWithoutWhatWasNotMeasured(t *testing.T) {
	t.Parallel()
	r := sampleReport()
	r.Live, r.Scales, r.Audit, r.Repository = nil, nil, nil, nil
	r.computeResults()
	var out bytes.Buffer
	r.print(&out)
	if found := strings.Count(out.String(), "not measured"); found != 13 {
		t.Errorf("%d figures are said not to be measured, want 13:\n%s", found, out.String())
	}
	if _, err := r.svg(); err != nil {
		t.Error(err)
	}
}

// If this fails, the results do not name their machine and cannot be compared with others.
func TestResultsNameTheMachine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "results.json")
	if err := sampleReport().save(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var found struct{ Machine map[string]any }
	if err := json.Unmarshal(text, &found); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"date": "2031-05-06T07:08:09Z", "go": "1.99", "postgresql": "55.5", "cores": 77.0, "kernel": "9.9.9"} {
		if found.Machine[name] != want {
			t.Errorf("%s is %v, want %v", name, found.Machine[name], want)
		}
	}
}

// If this fails, a script that compares two results finds the figures of an audit under other names.
func TestResultsHaveTheAudit(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(sampleReport())
	if err != nil {
		t.Fatal(err)
	}
	var found struct {
		Audit struct {
			Values, Entries int
			Posture         Runs    `json:"ocmt_audit"`
			Share           float64 `json:"share_of_promised_time"`
			Speed           float64 `json:"export_speed_to_copy"`
			Middle          Latency `json:"page_in_the_middle"`
		}
	}
	if err := json.Unmarshal(text, &found); err != nil {
		t.Fatal(err)
	}
	a := found.Audit
	if a.Values != 60 || a.Entries != 90 || len(a.Posture.Seconds) != 3 || a.Posture.PeakBytes != 200<<20 || a.Share <= 1 || a.Speed != 0.5 || a.Middle.P99 != 20 {
		t.Errorf("the audit is read as %+v", a)
	}
}
