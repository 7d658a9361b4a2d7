package review_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/audit/review"
	"github.com/ocmt/ocmt/internal/ui"
)

// The figures that are to be reached with 10,000,000 rows on two cores.
const (
	pageLimit   = 20 * time.Millisecond
	copyShare   = 0.5
	memoryLimit = 256 << 20
	scaleLines  = 100
	scalePages  = 200
)

// TestScale fills audit_log with as many rows as OCMT_AUDIT_ROWS says, every tenth of one of twenty
// tenants, and mesh_audit_logs with a tenth of that. It measures pages, first and in the middle, and
// exports against COPY of the same columns. If it fails, an operator waits for each page in an incident.
func TestScale(t *testing.T) {
	rows, err := strconv.Atoi(os.Getenv("OCMT_AUDIT_ROWS"))
	if err != nil || rows < 1000 {
		return // nobody asked for it
	}
	d := newDatabase(t)
	d.exec("insert into tenants (name) select 'tenant ' || n from generate_series(2, 20) n")
	d.exec(fmt.Sprintf(`insert into audit_log ("timestamp", user_id, action, details, ip_address, tenant_id) select '2026-01-01'::timestamp + n * interval '1 second',
			case when n %% 3 = 0 then '%s'::uuid else '%s' end, case n %% 3 when 0 then 'user.login' when 1 then 'secret.read' else 'integration.updated' end,
			jsonb_build_object('path', '/api/thing/' || n, 'agent', 'Mozilla/5.0'), '10.0.0.0'::inet + n %% 60000, case when n %% 10 = 0 then (select array_agg(id) from tenants)[1 + n / 10 %% 20] end from generate_series(1, %d) n`, alice, bob, rows))
	d.exec(fmt.Sprintf(`insert into mesh_audit_logs ("timestamp", event_type, actor_id, ip_address, details) select '2026-01-01 00:00+00'::timestamptz + n * interval '10 seconds', 'relay.sent', '%s', '10.0.0.1', '{"n": 1}' from generate_series(1, %d) n`, bob, rows/10))
	d.exec("vacuum analyze audit_log")
	d.exec("vacuum analyze mesh_audit_logs")
	middle := at(t, "2026-01-01T00:00:00Z").Add(time.Duration(rows/2) * time.Second)
	for _, c := range []struct {
		name   string
		filter review.Filter
	}{{"first", review.Filter{}}, {"middle", review.Filter{Until: middle}}} {
		measurePages(t, d, c.name, c.filter)
	}
	d.exec("update audit_log set tenant_id = '" + acme + "' where tenant_id is null and id % 2 = 0")
	d.exec("vacuum analyze audit_log")
	busy := *d
	busy.Timeline = d.as("postgres")
	measurePages(t, &busy, "middle, half of the rows of one tenant", review.Filter{Until: middle})
	d.exec("drop index idx_audit_log_tenant")
	walked := *d
	walked.Timeline = d.as("postgres")
	measurePages(t, &walked, "middle, by the primary key", review.Filter{Until: middle})
	began := time.Now()
	report, err := review.Find(context.Background(), &walked, review.Filter{Since: at(t, "2026-01-01T00:00:00Z")})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("suspicious things: %v for %d entries; peak memory %d MiB", time.Since(began), report.Looked, peakMemory(t)>>20)
	measureExports(t, d)
	peak := peakMemory(t)
	t.Logf("peak memory of the process: %d MiB", peak>>20)
	if peak > memoryLimit {
		t.Errorf("the process took %d MiB, and may take %d", peak>>20, memoryLimit>>20)
	}
}

// measurePages reads pages, each after the one before.
func measurePages(t *testing.T, d *database, name string, filter review.Filter) {
	t.Helper()
	ctx := context.Background()
	if _, err := d.Describe(ctx); err != nil {
		t.Fatal(err)
	}
	var cursor review.Cursor
	var times []time.Duration
	busyBefore := d.processorTime()
	for range scalePages {
		began := time.Now()
		page, err := review.ReadPage(ctx, d, filter, cursor, scaleLines)
		times = append(times, time.Since(began))
		if err != nil || len(page.Entries) != scaleLines {
			t.Fatalf("%d lines: %v", len(page.Entries), err)
		}
		cursor = page.Next
	}
	first, busy := times[0], (d.processorTime()-busyBefore)/scalePages
	slices.Sort(times)
	p99 := times[len(times)*99/100]
	t.Logf("page of %d lines, %s: the first %v, median %v, p99 %v; processor time of the server %v", scaleLines, name, first, times[len(times)/2], p99, busy)
	if p99 > pageLimit {
		t.Errorf("a page took %v at p99, and may take %v", p99, pageLimit)
	}
}

// processorTime returns the processor time that the server has spent for the timeline. On a machine that
// does other work too, it says more than the clock.
func (d *database) processorTime() (sum time.Duration) {
	d.t.Helper()
	rows, err := d.conn.Query(context.Background(), "select pid from pg_stat_activity where application_name = 'ocmt-test' and datname = current_database() or pid = pg_backend_pid()")
	if err != nil {
		d.t.Fatal(err)
	}
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		d.t.Fatal(err)
	}
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
		if err != nil {
			d.t.Fatal(err)
		}
		spent, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64) // nanoseconds
		if err != nil {
			d.t.Fatal(err)
		}
		sum += time.Duration(spent)
	}
	return sum
}

// measureExports compares exports with COPY of the same columns, the best of two each.
func measureExports(t *testing.T, d *database) {
	t.Helper()
	ctx := context.Background()
	best := func(work func()) (shortest, busy time.Duration) {
		shortest = time.Hour
		for range 2 {
			began, busyBefore := time.Now(), d.processorTime()
			work()
			shortest, busy = min(shortest, time.Since(began)), d.processorTime()-busyBefore
		}
		return shortest, busy
	}
	bare, busy := best(func() {
		for _, sql := range []string{`select id, "timestamp", user_id, action, details, ip_address, target_user_id, tenant_id from audit_log`,
			`select id, "timestamp", event_type, actor_id, target_id, group_id, details, ip_address, success, error_message, source from mesh_audit_logs`} {
			if _, err := d.conn.PgConn().CopyTo(ctx, io.Discard, "copy ("+sql+") to stdout"); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Logf("COPY: %v; processor time of the server %v", bare, busy)
	for _, format := range review.Formats() {
		took, busy := best(func() {
			exporter := review.NewExporter(io.Discard, format, "test", ui.Clean)
			if err := d.Stream(ctx, review.Filter{}, exporter.Add); err != nil {
				t.Fatal(err)
			}
			if err := exporter.Close(); err != nil {
				t.Fatal(err)
			}
		})
		share := bare.Seconds() / took.Seconds()
		t.Logf("export as %s: %v, %.2f of the speed of COPY; processor time of the server %v", format, took, share, busy)
		if share < copyShare {
			t.Errorf("the export as %s has %.2f of the speed of COPY, and should have %.2f", format, share, copyShare)
		}
	}
}

// peakMemory returns the most memory that this process has had.
func peakMemory(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("the peak is known on Linux only")
	}
	for line := range bytes.Lines(status) {
		if text, is := strings.CutPrefix(string(line), "VmHWM:"); is {
			kib, err := strconv.ParseInt(strings.Fields(text)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
}
