package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
)

// Audit compares ocmt audit with a bare COPY of the values that it opens, and ocmt audit log with a
// COPY of the entries.
type Audit struct {
	Values  int `json:"values"`
	Entries int `json:"entries"`

	Copy    []float64 `json:"binary_copy_seconds"` // of the values
	Posture Runs      `json:"ocmt_audit"`
	// PostureShare is the time of ocmt audit as a share of what is promised: 1.6 times the COPY and
	// 20 s. It is the median of the rounds.
	PostureShare float64     `json:"share_of_promised_time"`
	Checks       CheckCounts `json:"checks"`
	// IVs is ocmt audit with the check alone that looks for an IV that was used twice.
	IVs     Runs    `json:"ocmt_audit_of_ivs"`
	IVRatio float64 `json:"ivs_ratio_to_binary_copy"` // median of the rounds

	EntriesCopy []float64 `json:"copy_of_entries_seconds"`
	Export      Runs      `json:"ocmt_audit_log_export"`
	ExportSpeed float64   `json:"export_speed_to_copy"` // median of the rounds
	Page        Runs      `json:"ocmt_audit_log_page"`
	Suspicious  Runs      `json:"ocmt_audit_log_suspicious"`
	// First and Middle are pages that are read inside one process, through an open connection.
	First  Latency `json:"first_page"`
	Middle Latency `json:"page_in_the_middle"`
}

// Runs is how long the program took from its start to its end, and the most memory that it had.
type Runs struct {
	Seconds   []float64 `json:"seconds"`
	PeakBytes int64     `json:"peak_memory_bytes"`
}

func (r *Runs) add(done cost) {
	r.Seconds, r.PeakBytes = append(r.Seconds, done.elapsed.Seconds()), max(r.PeakBytes, done.peak)
}

// CheckCounts is how many checks an audit asked, and what became of them.
type CheckCounts struct {
	Checks        int `json:"checks"`
	Pass          int `json:"pass"`
	Found         int `json:"finding"`
	Unchecked     int `json:"could_not_check"`
	NotApplicable int `json:"not_applicable"`
}

// auditRounds is the most rounds of an audit. Each of them takes a minute and more.
const auditRounds = 3

// ivCheck is the check that looks for an IV that was used twice.
const ivCheck = "OCMT-ENC-007"

// The exit codes of an audit that are results: something could not be checked, something was found.
const (
	exitUnchecked = 1
	exitFound     = 3
)

// valueColumns are the columns whose values an audit opens and that have rows.
var valueColumns = []string{
	"user_integrations (id, access_token_encrypted, refresh_token_encrypted, api_key_encrypted)", "users (id, gateway_token)",
}

// measureAudit measures both halves of an audit on one database.
func (b *bench) measureAudit(ctx context.Context) (a Audit, err error) {
	db, err := b.createAudited(ctx)
	if err != nil {
		return a, err
	}
	conn, err := pgx.Connect(ctx, db.url)
	if err != nil {
		return a, err
	}
	defer func() { _ = conn.Close(ctx) }()
	a.Entries = b.entries
	if err := conn.QueryRow(ctx, countValues).Scan(&a.Values); err != nil {
		return a, err
	}
	if err := b.measurePosture(ctx, db, conn, &a); err != nil {
		return a, err
	}
	return a, b.measureTimeline(ctx, db, conn, &a)
}

// measurePosture compares the whole of ocmt audit, and the check of IVs, with a bare COPY, in turns.
func (b *bench) measurePosture(ctx context.Context, db database, conn *pgx.Conn, a *Audit) error {
	var shares, ratios []float64
	rounds := min(b.pairs, auditRounds)
	for n := range rounds {
		b.note("round %d of %d: binary COPY of the values, ocmt audit, and its check of IVs", n+1, rounds)
		var bare time.Duration
		for _, columns := range valueColumns {
			took, err := timeCopyOut(ctx, conn, "copy "+columns+" to stdout (format binary)")
			if err != nil {
				return err
			}
			bare += took
		}
		posture, err := b.auditAll(ctx, db, &a.Checks)
		if err != nil {
			return err
		}
		// It ends with 0 where the check passes, and only there.
		ivs, err := b.runAudit(ctx, db, nil, nil, "audit", "--only", ivCheck)
		if err != nil {
			return err
		}
		a.Copy = append(a.Copy, bare.Seconds())
		a.Posture.add(posture)
		a.IVs.add(ivs)
		shares = append(shares, posture.elapsed.Seconds()/(mostAudit*bare.Seconds()+mostAuditBeyond))
		ratios = append(ratios, ratio(ivs.elapsed.Seconds(), bare.Seconds()))
	}
	a.PostureShare, a.IVRatio = median(shares), median(ratios)
	return nil
}

// timeCopyOut takes the time in which the server hands out a COPY, and discards it.
func timeCopyOut(ctx context.Context, conn *pgx.Conn, statement string) (time.Duration, error) {
	began := time.Now()
	_, err := conn.PgConn().CopyTo(ctx, io.Discard, statement)
	return time.Since(began), err
}

// auditAll asks every check. Without Redis, endpoints and files, many of them do not apply.
func (b *bench) auditAll(ctx context.Context, db database, counts *CheckCounts) (cost, error) {
	var result bytes.Buffer
	done, err := b.runAudit(ctx, db, &result, []int{exitUnchecked, exitFound}, "audit", "--output", "json")
	if err != nil {
		return done, err
	}
	var document struct {
		Counts CheckCounts `json:"counts"`
	}
	if err := json.Unmarshal(result.Bytes(), &document); err != nil {
		return done, fmt.Errorf("reading the result of ocmt audit: %w", err)
	}
	*counts = document.Counts
	return done, nil
}

// runAudit runs the program in an empty folder, with a database and the key of its values.
func (b *bench) runAudit(ctx context.Context, db database, out io.Writer, results []int, args ...string) (cost, error) {
	done, _, err := b.runAuditSaying(ctx, db, out, results, args...)
	return done, err
}

// runAuditSaying does the same, and returns what the program wrote for a person.
func (b *bench) runAuditSaying(ctx context.Context, db database, out io.Writer, results []int, args ...string) (cost, string, error) {
	folder, err := os.MkdirTemp("", "ocmt-bench-")
	if err != nil {
		return cost{}, "", err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	return b.execute(ctx, execution{folder: folder, args: args, out: out, results: results,
		settings: []string{"DATABASE_URL=" + db.url, "ENCRYPTION_KEY_VERSION=0", "ENCRYPTION_KEY=" + b.keys[0].Reveal()}})
}

func (a *Audit) postureSection() section {
	return section{
		title: fmt.Sprintf("Auditing %s values beside %s audit entries, median of %s", groupDigits(a.Values), groupDigits(a.Entries), countNoun(len(a.Copy), "round")),
		head:  []string{"", "seconds", "peak MiB"},
		rows: [][]string{
			{"binary COPY of the values", fmt.Sprintf("%.2f", median(a.Copy)), "-"},
			a.Posture.row("ocmt audit"),
			a.IVs.row("ocmt audit --only " + ivCheck),
		},
		notes: []string{fmt.Sprintf("ocmt audit: %s of what is promised, 1.6 times the COPY and 20 s. The check of IVs: %s the COPY. Of %s, %d passed, %d found something, %d could not look, and %d do not apply to a database alone.",
			formatPercent(a.PostureShare), formatTimes(a.IVRatio), countNoun(a.Checks.Checks, "check"), a.Checks.Pass, a.Checks.Found, a.Checks.Unchecked, a.Checks.NotApplicable)},
	}
}

func (r Runs) row(name string) []string {
	return []string{name, fmt.Sprintf("%.2f", median(r.Seconds)), fmt.Sprintf("%.1f", float64(r.PeakBytes)/(1<<20))}
}
