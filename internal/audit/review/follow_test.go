package review_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/audit/review"
)

// If this fails, --follow misses what comes while it runs, or repeats it.
func TestFollow(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	ctx := context.Background()
	begin := at(t, "2026-01-01T00:00:00Z")
	follower := review.NewFollower(d, review.Filter{}, begin)
	d.exec(`insert into audit_log ("timestamp", action) values ('2026-01-01 00:00:10', 'told'), ('2025-12-31 23:00', 'before')`)
	follower.Tell(d.pages(review.Filter{}, 10))
	poll := func(now string, want ...string) {
		t.Helper()
		entries, err := follower.Poll(ctx, at(t, now))
		if err != nil {
			t.Fatal(err)
		}
		if got := actions(entries); !slices.Equal(got, want) {
			t.Errorf("at %s: %q, want %q", now, got, want)
		}
	}
	poll("2026-01-01T00:00:20Z")
	d.exec(`insert into audit_log ("timestamp", action) values ('2026-01-01 00:00:21', 'one'); insert into mesh_audit_logs ("timestamp", event_type) values ('2026-01-01 00:00:22+00', 'two')`)
	poll("2026-01-01T00:00:23Z", "one", "two")
	poll("2026-01-01T00:00:24Z")
	d.exec(`insert into audit_log ("timestamp", action) values ('2026-01-01 00:00:15', 'late')`)
	poll("2026-01-01T00:01:50Z", "late")
	poll("2026-01-01T00:10:00Z")
	poll("2026-01-01T00:10:01Z")
}

// If this fails, --follow hides what a transaction writes that was under way when it began.
func TestFollowTellsOfEarlierTransactions(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	ctx := context.Background()
	d.exec(`insert into audit_log ("timestamp", action) values ('2025-12-31 23:59:05', 'there'), ('2025-12-31 23:59:40', 'there too')`)
	follower := review.NewFollower(d, review.Filter{Since: at(t, "2025-12-31T23:59:00Z")}, at(t, "2026-01-01T00:00:00Z"))
	if err := follower.Begin(ctx); err != nil {
		t.Fatal(err)
	}
	d.exec(`insert into audit_log ("timestamp", action) values ('2025-12-31 23:59:30', 'was under way'), ('2025-12-31 23:58:30', 'is not asked for')`)
	for _, want := range []string{"was under way", ""} {
		entries, err := follower.Poll(ctx, at(t, "2026-01-01T00:00:01Z"))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(actions(entries), ", "); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
