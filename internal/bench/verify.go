package main

import (
	"context"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
)

// Verification compares the time of opening every value with the time that PostgreSQL takes to
// send the same columns, in seconds.
type Verification struct {
	Copy   []float64 `json:"binary_copy_seconds"`
	Verify []float64 `json:"ocmt_migrate_verify_seconds"`
	Ratio  float64   `json:"ratio_to_binary_copy"` // median of the pairs
}

func (b *bench) measureVerify(ctx context.Context, db database) (v Verification, err error) {
	// Nothing is written here, and all values are under version 0.
	var ratios []float64
	for n := range b.pairs {
		b.note("pair %d of %d: binary COPY, and ocmt migrate verify", n+1, b.pairs)
		bare, err := runBareCopy(ctx, db.url)
		if err != nil {
			return v, err
		}
		done, err := b.runProgram(ctx, db, 0, "migrate", "verify", "--quiet", "--table", "user_integrations")
		if err != nil {
			return v, err
		}
		v.Copy, v.Verify = append(v.Copy, bare.Seconds()), append(v.Verify, done.elapsed.Seconds())
		ratios = append(ratios, ratio(done.elapsed.Seconds(), bare.Seconds()))
	}
	v.Ratio = median(ratios)
	return v, nil
}

// runBareCopy reads the columns that a verification reads, and discards them.
func runBareCopy(ctx context.Context, url string) (time.Duration, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(ctx) }()
	began := time.Now()
	_, err = conn.PgConn().CopyTo(ctx, io.Discard, `copy (select id, access_token_encrypted, refresh_token_encrypted,
		api_key_encrypted from user_integrations) to stdout (format binary)`)
	return time.Since(began), err
}
