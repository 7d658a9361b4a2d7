package pgchain_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/postgres/pgchain"
	"github.com/ocmt/ocmt/internal/testenv"
)

// tableSQL is the table as the tool makes it.
const tableSQL = `create table ocmt.record (sequence bigint primary key check (sequence > 0), at timestamptz not null, operator text not null, host text not null, command text not null,
	action text not null, subject text not null, details text not null, previous text not null unique, hash text not null unique)`

// setTrap makes an account EVE who may make a schema, and functions that tell that they were called. It
// returns the name of the account.
func (d *database) setTrap() string {
	d.t.Helper()
	eve := "eve_" + d.name
	d.exec("create role " + eve + " login; grant create on database " + d.name + " to " + eve + `; create schema trap authorization ` + eve + `;
		create sequence trap.called; grant usage on sequence trap.called to public; set role ` + eve + `;
		create function trap.spring(anyelement) returns anyelement language plpgsql immutable as $$ begin perform nextval('trap.called'); return $1; end $$;
		create function trap.fire() returns trigger language plpgsql as $$ begin perform nextval('trap.called'); return new; end $$; reset role`)
	return eve
}

// foreignRecords are things with the name of the record: how they are made, and what is said of them.
func foreignRecords() map[string][2]string {
	const view = "select 1::bigint as sequence, now() as at, trap.spring('a'::text) as operator, '' as host, '' as command, '' as action, '' as subject, '{}' as details, '' as previous, '' as hash"
	const ours = "create schema ocmt; " + tableSQL + "; "
	return map[string][2]string{
		"view":                 {"create schema ocmt authorization EVE; set role EVE; create view ocmt.record as " + view + "; reset role", "EVE"},
		"view in our schema":   {"create schema ocmt; grant all on schema ocmt to EVE; set role EVE; create view ocmt.record as " + view + "; reset role", "belongs to EVE, is a view"},
		"materialized view":    {"create schema ocmt; create materialized view ocmt.record as " + view + " with no data", "a materialized view"},
		"partitioned table":    {"create schema ocmt; create table ocmt.record (sequence bigint) partition by list (trap.spring(sequence))", "a partitioned table"},
		"sequence":             {"create schema ocmt; create sequence ocmt.record", "a sequence"},
		"table of another":     {"create schema ocmt; grant all on schema ocmt to EVE; set role EVE; " + tableSQL + "; reset role", "belongs to EVE"},
		"schema of another":    {"create schema ocmt authorization EVE; " + tableSQL, "the schema ocmt belongs to EVE"},
		"empty schema":         {"create schema ocmt authorization EVE", "the schema ocmt belongs to EVE"},
		"trigger":              {ours + "create trigger t before insert on ocmt.record for each row execute function trap.fire()", "the trigger t with a function of EVE"},
		"condition of trigger": {ours + "create trigger t before update on ocmt.record for each row when (trap.spring(new.sequence) > 0) execute function suppress_redundant_updates_trigger()", "the trigger t"},
		"rule":                 {ours + "create rule r as on insert to ocmt.record do also select trap.spring(1)", "the rule r"},
		"row security":         {ours + "create policy p on ocmt.record using (trap.spring(sequence) > 0); alter table ocmt.record enable row level security", "row security"},
		"default":              {ours + "alter table ocmt.record add extra text; alter table ocmt.record alter extra set default trap.spring('a'::text)", "a default"},
		"generated column":     {ours + "alter table ocmt.record add extra text generated always as (trap.spring(host)) stored", "a default or generated column"},
		"check":                {ours + "alter table ocmt.record add check (trap.spring(sequence) > 0)", "a constraint"},
		"type":                 {"create domain trap.word as text check (trap.spring(value) <> ''); " + ours + "alter table ocmt.record alter host type trap.word", "a column of a type"},
		"expression of index":  {ours + "create index on ocmt.record (trap.spring(host))", "an index with an expression"},
		"partition":            {"create schema ocmt; create table trap.parent (sequence bigint) partition by list (trap.spring(sequence)); create table ocmt.record partition of trap.parent default", "a part of another table"},
	}
}

// If this fails, whoever may make a schema has their functions called with the rights of the operator.
func TestWhatOthersMadeIsNotTheRecord(t *testing.T) {
	t.Parallel()
	for name, c := range foreignRecords() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			eve := d.setTrap()
			d.exec(strings.ReplaceAll(c[0], "EVE", eve))
			d.exec("alter sequence trap.called restart")
			says := strings.ReplaceAll(c[1], "EVE", eve)
			var missing missed
			db := open(t, d.url)
			store := pgchain.New(db, author, missing.add)
			var foreign *pgchain.ForeignError
			if _, err := store.Verify(t.Context(), ""); !errors.As(err, &foreign) || !strings.Contains(err.Error(), says) {
				t.Errorf("verifying: %v", err)
			}
			if _, _, err := store.Entries(t.Context(), chain.Query{Subject: "a"}); !errors.As(err, &foreign) {
				t.Errorf("reading: %v", err)
			}
			if _, err := store.SQL(t.Context()); !errors.As(err, &foreign) {
				t.Errorf("printing SQL: %v", err)
			}
			if prospect, err := store.Prospect(t.Context()); err != nil || !strings.Contains(prospect.Reason, says) || prospect.Made || prospect.Fix == "" {
				t.Errorf("%+v, %v", prospect, err)
			}
			if err := change(t.Context(), db, store, "1"); err != nil || len(missing.reasons) != 1 || !strings.Contains(missing.reasons[0], says) {
				t.Errorf("%v, %q", err, missing.reasons)
			}
			if d.text("select count(*)::text from changes") != "1" || d.text("select is_called::text from trap.called") != "false" {
				t.Error("the change was not made, or a function of another account was called")
			}
		})
	}
}

// If this fails, functions and operators of others that the search path of an account names are called
// with its rights; or the transaction that an entry is part of goes on
// with that search path.
func TestSearchPathOfTheAccountCallsNothing(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.setTrap()
	d.exec(`create function trap.hit() returns boolean language plpgsql as $$ begin perform nextval('trap.called'); return true; end $$;
		create function trap.equals(name, text) returns boolean language sql as 'select trap.hit()'; create operator trap.= (leftarg = name, rightarg = text, function = trap.equals);
		create function trap.now() returns timestamptz language sql as 'select trap.hit(); select pg_catalog.now()';
		create function trap.to_char(timestamp, text) returns text language sql as 'select trap.hit(); select null::text';
		create function trap.set_config(text, text, boolean) returns text language sql as 'select trap.hit(); select null::text';
		create function trap.current_setting(text) returns text language sql as 'select trap.hit(); select null::text';
		alter sequence trap.called restart; alter database ` + d.name + ` set search_path = trap, pg_catalog, public`)
	db := open(t, d.url)
	store := newStore(t, d.url)
	if err := db.With(t.Context(), func(conn *pgconn.PgConn) error {
		return postgres.InTransaction(t.Context(), conn, func() error {
			if err := store.Append(t.Context(), conn, event(1)); err != nil {
				return err
			}
			rows, err := postgres.QueryRows(t.Context(), conn, "show search_path")
			if err == nil && rows[0][0] != postgres.OwnPath {
				t.Errorf("the search path is %s", rows[0][0])
			}
			return err
		})
	}); err != nil {
		t.Fatal(err)
	}
	if report := mustVerify(t, store, ""); report.Break != nil || report.Count != 1 {
		t.Errorf("%+v", report)
	}
	if _, _, err := store.Entries(t.Context(), chain.Query{Actions: []string{"x"}, Subject: "y"}); err != nil {
		t.Error(err)
	}
	if d.text("select is_called::text from trap.called") != "false" {
		t.Error("a function of another account was called")
	}
}

// If this fails, a deployment whose DBA owns the record, and keeps its entries from changes with a
// trigger, has no record; or an account whose role owns it has none.
func TestTrustedOwners(t *testing.T) {
	t.Parallel()
	server := testenv.Shared(t)
	d := newDatabase(t)
	role, group := "rotator_"+d.name, "group_"+d.name
	d.exec("create role " + role + " login; create role " + group + "; grant " + group + " to " + role + "; grant insert, select on changes to " + role + "; create schema ocmt; " + tableSQL +
		"; grant usage on schema ocmt to " + role + "; grant select, insert on ocmt.record to " + role + `;
		create function keep() returns trigger language plpgsql as $$ begin raise exception 'entries stay'; end $$;
		create trigger keep before update or delete on ocmt.record for each row execute function keep()`)
	address := server.URL(role, d.name)
	store, db := newStore(t, address), open(t, address)
	for n, owner := range []string{"postgres", group, role} {
		d.exec("alter table ocmt.record owner to " + owner)
		if err := change(t.Context(), db, store, "1"); err != nil {
			t.Errorf("%s: %v", owner, err)
		}
		if report := mustVerify(t, store, ""); report.Break != nil || report.Count != int64(n+1) {
			t.Errorf("%s: %+v", owner, report)
		}
	}
}

// If this fails, whoever puts something in the way of an entry has a change made that no entry tells of.
func TestRecordThatRefusesStopsTheChange(t *testing.T) {
	t.Parallel()
	trigger := func(body string) string {
		return "create function no() returns trigger language plpgsql as $$ begin " + body + "; end $$; create trigger no before insert on ocmt.record for each row execute function no()"
	}
	for name, sql := range map[string]string{
		"trigger":                    trigger("raise exception 'no'"),
		"trigger that lacks a right": trigger("raise insufficient_privilege"),
		"trigger that passes over":   trigger("return null"),
		"column that must be filled": "alter table ocmt.record add extra text; update ocmt.record set extra = 'x'; alter table ocmt.record alter extra set not null",
		"an entry with another head": "insert into ocmt.record select 1, at, operator, host, command, action, subject, details, hash, 'b' from ocmt.record where sequence = 2",
		"no unique number":           "alter table ocmt.record drop constraint record_pkey",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			store, db := newStore(t, d.url), open(t, d.url)
			fill(t, store, 2)
			if strings.HasPrefix(sql, "insert") {
				d.exec("delete from ocmt.record where sequence = 1")
			}
			d.exec(sql)
			var refused *pgchain.RefusedError
			if err := change(t.Context(), db, store, "1"); !errors.As(err, &refused) || refused.Place != "ocmt.record" {
				t.Errorf("%v", err)
			}
			if d.text("select count(*)::text from changes") != "0" {
				t.Error("the change was made")
			}
		})
	}
}

// If this fails, any account that may connect keeps every change from its entry, and so from being made.
func TestAccountWithoutRightsKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	fill(t, newStore(t, d.url), 1)
	db, err := postgres.New(d.url, postgres.Options{ApplicationName: "ocmt-test", LockTimeout: 50 * time.Millisecond, StatementTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	role := "anybody_" + d.name
	d.exec("create role " + role + " login; set role " + role + "; begin; select pg_advisory_xact_lock(8026379307706838635)")
	if err := change(t.Context(), db, pgchain.New(db, author, func(prospect chain.Prospect) { t.Errorf("no entry: %s", prospect.Reason) }), "1"); err != nil {
		t.Error(err)
	}
	d.exec("rollback; reset role")
}
