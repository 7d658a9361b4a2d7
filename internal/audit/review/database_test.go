package review_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/audit/review"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/postgres/pgaudit"
	"github.com/ocmt/ocmt/internal/testenv"
)

// database is a fresh database with the audit tables.
type database struct {
	*pgaudit.Timeline
	t    *testing.T
	conn *pgx.Conn
	name string
}

const (
	alice = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
	bob   = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
	acme  = "11111111-1111-4111-8111-111111111111"
)

func newDatabase(t *testing.T) *database {
	t.Helper()
	ctx := context.Background()
	var schema []byte
	for _, file := range []string{"schema.sql", "schema_timeline.sql"} {
		part, err := os.ReadFile("../../../testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		schema = append(schema, part...)
	}
	name, err := testenv.Shared(t).CreateDatabase(ctx, string(schema))
	if err != nil {
		t.Fatal(err)
	}
	d := &database{t: t, name: name}
	if d.conn, err = pgx.Connect(ctx, testenv.Shared(t).URL("postgres", name)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.conn.Close(ctx) })
	d.exec(`insert into tenants (id, name) values ('` + acme + `', 'acme');
		insert into users (id, email, gateway_token, tenant_id) values ('` + alice + `', 'alice@example.org', 'x', '` + acme + `'), ('` + bob + `', 'bob@example.org', 'x', null)`)
	d.Timeline = d.as("postgres")
	return d
}

// as returns the timeline as an account sees it.
func (d *database) as(account string) *pgaudit.Timeline {
	d.t.Helper()
	db, err := postgres.New(testenv.Shared(d.t).URL(account, d.name), postgres.Options{ApplicationName: "ocmt-test", LockTimeout: time.Second, StatementTimeout: time.Minute})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(db.Close)
	return pgaudit.NewTimeline(db, time.Minute)
}

func (d *database) exec(sql string) {
	d.t.Helper()
	if _, err := d.conn.Exec(context.Background(), sql); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
}

// at reads a time.
func at(t *testing.T, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// pages reads the whole timeline in pages of so many lines.
func (d *database) pages(filter review.Filter, lines int) (entries []review.Entry) {
	d.t.Helper()
	var cursor review.Cursor
	for range 10_000 {
		page, err := review.ReadPage(context.Background(), d, filter, cursor, lines)
		if err != nil {
			d.t.Fatal(err)
		}
		if len(page.Entries) > lines {
			d.t.Fatalf("a page of %d lines has %d", lines, len(page.Entries))
		}
		entries = append(entries, page.Entries...)
		if page.Next == nil {
			return entries
		}
		if cursor, err = review.ParseCursor(page.Next.String()); err != nil {
			d.t.Fatal(err)
		}
	}
	d.t.Fatal("the pages do not end")
	return nil
}

// actions returns the actions of lines.
func actions(entries []review.Entry) (list []string) {
	for _, entry := range entries {
		list = append(list, entry.Action)
	}
	return list
}
