package main

import (
	"context"
	"fmt"
	"time"

	"github.com/ocmt/ocmt/internal/sampledata"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/testdata"
)

// Figures are the results of one measurement.
type Figures struct {
	Rows          int     `json:"rows"`
	Seconds       float64 `json:"seconds"`
	RowsPerSecond float64 `json:"rows_per_second"`
	WALBytes      int64   `json:"wal_bytes"`
	Growth        float64 `json:"table_growth"` // growth of the heap, as a share of its size before
	HeapOnly      float64 `json:"heap_only"`    // share of the updates that touched no index
	// ServerCPU and ClientCPU are CPU seconds of the server and of the program. Unlike elapsed
	// time they hardly depend on the load of the machine.
	ServerCPU float64 `json:"server_cpu_seconds"`
	ClientCPU float64 `json:"client_cpu_seconds,omitempty"`
	PeakBytes int64   `json:"peak_memory_bytes,omitempty"`
}

// cost is the work that a contender did, and the resources that it needed.
type cost struct {
	rows    int
	elapsed time.Duration
	cpu     time.Duration // of the program, where the contender is one
	peak    int64         // bytes of memory of that program
}

// database is a database that measurements begin with, or a copy of it.
type database struct {
	name  string
	url   string
	redis string // address of the Redis beside it, "" for none
	rows  int
	warm  string // what reads it into the cache
}

// warmIntegrations reads the table that a run moves.
const warmIntegrations = "select count(*), sum(length(access_token_encrypted)) from user_integrations"

// contender does the work in a database. It closes its connections before it returns.
type contender func(ctx context.Context, db database) (cost, error)

// createDatabase makes a database with a number of rows.
func (b *bench) createDatabase(ctx context.Context, rows int) (db database, err error) {
	db.rows, db.warm = rows, warmIntegrations
	if db.name, err = b.server.CreateDatabase(ctx, testdata.Schema); err != nil {
		return db, err
	}
	db.url = b.server.URL("postgres", db.name)
	if err := sampledata.FillIntegrations(ctx, db.url, b.ring, rows); err != nil {
		return db, fmt.Errorf("filling %d rows: %w", rows, err)
	}
	return db, testenv.Exec(ctx, db.url, "vacuum (freeze, analyze)")
}

// makeCopy replaces the copy that was measured before, so that the disk has only one copy.
func (b *bench) makeCopy(ctx context.Context, template database) (database, error) {
	fresh := database{name: "measured", url: b.server.URL("postgres", "measured"), rows: template.rows, warm: template.warm}
	err := testenv.Exec(ctx, b.server.URL("postgres", "postgres"), "drop database if exists measured",
		"create database measured template "+template.name+" strategy file_copy")
	if err != nil {
		return fresh, err
	}
	// Each measurement begins with a warm cache and right after a checkpoint.
	return fresh, testenv.Exec(ctx, fresh.url, fresh.warm, "checkpoint")
}

// measureOnCopy measures a contender on a fresh copy of a database.
func (b *bench) measureOnCopy(ctx context.Context, template database, work contender) (f Figures, err error) {
	db, err := b.makeCopy(ctx, template)
	if err != nil {
		return f, err
	}
	before, err := readCounters(ctx, db.url)
	if err != nil {
		return f, err
	}
	done, err := work(ctx, db)
	if err != nil {
		return f, err
	}
	after, err := readCounters(ctx, db.url)
	if err != nil {
		return f, err
	}
	f = Figures{Rows: done.rows, Seconds: done.elapsed.Seconds(), RowsPerSecond: float64(done.rows) / done.elapsed.Seconds(),
		WALBytes: after.wal - before.wal, Growth: float64(after.heap)/float64(before.heap) - 1,
		ServerCPU: (after.cpu - before.cpu).Seconds(), ClientCPU: done.cpu.Seconds(), PeakBytes: done.peak}
	if updates := after.updates - before.updates; updates > 0 {
		f.HeapOnly = float64(after.hot-before.hot) / float64(updates)
	}
	return f, nil
}
