package discover_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/postgres/pgdiscover"
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
