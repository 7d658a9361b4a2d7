package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

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
	if err := b.waitForBackends(ctx); err != nil {
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

// waitForBackends returns when the connections of the work have ended on the
// server's side too: only then is their CPU time known.
func (b *bench) waitForBackends(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, b.server.URL("postgres", "postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for left := 1; left > 0; {
		if err := conn.QueryRow(ctx, "select count(*) from pg_stat_activity where datname = 'measured'").Scan(&left); err != nil {
			return err
		}
	}
	return nil
}

// sight is what the server says of itself and of the table.
type sight struct {
	wal, heap, updates, hot int64
	cpu                     time.Duration
}

func look(ctx context.Context, url string) (s sight, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return s, err
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, "select pg_stat_clear_snapshot(), pg_stat_force_next_flush()"); err != nil {
		return s, err
	}
	var folder string
	err = conn.QueryRow(ctx, `select pg_current_wal_insert_lsn() - '0/0', pg_relation_size('user_integrations'),
		coalesce(sum(n_tup_upd), 0)::bigint, coalesce(sum(n_tup_hot_upd), 0)::bigint, current_setting('data_directory')
		from pg_stat_user_tables where relname = 'user_integrations'`).Scan(&s.wal, &s.heap, &s.updates, &s.hot, &folder)
	if err != nil {
		return s, err
	}
	s.cpu, err = cpuOfEndedBackends(folder)
	return s, err
}
