package discover_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/postgres/pgdiscover"
	"github.com/ocmt/ocmt/internal/testenv"
)

// If this fails, whoever owns a table of little worth puts a view or an index in its place during a search, and has any
// statement run with the rights of the operator. Where rows are hidden so, a key goes that they need.
func TestSearchRunsNothingOfAReplacedTable(t *testing.T) {
	t.Parallel()
	for name, replaced := range map[string]struct {
		by   string
		want []string
	}{
		"a view":          {"alter table spare.notes rename to hidden; create view spare.notes as select id, body from spare.hidden where spare.taken(id) > 0", nil},
		"an index":        {"create index on spare.notes ((spare.taken(0))) where id < 0", []string{"spare.notes foreign_code"}},
		"another table":   {"alter table spare.notes rename to hidden; create table spare.notes (id int, body text); create index on spare.notes ((spare.taken(0))) where id < 0", []string{"spare.notes foreign_code"}},
		"the same as now": {"select 1", nil},
	} {
		d, ring := newDatabase(t), newRing(t)
		versioned, _ := sealedPair(t, ring)
		other := d.conn.Config().Database + "_other"
		d.exec("create role " + other)
		t.Cleanup(func() { d.exec("drop owned by " + other + "; drop role " + other) })
		d.exec("create schema spare authorization " + other + "; set role " + other + `; create table spare.notes (id int, body text);
			create function spare.taken(int) returns int language plpgsql immutable as $$ begin
				if current_user = 'postgres' then perform pg_advisory_lock(4711); end if; return 1; end $$; reset role`)
		d.exec("insert into spare.notes values (1, $1)", versioned)
		by := replaced.by
		m := &meddler{Opener: pgdiscover.New(d.db), before: func(_ int64, chunk discover.Chunk) {
			if chunk.Relation.Schema == "spare" && by != "" {
				d.exec("set role " + other + "; " + by + "; reset role")
				by = ""
			}
		}}
		found := look(t, m, ring, discover.Request{Depth: discover.Full})
		if diff := cmp.Diff(replaced.want, codes(found.Unread)); diff != "" || by != "" {
			t.Errorf("%s: not read (-want +got):\n%s", name, diff)
		}
		var ran bool
		if err := d.conn.QueryRow(context.Background(), `select exists (select from pg_locks l join pg_database b on b.oid = l.database
			where b.datname = current_database() and l.locktype = 'advisory' and l.objid = 4711)`).Scan(&ran); ran || err != nil {
			t.Errorf("%s: code of another role ran with the rights of the account: %t, %v", name, ran, err)
		}
		if len(replaced.want) == 0 && len(found.Unlisted) != 1 {
			t.Errorf("%s: the value was not found where it is now: %v", name, names(found.Unlisted))
		}
	}
}

// If this fails, a search behind a pool leaves statements with connections of the servers, or cannot read a table of
// another role twice.
func TestSearchOfReplaceableTablesThroughAPool(t *testing.T) {
	t.Parallel()
	d, ring := newDatabase(t), newRing(t)
	name := d.conn.Config().Database
	bouncer, err := testenv.StartPgBouncer(t.Context(), testenv.Shared(t), "transaction", "default_pool_size = 1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bouncer.Stop)
	versioned, _ := sealedPair(t, ring)
	other := name + "_other"
	d.exec("create role " + other)
	t.Cleanup(func() { d.exec("drop owned by " + other + "; drop role " + other) })
	d.exec("create table notes (id int primary key, v text)")
	d.exec("insert into notes values (1, $1)", versioned)
	d.exec("alter table notes owner to " + other)
	d.reach(bouncer.URL("postgres", name))
	for range 2 {
		if found := look(t, pgdiscover.New(d.db), ring, discover.Request{Depth: discover.Full}); len(found.Unlisted) != 1 || len(found.Unread) > 0 {
			t.Errorf("found %v, not read %v", names(found.Unlisted), codes(found.Unread))
		}
	}
	conn, err := pgconn.Connect(t.Context(), bouncer.URL("postgres", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	if left, err := conn.Exec(t.Context(), "select name from pg_prepared_statements").ReadAll(); err != nil || len(left[0].Rows) > 0 {
		t.Errorf("statements are left with the server's connection: %v, %v", left, err)
	}
}
