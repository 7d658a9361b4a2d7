package pgrotation_test

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/postgres/pgrotation"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/internal/testenv"
)

// newLooker returns a database with two tables, and the views of its owner and of an account.
func newLooker(t *testing.T, account string) (conn *pgx.Conn, owner, other *pgrotation.Store) {
	t.Helper()
	server := testenv.Shared(t)
	name, err := server.CreateDatabase(context.Background(), `create table secrets (key text primary key, value_encrypted text not null);
		create table devices (id int primary key, device text, label varchar(300))`)
	if err != nil {
		t.Fatal(err)
	}
	if conn, err = pgx.Connect(context.Background(), server.URL("postgres", name)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	view := func(user string) *pgrotation.Store {
		db, err := postgres.New(server.URL(user, name), postgres.Options{ApplicationName: "ocmt", LockTimeout: 100 * time.Millisecond, StatementTimeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(db.Close)
		return pgrotation.New(db)
	}
	return conn, view("postgres"), view(account)
}

func exec(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(context.Background(), sql); err != nil {
		t.Fatal(err)
	}
}

var tables = []migrate.Table{
	{Schema: "public", Name: "secrets", Key: "key", Columns: []migrate.Column{{Name: "value_encrypted"}}},
	{Schema: "public", Name: "devices", Key: "id", Columns: []migrate.Column{{Name: "device"}, {Name: "label"}}},
}

// look looks, and returns what was counted by column.
func look(t *testing.T, store *pgrotation.Store) (*rotation.Look, map[string]rotation.LabelCount) {
	t.Helper()
	found, err := store.Look(context.Background(), tables)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]rotation.LabelCount{}
	for _, count := range found.Columns {
		counts[count.String()] = count
	}
	return found, counts
}

// The labels say which key a value needs. If this fails, a version is given up that a value is under, or an
// operator is told that nothing is left.
func TestLookCountsLabelsAsTheServerReadsThem(t *testing.T) {
	t.Parallel()
	conn, owner, _ := newLooker(t, "postgres")
	legacy := strings.Repeat("a1", 16) + ":" + strings.Repeat("b2", 16) + ":cc"
	exec(t, conn, `insert into secrets values ('a', 'v0:AAAA:BBBB:CCCC'), ('b', 'v1:AAAA:BBBB:CCCC'), ('c', 'v01:AAAA:BBBB:CCCC'), ('d', 'v1abc:AAAA:BBBB:CCCC'),
		('e', 'v12:AAAA:BBBB:'||repeat('C', 100000)), ('f', '`+legacy+`'), ('g', upper('`+legacy+`')), ('h', 'unknown'), ('i', ''), ('j', 'v:AAAA'), ('k', 'version:1'), ('l', repeat('a', 64))`)
	exec(t, conn, `insert into devices values (1, null, 'v3:AAAA:BBBB:CCCC'), (2, 'v3:AAAA:BBBB:CCCC', null), (3, null, null)`)
	found, counts := look(t, owner)
	if got := counts["public.secrets.value_encrypted"]; !maps.Equal(got.Labels, map[int]int64{0: 3, 1: 3, 12: 1}) || got.Other != 5 {
		t.Errorf("labels %v, others %d", got.Labels, got.Other)
	}
	if got := counts["public.devices.device"]; !maps.Equal(got.Labels, map[int]int64{3: 1}) || got.Other != 0 {
		t.Errorf("labels %v, others %d", got.Labels, got.Other)
	}
	if !maps.Equal(found.Labels(), map[int]int64{0: 3, 1: 3, 3: 2, 12: 1}) || len(found.Gaps) != 0 {
		t.Errorf("%v in all, gaps %v", found.Labels(), found.Gaps)
	}
	if found.WAL == "" || found.Database.Name == "" || found.Next < found.Oldest || found.Standby || time.Since(found.At).Abs() > time.Hour {
		t.Errorf("the moment is %+v", found)
	}
}

// What cannot be looked at must be said: if this fails, a count of nothing is taken for nothing.
func TestLookSaysWhatItCouldNotLookAt(t *testing.T) {
	t.Parallel()
	conn, owner, other := newLooker(t, "looker")
	exec(t, conn, `drop role if exists looker; create role looker login; grant select on devices to looker`)
	exec(t, conn, `insert into secrets values ('a', 'v1:AAAA:BBBB:CCCC'); insert into devices values (1, 'v1:AAAA:BBBB:CCCC', null)`)
	found, counts := look(t, other)
	if len(found.Gaps) != 1 || found.Gaps[0].What != "public.secrets" || len(counts) != 2 {
		t.Errorf("a right is missing: gaps %v, counts %v", found.Gaps, counts)
	}
	exec(t, conn, `grant select on secrets to looker; alter table secrets enable row level security`)
	if found, counts = look(t, other); len(found.Gaps) != 1 || !strings.Contains(found.Gaps[0].Reason.Text, "row-level security") || len(counts) != 2 {
		t.Errorf("rows are hidden: gaps %v, counts %v", found.Gaps, counts)
	}
	holder, err := conn.Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.Exec(context.Background(), "lock table devices"); err != nil {
		t.Fatal(err)
	}
	if found, counts = look(t, owner); len(found.Gaps) != 1 || found.Gaps[0].What != "public.devices" || len(counts) != 1 {
		t.Errorf("a table is locked: gaps %v, counts %v", found.Gaps, counts)
	}
	if err := holder.Rollback(context.Background()); err != nil {
		t.Fatal(err)
	}
	exec(t, conn, "drop owned by looker")
}
