package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"

	"github.com/ocmt/ocmt/internal/sampledata"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/pkg/crypto"
	"github.com/ocmt/ocmt/testdata"
)

// options are what the flags say.
type options struct {
	rows, pairs, sample  int
	program, json, flags string
	live                 bool
}

// serverSettings are those of a small server that is tuned for writing. Vacuum
// is off so that the growth of a table is what the writes made it.
var serverSettings = []string{
	"shared_buffers = 512MB", "max_wal_size = 16GB", "checkpoint_timeout = 1h", "autovacuum = off",
}

// bench is what the measurements share.
type bench struct {
	options
	server   *testenv.Postgres
	ring     *crypto.Keyring // versions 0 and 1, sealing under 0
	keys     [2]crypto.Key
	template string // the name of the database that every measurement begins with
	note     func(format string, args ...any)
}

func (o options) run(ctx context.Context, out io.Writer) error {
	b := &bench{options: o, note: func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }}
	if err := b.makeKeys(); err != nil {
		return err
	}
	b.note("starting PostgreSQL, with fsync on, and filling %d rows", o.rows)
	var err error
	if b.server, err = testenv.StartPostgres(ctx, true, serverSettings...); err != nil {
		return err
	}
	defer b.server.Stop()
	if b.template, err = b.server.CreateDatabase(ctx, testdata.Schema); err != nil {
		return err
	}
	url := b.server.URL("postgres", b.template)
	if err := sampledata.FillIntegrations(ctx, url, b.ring, o.rows); err != nil {
		return err
	}
	if err := testenv.Exec(ctx, url, "vacuum (freeze, analyze)"); err != nil {
		return err
	}
	report := &Report{Rows: o.rows, Pairs: o.pairs}
	if err := b.measure(ctx, report); err != nil {
		return err
	}
	report.finish()
	report.print(out)
	if o.json == "" {
		return nil
	}
	return report.save(o.json)
}

func (b *bench) makeKeys() (err error) {
	for version := range b.keys {
		if b.keys[version], err = crypto.GenerateKey(rand.Reader); err != nil {
			return err
		}
	}
	b.ring, err = crypto.NewKeyring(0, map[int]crypto.Key{0: b.keys[0], 1: b.keys[1]})
	return err
}

// measure takes the contenders in turn, so that a change of the machine's load
// meets both.
func (b *bench) measure(ctx context.Context, report *Report) error {
	for n := range b.pairs {
		b.note("pair %d of %d: one plain UPDATE", n+1, b.pairs)
		plain, err := b.onCopy(ctx, plainUpdate)
		if err != nil {
			return fmt.Errorf("measuring the plain UPDATE: %w", err)
		}
		b.note("pair %d of %d: ocmt migrate run", n+1, b.pairs)
		ocmt, err := b.onCopy(ctx, b.ocmtRun)
		if err != nil {
			return fmt.Errorf("measuring ocmt migrate run: %w", err)
		}
		report.Plain, report.Ocmt = append(report.Plain, plain), append(report.Ocmt, ocmt)
	}
	b.note("row at a time, on a sample of %d rows", b.sample)
	loop, err := b.onCopy(ctx, b.rowAtATime)
	if err != nil {
		return fmt.Errorf("measuring the loop: %w", err)
	}
	report.Loop = loop
	if report.Verify, err = b.measureVerify(ctx); err != nil {
		return fmt.Errorf("measuring ocmt migrate verify: %w", err)
	}
	if !b.live {
		return nil
	}
	report.Live = &Live{}
	*report.Live, err = b.measureLive(ctx, typical(report.Ocmt).RowsPerSecond)
	return err
}
