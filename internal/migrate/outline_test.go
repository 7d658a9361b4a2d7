package migrate_test

import (
	"context"
	"crypto/rand"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/migrate"
)

// If this fails, an operator who made room for the WAL that the plan told of has
// the disk of the server full in the middle of the rotation.
func TestPlanTellsWhatARunCosts(t *testing.T) {
	t.Parallel()
	const rows = 20_000
	told := toldAndWritten(t, rows, 100)
	if told.RowsToWrite != rows || told.RowsEstimate != rows || told.Values != rows || told.HeapBytes < rows*200 || told.Seconds != 0.4 {
		t.Errorf("%+v", told)
	}
}

// If this fails, a question says "about 1 MiB of WAL, a second" of gigabytes that stand beside the table, and of minutes.
func TestPlanTellsWhatLargeValuesCost(t *testing.T) {
	t.Parallel()
	const rows, size = 100, 300 << 10
	told := toldAndWritten(t, rows, size)
	if told.WALBytes < rows*size || told.Seconds < 1 || told.Seconds > 3 {
		t.Errorf("%+v", told)
	}
}

// toldAndWritten returns what a plan tells of the table secrets with some rows of plaintexts of a size, after it has
// compared the WAL with what a run wrote.
func toldAndWritten(t *testing.T, rows, size int) (told migrate.TableOutline) {
	t.Helper()
	// A server of its own: what others log would count, and pages in full must.
	d, ring := newDatabaseOn(t, newServer(t, "full_page_writes = on")), readVectors(t).ring(t, 1, 0, 1)
	older, err := ring.WithCurrent(0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.conn.CopyFrom(context.Background(), pgx.Identifier{"secrets"}, []string{"key", "value_encrypted"}, pgx.CopyFromSlice(rows, func(n int) ([]any, error) {
		c, err := older.Seal(make([]byte, size), rand.Reader)
		return []any{strconv.Itoa(n), c.String()}, err
	})); err != nil {
		t.Fatal(err)
	}
	d.exec("analyze secrets")
	plan := d.plan(ring, d.request())
	for _, table := range plan.Outline.Tables {
		if table.Table == "secrets" {
			told = table
		}
	}
	d.exec("checkpoint")
	before, began := d.walPosition(), time.Now()
	if _, err := d.runner(ring).Run(context.Background(), plan); err != nil {
		t.Fatal(err)
	}
	took, written := time.Since(began), d.walPosition()-before
	if told.WALBytes < written/2 || told.WALBytes > written*3 {
		t.Errorf("the plan tells of %d bytes of WAL, and the run wrote %d", told.WALBytes, written)
	}
	t.Logf("told %d bytes of WAL and %.1f s, wrote %d in %s", told.WALBytes, told.Seconds, written, took)
	return told
}

func (d *database) walPosition() (bytes int64) {
	d.t.Helper()
	if err := d.conn.QueryRow(context.Background(), "select pg_current_wal_insert_lsn() - '0/0'::pg_lsn").Scan(&bytes); err != nil {
		d.t.Fatal(err)
	}
	return bytes
}
