package pgchain_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/postgres/pgchain"
	"github.com/ocmt/ocmt/internal/testenv"
)

// moment is a time for entries that are made without a database.
var moment = time.Date(2026, 3, 1, 4, 30, 0, 0, time.UTC)

// If this fails, commands at once, or ones that are killed, break the record or leave a change
// without its entry: directly, and behind a pool that hands out transactions.
func TestWritersAreKilled(t *testing.T) {
	t.Parallel()
	bouncer, err := testenv.StartPgBouncer(t.Context(), testenv.Shared(t), "transaction", "default_pool_size = 8")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bouncer.Stop)
	for _, way := range []string{"direct", "pooled"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			address := d.url
			if way == "pooled" {
				address = bouncer.URL("postgres", d.name)
			}
			killed := writeWhileKilled(t, d, address)
			store := newStore(t, d.url)
			report := mustVerify(t, store, "")
			if report.Break != nil {
				t.Errorf("%+v", report.Break)
			}
			if changes := d.text("select count(*)::text from changes"); changes != strconv.FormatInt(report.Count, 10) {
				t.Errorf("%s changes and %d entries", changes, report.Count)
			}
			if without := d.text("select count(*)::text from changes where not exists (select from ocmt.record where subject = n::text)"); without != "0" {
				t.Errorf("%s changes have no entry", without)
			}
			if killed == 0 || report.Count < 40 {
				t.Errorf("%d connections were killed, %d entries made: this tests nothing", killed, report.Count)
			}
			t.Logf("%d entries, %d connections killed", report.Count, killed)
		})
	}
}

// writeWhileKilled lets 20 writers change something while their server processes are ended. It
// returns how many were.
func writeWhileKilled(t *testing.T, d *database, address string) int64 {
	t.Helper()
	const writers, each = 20, 12
	var number, killed atomic.Int64
	var work sync.WaitGroup
	for range writers {
		work.Go(func() {
			db := open(t, address)
			store := pgchain.New(db, author, func(prospect chain.Prospect) { t.Errorf("no entry: %s", prospect.Reason) })
			for range each {
				if err := change(t.Context(), db, store, strconv.FormatInt(number.Add(1), 10)); err != nil && !isLost(err) {
					t.Errorf("%v", err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { work.Wait(); close(done) }()
	for {
		select {
		case <-done:
			return killed.Load()
		case <-time.After(time.Duration(rand.IntN(40)) * time.Millisecond): // at random
		}
		if d.text(`select coalesce((select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
			and state <> 'idle' order by random() limit 1), false)::text`) == "true" {
			killed.Add(1)
		}
	}
}

// If this fails, the record says that something was done that was taken back, or the reverse.
func TestEntryIsPartOfItsTransaction(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	db := open(t, d.url)
	store := newStore(t, d.url)
	fill(t, store, 1)
	d.exec("create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$; create constraint trigger refuse after insert on changes deferrable initially deferred for each row when (new.n = 7) execute function refuse()")
	if err := change(t.Context(), db, store, "7"); err == nil {
		t.Fatal("the change was not refused")
	}
	if err := change(t.Context(), db, store, "8"); err != nil {
		t.Fatal(err)
	}
	report := mustVerify(t, store, "")
	if report.Break != nil || report.Count != 2 {
		t.Errorf("%+v, %+v", report, report.Break)
	}
	entries, there, err := store.Entries(t.Context(), chain.Query{Limit: 1})
	if err != nil || !there || entries[0].Subject != "8" || entries[0].Hash() != report.Head || entries[0].Author != author {
		t.Errorf("%+v, %t, %v", entries, there, err)
	}
}

// If this fails, an account that may not make the table is locked out of its rotation, or is not told
// what it needs; or what it is told does not help.
func TestAccountWithoutRights(t *testing.T) {
	t.Parallel()
	server := testenv.Shared(t)
	d := newDatabase(t)
	role := "plain_" + d.name
	d.exec("create role " + role + " login; grant insert, select on changes to " + role)
	var missing missed
	db := open(t, server.URL(role, d.name))
	store := pgchain.New(db, author, missing.add)
	prospect, err := store.Prospect(t.Context())
	if err != nil || prospect.Made || !strings.Contains(prospect.Advice(), "grant create on database") || !strings.Contains(prospect.Advice(), "--record") {
		t.Errorf("%+v, %v", prospect, err)
	}
	if err := change(t.Context(), db, store, "1"); err != nil {
		t.Fatal(err)
	}
	if len(missing.reasons) != 1 || d.text("select count(*)::text from changes") != "1" {
		t.Errorf("%q", missing.reasons)
	}
	if _, err := store.Verify(t.Context(), ""); !errors.Is(err, chain.ErrNone) {
		t.Errorf("%v", err)
	}
	if _, there, err := store.Entries(t.Context(), chain.Query{}); there || err != nil {
		t.Errorf("%t, %v", there, err)
	}

	statements, err := store.SQL(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d.exec(statements)
	if err := change(t.Context(), db, store, "2"); err != nil || len(missing.reasons) != 1 {
		t.Fatalf("%v, %q", err, missing.reasons)
	}
	if report := mustVerify(t, store, ""); report.Break != nil || report.Count != 1 {
		t.Errorf("%+v", report)
	}
	for _, forbidden := range []string{"update ocmt.record set action = 'x'", "delete from ocmt.record", "truncate ocmt.record", "drop table ocmt.record"} {
		if err := testenv.Exec(t.Context(), server.URL(role, d.name), forbidden); err == nil {
			t.Errorf("the account may %s", forbidden)
		}
	}
	if again, err := store.SQL(t.Context()); err != nil || again != "" {
		t.Errorf("%q, %v", again, err)
	}

	d.exec("revoke select on ocmt.record from " + role)
	var unreadable *pgchain.ReadError
	if _, err := store.Verify(t.Context(), ""); !errors.As(err, &unreadable) || !strings.Contains(unreadable.Prospect.Advice(), "grant select on") {
		t.Errorf("%v", err)
	}
	if _, there, err := store.Entries(t.Context(), chain.Query{}); !there || !errors.As(err, &unreadable) {
		t.Errorf("%t, %v", there, err)
	}
	if err := change(t.Context(), db, store, "3"); err != nil || len(missing.reasons) != 2 {
		t.Errorf("%v, %q", err, missing.reasons)
	}
	if statements, err = store.SQL(t.Context()); err != nil || strings.Contains(statements, "create") {
		t.Fatalf("%q, %v", statements, err)
	}
	d.exec(statements)
	if err := change(t.Context(), db, store, "4"); err != nil || len(missing.reasons) != 2 {
		t.Errorf("%v, %q", err, missing.reasons)
	}
}

// If this fails, the servers of an account named ocmt, which look into a schema of that name before
// public, make their tables there and find them empty.
func TestSchemaIsNotThatOfAnAccount(t *testing.T) {
	t.Parallel()
	server, err := testenv.StartPostgres(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	if err := testenv.Exec(t.Context(), server.URL("postgres", "postgres"), "create role ocmt login superuser"); err != nil {
		t.Fatal(err)
	}
	d := newDatabaseOn(t, server)
	store := newStore(t, server.URL("ocmt", d.name))
	prospect, err := store.Prospect(t.Context())
	if err != nil || !prospect.Made || prospect.Place != "ocmt_tool.record" {
		t.Fatalf("%+v, %v", prospect, err)
	}
	fill(t, store, 2)
	if report := mustVerify(t, store, ""); report.Break != nil || report.Count != 2 {
		t.Errorf("%+v", report)
	}
	if err := testenv.Exec(t.Context(), server.URL("ocmt", d.name), "create table if not exists changes (n int); create table made ()"); err != nil {
		t.Fatal(err)
	}
	if where := d.text("select string_agg(relnamespace::regnamespace::text, ',') from pg_class where relname in ('changes', 'made')"); where != "public,public" {
		t.Errorf("the server made its tables in %s", where)
	}
	d.exec("create schema ocmt; create table ocmt.record (like ocmt_tool.record)")
	if _, err := store.Verify(t.Context(), ""); !errors.Is(err, pgchain.ErrTwoRecords) {
		t.Errorf("%v", err)
	}
}

// If this fails, a writer that hangs stops every other for ever, or lets it go on without its entry.
func TestWaitForAnotherWriterEnds(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	fill(t, newStore(t, d.url), 1)
	db, err := postgres.New(d.url, postgres.Options{ApplicationName: "ocmt-test", LockTimeout: 50 * time.Millisecond, StatementTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	store := pgchain.New(db, author, func(prospect chain.Prospect) { t.Errorf("went on: %s", prospect.Reason) })
	d.exec("begin; insert into ocmt.record select 2, at, operator, host, command, action, subject, details, hash, 'x' from ocmt.record")
	var failure *postgres.FailureError
	if err := change(t.Context(), db, store, "1"); !errors.As(err, &failure) || failure.Kind != postgres.InTheWay {
		t.Errorf("%v", err)
	}
	d.exec("rollback")
	if err := change(t.Context(), db, store, "2"); err != nil {
		t.Error(err)
	}
	if changes := d.text("select string_agg(n::text, ',') from changes"); changes != "2" {
		t.Errorf("changes %s", changes)
	}
}

// If this fails, a check of the record sees the wrong entries, or an old one for the newest.
func TestEntries(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	store := newStore(t, d.url)
	fill(t, store, 4)
	for _, c := range []struct {
		query chain.Query
		want  []int64
	}{
		{chain.Query{}, []int64{4, 3, 2, 1}},
		{chain.Query{Limit: 2}, []int64{4, 3}},
		{chain.Query{Limit: 2, Before: 3}, []int64{2, 1}},
		{chain.Query{Actions: []string{chain.ActionRunBegun, "x"}, Subject: "version 2"}, []int64{3}},
		{chain.Query{Actions: []string{chain.ActionRunEnded}}, nil},
	} {
		entries, there, err := store.Entries(t.Context(), c.query)
		if err != nil || !there {
			t.Fatalf("%t, %v", there, err)
		}
		var got []int64
		for _, entry := range entries {
			got = append(got, entry.Sequence)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v", c.query, got)
		}
	}
}
