package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/audit/review"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/postgres/pgaudit"
)

// The pages that are read, and the lines of each, which are those of ocmt audit log.
const (
	pageCount = 1000
	pageLines = 100
)

// entryColumns are the columns that an export writes.
var entryColumns = []string{
	`audit_log (id, "timestamp", user_id, action, details, ip_address, target_user_id, tenant_id)`,
	`mesh_audit_logs (id, "timestamp", event_type, actor_id, target_id, group_id, details, ip_address, success, error_message, source)`,
}

// measureTimeline measures pages, and compares an export with a COPY.
func (b *bench) measureTimeline(ctx context.Context, db database, conn *pgx.Conn, a *Audit) error {
	b.note("pages of the timeline, first and in the middle")
	var from, to time.Time
	if err := conn.QueryRow(ctx, "select min(\"timestamp\"), max(\"timestamp\") from mesh_audit_logs").Scan(&from, &to); err != nil {
		return err
	}
	if err := measurePages(ctx, db.url, from, to, a); err != nil {
		return err
	}
	middle := from.Add(to.Sub(from) / 2).UTC().Format(time.RFC3339)
	for _, until := range []string{to.Add(time.Hour).UTC().Format(time.RFC3339), middle} {
		done, err := b.runAudit(ctx, db, nil, nil, "audit", "log", "--until", until)
		if err != nil {
			return err
		}
		a.Page.add(done)
	}
	if err := b.measureExport(ctx, db, conn, a); err != nil {
		return err
	}
	b.note("ocmt audit log --suspicious")
	done, err := b.runAudit(ctx, db, nil, []int{exitFound}, "audit", "log", "--suspicious")
	a.Suspicious.add(done)
	return err
}

// measurePages reads pages through the adapter of the timeline, in this process.
func measurePages(ctx context.Context, url string, from, to time.Time, a *Audit) error {
	db, err := postgres.New(url, postgres.Options{ApplicationName: "bench", LockTimeout: time.Second, StatementTimeout: time.Minute})
	if err != nil {
		return err
	}
	defer db.Close()
	timeline := pgaudit.NewTimeline(db, time.Minute)
	if _, err := timeline.Describe(ctx); err != nil {
		return err
	}
	if a.First, err = readPages(ctx, timeline, func() review.Filter { return review.Filter{} }); err != nil {
		return err
	}
	quarter := to.Sub(from) / 4
	a.Middle, err = readPages(ctx, timeline, func() review.Filter {
		return review.Filter{Until: from.Add(quarter + rand.N(2*quarter)).UTC()}
	})
	return err
}

// readPages reads pages of the timeline at places that a filter names, and at each the next page too.
func readPages(ctx context.Context, timeline review.Database, place func() review.Filter) (Latency, error) {
	var all []time.Duration
	for len(all) < pageCount {
		filter, cursor := place(), review.Cursor(nil)
		for range 2 {
			began := time.Now()
			page, err := review.ReadPage(ctx, timeline, filter, cursor, pageLines)
			if err != nil {
				return Latency{}, err
			}
			all = append(all, time.Since(began))
			if len(page.Entries) != pageLines || page.Next == nil {
				return Latency{}, errors.New("a page of the timeline is not whole")
			}
			cursor = page.Next
		}
	}
	return latencyOf(all), nil
}

// measureExport compares the export of all entries with COPY of the same columns, in turns.
func (b *bench) measureExport(ctx context.Context, db database, conn *pgx.Conn, a *Audit) error {
	nowhere, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = nowhere.Close() }()
	var speeds []float64
	rounds := min(b.pairs, auditRounds)
	for n := range rounds {
		b.note("round %d of %d: COPY of the entries, and ocmt audit log --export jsonl", n+1, rounds)
		var bare time.Duration
		for _, columns := range entryColumns {
			took, err := timeCopyOut(ctx, conn, "copy "+columns+" to stdout")
			if err != nil {
				return err
			}
			bare += took
		}
		done, said, err := b.runAuditSaying(ctx, db, nowhere, nil, "audit", "log", "--export", "jsonl")
		if err != nil {
			return err
		}
		if !strings.Contains(said, countNoun(a.Entries, "row")) {
			return fmt.Errorf("ocmt audit log --export wrote other than %s: %s", countNoun(a.Entries, "row"), said)
		}
		a.EntriesCopy = append(a.EntriesCopy, bare.Seconds())
		a.Export.add(done)
		speeds = append(speeds, ratio(bare.Seconds(), done.elapsed.Seconds()))
	}
	a.ExportSpeed = median(speeds)
	return nil
}

func (a *Audit) timelineSection() section {
	return section{
		title: fmt.Sprintf("The timeline of %s audit entries, median of %s", groupDigits(a.Entries), countNoun(len(a.EntriesCopy), "round")),
		head:  []string{"", "seconds", "peak MiB"},
		rows: [][]string{
			{"COPY of the same columns", fmt.Sprintf("%.2f", median(a.EntriesCopy)), "-"},
			a.Export.row("ocmt audit log --export jsonl"),
			a.Page.row("ocmt audit log, a page"),
			a.Suspicious.row("ocmt audit log --suspicious"),
		},
		notes: []string{fmt.Sprintf("The export has %s the speed of COPY. A page of %d lines, read inside one process that is connected already: first p50 %.2f ms, p99 %.2f ms; in the middle p50 %.2f ms, p99 %.2f ms.",
			formatTimes(a.ExportSpeed), pageLines, a.First.P50, a.First.P99, a.Middle.P50, a.Middle.P99)},
	}
}
