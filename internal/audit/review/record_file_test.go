package review_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/audit/review"
	"github.com/ocmt/ocmt/internal/chain"
)

// If this fails, an account that may make no table and keeps the record in a file does not see on the timeline what
// the tool did, or sees it twice.
func TestRecordInAFileIsPartOfTheTimeline(t *testing.T) {
	t.Parallel()
	d, ctx := newDatabase(t), context.Background()
	d.exec(`insert into mesh_audit_logs ("timestamp", event_type, success) values ('2026-01-01 00:00:01.5+00', 'auth.login', true), ('2026-01-01 00:00:02.5+00', 'auth.logout', true)`)
	file := chain.NewFile(filepath.Join(t.TempDir(), "record"))
	first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for second, action := range []string{"rotation.started", "rotation.failed", "rotation.done", "rotation.done"} {
		if _, err := file.Append(ctx, first.Add(time.Duration(second)*time.Second), chain.Author{Operator: "alice", Host: "h", Command: "rotate"}, chain.Event{Action: action, Details: map[string]any{}}); err != nil {
			t.Fatal(err)
		}
	}
	database := review.WithRecord(d.Timeline, file.Entries)
	for _, c := range []struct {
		name   string
		filter review.Filter
		want   []string
	}{
		{"all", review.Filter{}, []string{"rotation.done", "auth.logout", "rotation.done", "auth.login", "rotation.failed", "rotation.started"}},
		{"the record", review.Filter{Sources: []review.Source{review.Record}}, []string{"rotation.done", "rotation.done", "rotation.failed", "rotation.started"}},
		{"a table", review.Filter{Sources: []review.Source{review.MeshAuditLogs}}, []string{"auth.logout", "auth.login"}},
		{"a time", review.Filter{Since: first.Add(time.Second), Until: first.Add(2 * time.Second)}, []string{"auth.login", "rotation.failed"}},
		{"an action", review.Filter{Action: "rotation.started"}, []string{"rotation.started"}},
		{"a beginning", review.Filter{Action: "rotation.*", Failed: true}, []string{"rotation.failed"}},
		{"a user", review.Filter{Users: []string{alice}}, nil},
	} {
		for _, lines := range []int{1, 2, 50} {
			var actions []string
			if err := review.Walk(ctx, database, c.filter, lines, func(entry review.Entry) bool {
				actions = append(actions, entry.Action)
				return true
			}); err != nil || !slices.Equal(actions, c.want) {
				t.Errorf("%s by %d: %q, %v; want %q", c.name, lines, actions, err, c.want)
			}
		}
		rows := 0
		if err := database.Stream(ctx, c.filter, func(*review.Row) error { rows++; return nil }); err != nil || rows != len(c.want) {
			t.Errorf("%s: %d rows are exported, %v; want %d", c.name, rows, err, len(c.want))
		}
	}
	if _, err := database.Read(ctx, review.Filter{}, review.Cursor{review.Record: {Time: "2026-01-01 00:00:01+00", ID: "1"}}, 5); !errors.Is(err, review.ErrCursor) {
		t.Errorf("a place in the table is taken for one in the file: %v", err)
	}
}
