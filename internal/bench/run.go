package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// options are the values of the flags.
type options struct {
	rows, pairs, sample int
	scales              scales
	repeats             int
	searched            int // gigabytes
	sessions            int
	audited, entries    int // values, and entries of the audit tables
	objects             int // of a git repository
	program, flags      string
	json, plot, page    string
	live                bool
}

func (o options) validate() error {
	switch {
	case o.rows < 1 || o.sample < 1 || o.pairs < 1 || o.repeats < 1:
		return errors.New("-rows, -sample, -pairs and -repeats are at least 1")
	case o.sample > o.rows:
		return fmt.Errorf("-sample %d is more than -rows %d", o.sample, o.rows)
	case o.audited > 0 && o.entries < leastEntries:
		return fmt.Errorf("-entries is at least %d, or a timeline has no middle", leastEntries)
	}
	return nil
}

// serverSettings are the settings of a small server that is tuned for writing. Vacuum is off,
// so that writes alone make a table grow.
var serverSettings = []string{
	"shared_buffers = 512MB", "max_wal_size = 16GB", "checkpoint_timeout = 1h", "autovacuum = off",
}

// bench is what all measurements share.
type bench struct {
	options
	server *testenv.Postgres
	ring   *crypto.Keyring // versions 0 and 1, sealing under 0
	keys   [2]crypto.Key
	note   func(format string, args ...any)
}

func (o options) run(ctx context.Context, out io.Writer) error {
	if err := o.validate(); err != nil {
		return err
	}
	began := time.Now()
	b := &bench{options: o, note: func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "%3.0f s: %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}}
	if err := b.makeKeys(); err != nil {
		return err
	}
	b.note("starting PostgreSQL, with fsync on")
	var err error
	if b.server, err = testenv.StartPostgres(ctx, true, serverSettings...); err != nil {
		return err
	}
	defer b.server.Stop()
	report := &Report{Rows: o.rows, Pairs: o.pairs, Repeats: o.repeats, Sample: o.sample}
	if report.Machine, err = b.machine(ctx, began); err != nil {
		return err
	}
	if err := b.measure(ctx, report); err != nil {
		return err
	}
	report.computeResults()
	report.print(out)
	return o.publish(report)
}

// publish writes the report to the files that the flags name.
func (o options) publish(r *Report) error {
	for _, one := range []struct {
		path  string
		write func(*Report, string) error
	}{{o.json, (*Report).save}, {o.plot, (*Report).draw}, {o.page, (*Report).fillPage}} {
		if one.path == "" {
			continue
		}
		if err := one.write(r, one.path); err != nil {
			return fmt.Errorf("writing the figures: %w", err)
		}
	}
	return nil
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

func (b *bench) measure(ctx context.Context, report *Report) error {
	b.note("filling a database of %d rows", b.rows)
	db, err := b.createDatabase(ctx, b.rows)
	if err != nil {
		return err
	}
	if err := b.measureContenders(ctx, db, report); err != nil {
		return err
	}
	if report.Verify, err = b.measureVerify(ctx, db); err != nil {
		return fmt.Errorf("measuring ocmt migrate verify: %w", err)
	}
	if b.live {
		live, err := b.measureLive(ctx, db, typical(report.Ocmt).RowsPerSecond)
		if err != nil {
			return err
		}
		report.Live = &live
	}
	if report.Scales, err = b.measureScales(ctx); err != nil {
		return err
	}
	if b.searched > 0 {
		found, err := b.measureSearch(ctx)
		if err != nil {
			return fmt.Errorf("measuring a search: %w", err)
		}
		report.Search = &found
	}
	if b.sessions > 0 {
		ended, err := b.measureSessions(ctx)
		if err != nil {
			return fmt.Errorf("measuring the end of sessions: %w", err)
		}
		report.Sessions = &ended
	}
	if b.audited > 0 {
		audited, err := b.measureAudit(ctx)
		if err != nil {
			return fmt.Errorf("measuring an audit: %w", err)
		}
		report.Audit = &audited
	}
	if b.objects > 0 {
		searched, err := b.measureRepository(ctx)
		if err != nil {
			return fmt.Errorf("measuring an audit of git: %w", err)
		}
		report.Repository = &searched
	}
	return nil
}

// measureContenders measures the contenders in turn, so that a change of the machine's load
// affects all of them.
func (b *bench) measureContenders(ctx context.Context, db database, report *Report) error {
	for n := range b.pairs {
		for _, one := range []struct {
			name string
			into *[]Figures
			work contender
		}{
			{"one plain UPDATE", &report.Plain, runPlainUpdate},
			{"ocmt migrate run", &report.Ocmt, b.migrateRun},
			{"row at a time", &report.Loop, b.runRowAtATime},
		} {
			b.note("round %d of %d: %s", n+1, b.pairs, one.name)
			f, err := b.measureOnCopy(ctx, db, one.work)
			if err != nil {
				return fmt.Errorf("measuring %s: %w", one.name, err)
			}
			*one.into = append(*one.into, f)
		}
	}
	return nil
}
