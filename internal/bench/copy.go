package main

import (
	"context"
	"time"

	"github.com/ocmt/ocmt/internal/testenv"
)

// Figures are those of one measurement.
type Figures struct {
	Rows          int     `json:"rows"`
	Seconds       float64 `json:"seconds"`
	RowsPerSecond float64 `json:"rows_per_second"`
	WALBytes      int64   `json:"wal_bytes"`
	Growth        float64 `json:"table_growth"` // of the heap, as a share of its size before
	HeapOnly      float64 `json:"heap_only"`    // share of the updates that touched no index
	// CPU seconds of the server and of the program. Unlike the time on the
	// clock they hardly depend on what else the machine does.
	ServerCPU float64 `json:"server_cpu_seconds"`
	ClientCPU float64 `json:"client_cpu_seconds,omitempty"`
	PeakBytes int64   `json:"peak_memory_bytes,omitempty"`
}

// effort is what a contender did and what it took.
type effort struct {
	rows    int
	elapsed time.Duration
	cpu     time.Duration // of a program of its own
	peak    int64         // bytes, likewise
}

// contender does the work in the database at an address. It has closed its
// connections when it returns.
type contender func(ctx context.Context, url string) (effort, error)

// onCopy measures a contender on a fresh copy of the template.
func (b *bench) onCopy(ctx context.Context, work contender) (Figures, error) {
	root := b.server.URL("postgres", "postgres")
	name := "measured"
	if err := testenv.Exec(ctx, root, "drop database if exists measured", "create database measured template "+b.template+" strategy file_copy"); err != nil {
		return Figures{}, err
	}
	url := b.server.URL("postgres", name)
	// Each begins with a warm cache and right after a checkpoint.
	if err := testenv.Exec(ctx, url, "select count(*), sum(length(access_token_encrypted)) from user_integrations", "checkpoint"); err != nil {
		return Figures{}, err
	}
	before, err := look(ctx, url)
	if err != nil {
		return Figures{}, err
	}
	done, err := work(ctx, url)
	if err != nil {
		return Figures{}, err
	}
	after, err := look(ctx, url)
	if err != nil {
		return Figures{}, err
	}
	f := Figures{Rows: done.rows, Seconds: done.elapsed.Seconds(), RowsPerSecond: float64(done.rows) / done.elapsed.Seconds(),
		WALBytes: after.wal - before.wal, Growth: float64(after.heap)/float64(before.heap) - 1,
		ServerCPU: (after.cpu - before.cpu).Seconds(), ClientCPU: done.cpu.Seconds(), PeakBytes: done.peak}
	if after.updates > 0 {
		f.HeapOnly = float64(after.hot) / float64(after.updates)
	}
	return f, nil
}
