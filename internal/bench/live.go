package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ocmt/ocmt/internal/sampledata"
)

// Live is how long the writes of live servers take, in milliseconds: alone,
// beside a run at its default settings, and beside one that is held to a quarter
// of its full speed.
type Live struct {
	Alone     Latency `json:"alone"`
	Beside    Latency `json:"beside_a_run"`
	Throttled Latency `json:"beside_a_run_at_a_quarter"`
}

// Latency is of single writes.
type Latency struct {
	Writes int     `json:"writes"`
	P50    float64 `json:"p50_ms"`
	P99    float64 `json:"p99_ms"`
}

const (
	liveServers = 4
	liveEvery   = 5 * time.Millisecond
	liveAlone   = 5 * time.Second
)

// measureLive measures them on a copy of the database each. Full is the speed of
// a run that is not held back.
func (b *bench) measureLive(ctx context.Context, full float64) (live Live, err error) {
	quarter := strconv.Itoa(int(full / 4))
	for _, one := range []struct {
		name string
		into *Latency
		work contender
	}{
		{"alone", &live.Alone, wait(liveAlone)},
		{"beside a run", &live.Beside, b.ocmtRun},
		{"beside a run at a quarter", &live.Throttled, b.ocmtRunWith("--max-rows-per-second", quarter)},
	} {
		b.note("live servers, %s", one.name)
		if _, err := b.onCopy(ctx, b.besideServers(one.into, one.work)); err != nil {
			return live, fmt.Errorf("measuring live servers %s: %w", one.name, err)
		}
	}
	return live, nil
}

func wait(length time.Duration) contender {
	return func(ctx context.Context, _ string) (effort, error) {
		select {
		case <-time.After(length):
			return effort{rows: 1, elapsed: length}, nil
		case <-ctx.Done():
			return effort{}, ctx.Err()
		}
	}
}

// besideServers does work while servers write, under the new version.
func (b *bench) besideServers(into *Latency, work contender) contender {
	return func(ctx context.Context, url string) (effort, error) {
		ring, err := b.ring.WithCurrent(1)
		if err != nil {
			return effort{}, err
		}
		servers, err := sampledata.StartServers(ctx, url, ring, liveServers, liveEvery)
		if err != nil {
			return effort{}, err
		}
		done, failed := work(ctx, url)
		if err := servers.Stop(); err != nil {
			return effort{}, err
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
