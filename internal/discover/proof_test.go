package discover_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/internal/postgres/pgdiscover"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// meddler is an Opener that does something to the database before a search reads a chunk.
type meddler struct {
	discover.Opener
	before func(number int64, chunk discover.Chunk)
	chunks atomic.Int64
}

func (m *meddler) OpenSearcher(ctx context.Context) (discover.Searcher, error) {
	searcher, err := m.Opener.OpenSearcher(ctx)
	return meddling{searcher, m}, err
}

type meddling struct {
	discover.Searcher
	m *meddler
}

func (s meddling) Search(ctx context.Context, chunk discover.Chunk, visit func(discover.Candidate)) (discover.Counts, error) {
	s.m.before(s.m.chunks.Add(1), chunk)
	return s.Searcher.Search(ctx, chunk, visit)
}

// look searches with a request that says how deep.
func look(t *testing.T, opener discover.Opener, ring *crypto.Keyring, request discover.Request) *discover.Report {
	t.Helper()
	request.Catalogue, request.Known = ocmt.Catalogue(), ocmt.KnownColumns()
	found, err := discover.Search(context.Background(), opener, ring, request, silent{})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// oldest returns the oldest transaction that runs now.
func oldest(t *testing.T, d *database) *uint32 {
	t.Helper()
	searcher, err := pgdiscover.New(d.db).OpenSearcher(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer searcher.Close(context.Background())
	origin, err := searcher.Origin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return &origin.Oldest
}

// If this fails, what a trigger copied during a run stays under the old key, in the middle of
// a table that is too large to be looked at whole, and the key goes.
func TestSearchFindsWhatATriggerFilled(t *testing.T) {
	t.Parallel()
	d, ring := newDatabase(t), newRing(t)
	versioned, _ := sealedPair(t, ring)
	d.exec("create table history (id int, body text)")
	d.exec("insert into history select n, repeat('x', 500) from generate_series(1, 60000) n")
	d.exec("delete from history where id between 30000 and 30040")
	d.exec("vacuum history")
	since := oldest(t, d)
	d.exec("insert into history values (30000, $1)", versioned)
	request := discover.Request{Depth: discover.Auto, MostWhole: 1 << 20}
	if found := look(t, pgdiscover.New(d.db), ring, request); len(found.Unlisted) > 0 {
		t.Fatal("the sample has the row, so that this test shows nothing")
	}
	request.Since = since
	if diff := cmp.Diff([]string{"public.history.body"}, names(look(t, pgdiscover.New(d.db), ring, request).Unlisted)); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
}

// If this fails, a table that was looked at in part passes for one that was looked at whole, and
// the operator is not told what a look at all of it would cost.
func TestLargeTableIsSampledAndSaid(t *testing.T) {
	t.Parallel()
	d, ring := newDatabase(t), newRing(t)
	d.exec("create table log (id int, body text)")
	d.exec("insert into log select n, repeat('x', 500) from generate_series(1, 20000) n")
	for _, c := range []struct {
		request discover.Request
		sampled []string
	}{
		{discover.Request{Depth: discover.Auto, MostWhole: 1 << 20}, []string{"public.log"}},
		{discover.Request{Depth: discover.Auto}, []string{}},
		{discover.Request{Depth: discover.Full, Workers: 2}, []string{}},
		{discover.Request{Depth: discover.Sample}, []string{"public.log"}},
	} {
		found := look(t, pgdiscover.New(d.db), ring, c.request)
		if diff := cmp.Diff(c.sampled, found.Sampled); diff != "" || found.Full != (len(c.sampled) == 0) {
			t.Errorf("%+v: full %t, sampled (-want +got):\n%s", c.request, found.Full, diff)
		}
		if cost := found.SampledBytes > 10<<20 && found.FullSeconds > 0; cost != !found.Full {
			t.Errorf("%+v: all of it has %d bytes and takes %g s", c.request, found.SampledBytes, found.FullSeconds)
		}
	}
}

// If this fails, a row that moves to a part of its table that was read already is seen by
// nobody, and its key goes.
func TestSearchSeesARowThatMoves(t *testing.T) {
	t.Parallel()
	d, ring := newDatabase(t), newRing(t)
	versioned, _ := sealedPair(t, ring)
	d.exec("create table log (id int, body text)")
	d.exec("insert into log select n, repeat('x', 500) from generate_series(1, 60000) n")
	d.exec("delete from log where id < 40")
	d.exec("vacuum log")
	d.exec("insert into log values (1, $1)", versioned) // it has a place of its own at the start
	m := &meddler{Opener: pgdiscover.New(d.db), before: func(int64, discover.Chunk) {}}
	moved := false
	m.before = func(_ int64, chunk discover.Chunk) {
		if chunk.From > 0 && !moved {
			moved = true
			d.exec("update log set id = 0 where id = 1") // after the first part was read
		}
	}
	found := look(t, m, ring, discover.Request{Depth: discover.Full})
	if !moved || len(found.Unlisted) != 1 || found.Unlisted[0].Opened == 0 {
		t.Fatalf("moved %t, found %+v", moved, found.Unlisted)
	}
	d.exec("update log set body = '' where id = 0")
	late := false
	m.before = func(_ int64, chunk discover.Chunk) {
		if chunk.From > 0 && !late {
			late = true
			d.exec("insert into log values (1, $1)", versioned) // into a part that was read
		}
	}
	if found := look(t, m, ring, discover.Request{Depth: discover.Full}); !late || len(found.Unlisted) != 1 {
		t.Errorf("written after its part was read: %t, found %+v", late, found.Unlisted)
	}
}

// If this fails, a table that is rewritten while it is searched reads as empty, and its key
// goes.
func TestSearchNoticesARewrite(t *testing.T) {
	t.Parallel()
	d, ring := newDatabase(t), newRing(t)
	versioned, _ := sealedPair(t, ring)
	d.exec("create table notes (id int, body text)")
	d.exec("insert into notes values (1, $1)", versioned)
	for _, times := range []int64{1, 1 << 30} {
		rewrites := int64(0)
		m := &meddler{Opener: pgdiscover.New(d.db), before: func(_ int64, chunk discover.Chunk) {
			if chunk.Relation.Name == "notes" && rewrites < times {
				rewrites++
				d.exec("vacuum full notes")
			}
		}}
		found := look(t, m, ring, discover.Request{Depth: discover.Full})
		unread := codes(found.Unread)
		if once := times == 1; once && (len(unread) > 0 || len(found.Unlisted) != 1 || found.Unlisted[0].Values != 1) ||
			!once && !slices.Equal(unread, []string{"public.notes table_rewritten"}) {
			t.Errorf("%d rewrites: not read %v, found %+v", rewrites, unread, found.Unlisted)
		}
	}
}

func codes(list []finding.Finding) (codes []string) {
	for _, found := range list {
		codes = append(codes, found.Where+" "+string(found.Code))
	}
	slices.Sort(codes)
	return codes
}

// If this fails, a table that is made during a search is searched by nobody.
func TestSearchSeesATableThatIsMade(t *testing.T) {
	t.Parallel()
	d, ring := newDatabase(t), newRing(t)
	versioned, _ := sealedPair(t, ring)
	m := &meddler{Opener: pgdiscover.New(d.db), before: func(number int64, _ discover.Chunk) {
		if number == 1 {
			d.exec("create table a_late_one as select $1::text as body", versioned)
		}
	}}
	if diff := cmp.Diff([]string{"public.a_late_one.body"}, names(look(t, m, ring, discover.Request{Depth: discover.Full}).Unlisted)); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
}

// If this fails, one column or table that cannot be read hides the others, or passes for one
// that was looked at.
func TestSearchSaysWhatItCouldNotRead(t *testing.T) {
	t.Parallel()
	d, ring := newDatabase(t), newRing(t)
	versioned, _ := sealedPair(t, ring)
	d.exec(`create type odd; create function odd_in(cstring) returns odd language internal immutable strict as 'textin';
		create function odd_out(odd) returns cstring language internal immutable strict as 'trigger_out';
		create type odd (input = odd_in, output = odd_out, like = text, category = 'S')`)
	d.exec("create table mixed (id int primary key, strange odd, body text)")
	d.exec("insert into mixed values (1, 'x', $1)", versioned)
	d.exec("create table held (id int, body text)")
	other, err := d.conn.Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Rollback(context.Background()) }()
	d.exec("lock table held in access exclusive mode")
	// What can never be read may be vouched for; a lock passes.
	known := append(ocmt.KnownColumns(), ocmt.Known{Table: "mixed", Column: "strange"}, ocmt.Known{Table: "held", Column: "body"})
	vouched, err := discover.Search(context.Background(), pgdiscover.New(d.db), ring, discover.Request{Catalogue: ocmt.Catalogue(), Known: known, Depth: discover.Full}, silent{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"public.held locked"}, codes(vouched.Unread)); diff != "" || !slices.Equal(vouched.OnTrust, []string{"public.mixed.strange"}) {
		t.Errorf("on trust %v, not read (-want +got):\n%s", vouched.OnTrust, diff)
	}
	for _, depth := range []discover.Depth{discover.Sample, discover.Auto, discover.Full} {
		found := look(t, pgdiscover.New(d.db), ring, discover.Request{Depth: depth})
		if diff := cmp.Diff([]string{"public.held locked", "public.mixed.strange unreadable"}, codes(found.Unread)); diff != "" {
			t.Errorf("%s: not read (-want +got):\n%s", depth, diff)
		}
		if diff := cmp.Diff([]string{"public.mixed.body"}, names(found.Unlisted)); diff != "" {
			t.Errorf("%s: found (-want +got):\n%s", depth, diff)
		}
	}
}

// If this fails, a run is refused for copies that follow by themselves, or a copy that does not
// keeps a key for ever, because nobody says what renews it.
func TestSearchTellsCopiesApart(t *testing.T) {
	t.Parallel()
	d, ring := newDatabase(t), newRing(t)
	versioned, _ := sealedPair(t, ring)
	d.exec("insert into secrets values ('a', $1)", versioned)
	d.exec("alter table secrets add column copy text generated always as (value_encrypted) stored")
	d.exec("create materialized view shown as select key, value_encrypted from secrets")
	d.exec("create materialized view empty as select key, value_encrypted from secrets with no data")
	for _, depth := range []discover.Depth{discover.Sample, discover.Full} {
		found := look(t, pgdiscover.New(d.db), ring, discover.Request{Depth: depth})
		got := []string{}
		for _, find := range found.Unlisted {
			got = append(got, fmt.Sprintf("%s %s %t", find, find.Derived, find.Movable))
		}
		want := []string{"public.secrets.copy generated_column false", "public.shown.value_encrypted materialized_view false"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("found (-want +got):\n%s", diff)
		}
		if list := found.Findings(ring); len(list) > 0 {
			t.Errorf("a run is refused: %v", list)
		}
	}
}

// If this fails, the advice about a column cannot be followed: it names a key that names no row,
// or none where there is one.
func TestFindNamesAKeyOfOneColumn(t *testing.T) {
	t.Parallel()
	d, ring := newDatabase(t), newRing(t)
	versioned, _ := sealedPair(t, ring)
	for table, columns := range map[string]string{
		"primary_key": "id int primary key, other int not null unique, v text",
		"unique_key":  "id int not null unique, v text",
		"two_columns": "id int, part int, v text, primary key (id, part)",
		"may_be_null": "id int unique, v text",
		"no_key":      "id int, v text",
	} {
		d.exec("create table " + table + " (" + columns + ")")
		columns := "id, v"
		values := "1, $1"
		switch table {
		case "primary_key":
			columns, values = "id, other, v", "1, 2, $1"
		case "two_columns":
			columns, values = "id, part, v", "1, 2, $1"
		}
		d.exec("insert into "+table+" ("+columns+") values ("+values+")", versioned)
	}
	for _, find := range look(t, pgdiscover.New(d.db), ring, discover.Request{Depth: discover.Full}).Unlisted {
		want := map[string]string{"primary_key": "key: id,", "unique_key": "key: id,"}[find.Table]
		if want == "" {
			want = "ADD COLUMN ocmt_row uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE"
		}
		if movable := want == "key: id,"; find.Movable != movable {
			t.Errorf("%s: movable %t", find.Table, find.Movable)
		}
		if fix := find.Fix(); !strings.Contains(fix, want) {
			t.Errorf("%s: %s", find.Table, fix)
		}
	}
}

// If this fails, a value stands where no run moves it and no search looks, and its key goes: in a
// partition that is no longer read through its table, in a schema of the server, or in what was
// added to the record of runs.
func TestSearchLeavesNoTableOut(t *testing.T) {
	t.Parallel()
	d, ring := newDatabase(t), newRing(t)
	versioned, _ := sealedPair(t, ring)
	d.exec("drop table alert_channels")
	d.exec("create table alert_channels (id int, config_encrypted text) partition by list (id)")
	d.exec("create table one partition of alert_channels for values in (1)")
	d.exec("create table two partition of alert_channels for values in (2)")
	d.exec("insert into alert_channels values (1, $1), (2, $1)", versioned)
	d.cutOffDetach("alert_channels", "two")
	d.exec("create table information_schema.mine as select $1::text as v", versioned)
	d.exec("alter table encryption_migrations add note text")
	d.exec("create table child () inherits (encryption_keys)")
	d.exec("insert into child (version, key_id, metadata) values (7, 'a', jsonb_build_object('a', $1::text))", versioned)
	d.exec("insert into encryption_migrations (from_version, to_version, table_name, column_name, note) values (0, 1, 'a', 'b', $1)", versioned)
	want := []string{"information_schema.mine.v", "public.child.metadata", "public.encryption_migrations.note", "public.two.config_encrypted"}
	if diff := cmp.Diff(want, names(look(t, pgdiscover.New(d.db), ring, discover.Request{Depth: discover.Auto}).Unlisted)); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
}
