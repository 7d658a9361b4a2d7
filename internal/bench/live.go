package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ocmt/ocmt/internal/sampledata"
)

// Live contains the latency of writes of live servers: alone, during a run with default
// settings, and during a run that is limited to a quarter of its full speed.
type Live struct {
	Servers   int         `json:"servers"`
	EveryMs   int64       `json:"write_every_ms"` // of each server
	Alone     LiveFigures `json:"alone"`
	Run       LiveFigures `json:"beside_a_run"`
	Throttled LiveFigures `json:"beside_a_run_at_a_quarter"`
	// RunP99 and QuarterP99 are ratios to the p99 of the servers alone.
	RunP99     float64 `json:"p99_ratio_beside_to_alone"`
	QuarterP99 float64 `json:"p99_ratio_quarter_to_alone"`
}

// LiveFigures is the latency of live servers during other work, and the speed of that work.
type LiveFigures struct {
	Latency
	Seconds       float64 `json:"seconds"`
	RowsPerSecond float64 `json:"run_rows_per_second,omitempty"`
}

// Latency is the latency of single writes.
type Latency struct {
	Writes int     `json:"writes"`
	P50    float64 `json:"p50_ms"`
	P99    float64 `json:"p99_ms"`
}

const (
	liveServers = 4
	liveEvery   = 5 * time.Millisecond
	liveAlone   = 30 * time.Second // about as long as a run, so that disturbances of the machine affect both
)

// measureLive measures each case on its own copy of the database. Full is the speed of a run
// without a limit, in rows per second.
func (b *bench) measureLive(ctx context.Context, db database, full float64) (Live, error) {
	live := Live{Servers: liveServers, EveryMs: liveEvery.Milliseconds()}
	quarter := strconv.Itoa(max(1, int(full/4)))
	for _, one := range []struct {
		name string
		into *LiveFigures
		work contender
	}{
		{"alone", &live.Alone, waitFor(liveAlone)},
		{"beside a run", &live.Run, b.migrateRun},
		{"beside a run at a quarter", &live.Throttled, b.migrateRunWith("--max-rows-per-second", quarter)},
	} {
		b.note("live servers, %s", one.name)
		f, err := b.measureOnCopy(ctx, db, b.runBesideServers(&one.into.Latency, one.work))
		if err != nil {
			return live, fmt.Errorf("measuring live servers %s: %w", one.name, err)
		}
		one.into.Seconds, one.into.RowsPerSecond = f.Seconds, f.RowsPerSecond
	}
	live.computeRatios()
	return live, nil
}

func (l *Live) computeRatios() {
	l.RunP99, l.QuarterP99 = ratio(l.Run.P99, l.Alone.P99), ratio(l.Throttled.P99, l.Alone.P99)
}

// waitFor returns a contender that only waits.
func waitFor(length time.Duration) contender {
	return func(ctx context.Context, _ database) (cost, error) {
		select {
		case <-time.After(length):
			return cost{elapsed: length}, nil
		case <-ctx.Done():
			return cost{}, ctx.Err()
		}
	}
}

// runBesideServers returns a contender that does the work while servers write under the new
// version.
func (b *bench) runBesideServers(into *Latency, work contender) contender {
	return func(ctx context.Context, db database) (cost, error) {
		ring, err := b.ring.WithCurrent(1)
		if err != nil {
			return cost{}, err
		}
		servers, err := sampledata.StartServers(ctx, db.url, ring, liveServers, liveEvery)
		if err != nil {
			return cost{}, err
		}
		done, failed := work(ctx, db)
		if err := servers.Stop(); err != nil {
			return cost{}, err
		}
		*into = latencyOf(servers.Latencies())
		return done, failed
	}
}

func latencyOf(all []time.Duration) Latency {
	if len(all) == 0 {
		return Latency{}
	}
	slices.Sort(all)
	at := func(share float64) float64 { return float64(all[int(share*float64(len(all)-1))].Microseconds()) / 1000 }
	return Latency{Writes: len(all), P50: at(0.50), P99: at(0.99)}
}
