package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/testdata"
)

// Search compares the time of looking through every value of a database with the time that
// PostgreSQL takes to send the same columns, in seconds.
type Search struct {
	Bytes     int64     `json:"bytes"`
	Copy      []float64 `json:"binary_copy_seconds"`
	Search    []float64 `json:"ocmt_search_seconds"`
	Ratio     float64   `json:"ratio_to_binary_copy"` // median of the pairs
	PeakBytes int64     `json:"peak_memory_bytes"`
}

// searchTables are half of small values and half of large ones: text, jsonb and bytea. The
// digits of checksums hardly compress.
const searchTables = `create unlogged table seed as select n, string_agg(md5(n::text || k), '') filter (where k <= 19) small, string_agg(md5(n::text || k), '') large
		from generate_series(1, 2000) n, generate_series(1, 940) k group by n;
	create unlogged table events (id bigserial primary key, body text, details jsonb, raw bytea);
	create unlogged table documents (id bigserial primary key, body text, details jsonb, raw bytea)`

// searchShare fills the tables with about 1 GB.
const searchShare = `insert into events (body, details, raw) select small, jsonb_build_object('name', left(small, 60),
		'list', jsonb_build_array(n, 'a:b:c', left(small, 200)), 'more', jsonb_build_object('x', right(small, 200))), decode(small, 'hex') from seed, generate_series(1, 160);
	insert into documents (body, details, raw) select large, jsonb_build_object('name', left(small, 60), 'text', left(large, 20000)), decode(large, 'hex') from seed, generate_series(1, 4)`

// measureSearch fills a database of so many gigabytes and looks through it.
func (b *bench) measureSearch(ctx context.Context) (s Search, err error) {
	b.note("filling a database of %d GB to search", b.searched)
	name, err := b.server.CreateDatabase(ctx, testdata.Schema, searchTables)
	if err != nil {
		return s, err
	}
	url := b.server.URL("postgres", name)
	for range b.searched {
		if err := testenv.Exec(ctx, url, searchShare); err != nil {
			return s, err
		}
	}
	if err := testenv.Exec(ctx, url, "drop table seed", "vacuum analyze"); err != nil {
		return s, err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return s, err
	}
	defer func() { _ = conn.Close(ctx) }()
	if err := conn.QueryRow(ctx, "select pg_table_size('events') + pg_table_size('documents')").Scan(&s.Bytes); err != nil {
		return s, err
	}
	var ratios []float64
	for n := range b.pairs {
		b.note("pair %d of %d: binary COPY, and ocmt migrate columns --discover --full", n+1, b.pairs)
		began := time.Now()
		for _, table := range []string{"events", "documents"} {
			if _, err := conn.PgConn().CopyTo(ctx, io.Discard, "copy (select body, details, raw from "+table+") to stdout (format binary)"); err != nil {
				return s, err
			}
		}
		bare := time.Since(began)
		done, err := b.runProgram(ctx, database{url: url}, 1, "migrate", "columns", "--discover", "--full", "--quiet")
		if err != nil {
			return s, err
		}
		s.Copy, s.Search = append(s.Copy, bare.Seconds()), append(s.Search, done.elapsed.Seconds())
		s.PeakBytes = max(s.PeakBytes, done.peak)
		ratios = append(ratios, ratio(done.elapsed.Seconds(), bare.Seconds()))
	}
	s.Ratio = median(ratios)
	return s, nil
}

func (s Search) section() section {
	return section{
		title: fmt.Sprintf("Looking through %.1f GB of text, jsonb and bytea, median of %s", float64(s.Bytes)/1e9, countNoun(len(s.Search), "pair")),
		head:  []string{"", "seconds"},
		rows: [][]string{
			{"binary COPY of the same columns", fmt.Sprintf("%.2f", median(s.Copy))},
			{"ocmt migrate columns --discover --full", fmt.Sprintf("%.2f", median(s.Search))},
		},
		notes: []string{fmt.Sprintf("ocmt: %s the COPY, with at most %.1f MiB.", formatTimes(s.Ratio), float64(s.PeakBytes)/(1<<20))},
	}
}
