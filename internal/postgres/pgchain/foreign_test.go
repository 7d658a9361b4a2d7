package pgchain_test

import (
	"context"
	"errors"
	"testing"

	"github.com/ocmt/ocmt/internal/chain"
	"github.com/ocmt/ocmt/internal/postgres/pgchain"
)

// If this fails, whoever may make a schema has code of his run with the rights of the operator, or takes entries
// away while they are written.
func TestForeignRecordIsNotCalled(t *testing.T) {
	t.Parallel()
	const columns = "1::bigint as sequence, now() as at, ''::text as operator, ''::text as host, ''::text as command, ''::text as action, ''::text as subject, ''::text as details, ''::text as previous, "
	const called = "create function public.called() returns text language plpgsql as 'begin raise exception ''called''; end';"
	for name, c := range map[string]struct {
		sql     string
		adding  bool // only adding is refused
		without bool // the tool has made no record before
	}{
		"a view":               {called + "create schema ocmt; create view ocmt.record as select " + columns + "public.called() as hash", false, true},
		"a materialized view":  {"create schema ocmt; create materialized view ocmt.record as select " + columns + "''::text as hash", false, true},
		"row security":         {"alter table ocmt.record enable row level security", false, false},
		"a type of somebody":   {"create domain public.mine as text; alter table ocmt.record alter column subject type public.mine", false, false},
		"an heir":              {"create table public.heir () inherits (ocmt.record)", false, false},
		"a trigger":            {"create function public.stop() returns trigger language plpgsql as 'begin return null; end'; create trigger stop before insert on ocmt.record for each row execute function public.stop()", true, false},
		"a rule":               {"create rule stop as on insert to ocmt.record do instead nothing", true, false},
		"a constraint":         {"create function public.fits(text) returns boolean language sql as 'select true'; alter table ocmt.record add check (public.fits(subject))", true, false},
		"an index that calls":  {"create function public.low(text) returns text immutable language sql as 'select $1'; create index on ocmt.record (public.low(subject))", true, false},
		"a default that calls": {"create function public.given() returns text language sql as 'select ''x''::text'; alter table ocmt.record alter column subject set default public.given()", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			store := newStore(t, d.url)
			if !c.without {
				fill(t, store, 3)
			}
			d.exec(c.sql)
			store = newStore(t, d.url) // that of the next command
			var foreign *pgchain.ForeignRecordError
			if _, err := store.Verify(context.Background(), ""); errors.As(err, &foreign) == c.adding {
				t.Errorf("verifying: %v", err)
			}
			if _, _, err := store.Entries(context.Background(), chain.Query{}); errors.As(err, &foreign) == c.adding {
				t.Errorf("reading: %v", err)
			}
			if _, err := store.Prospect(context.Background()); !errors.As(err, &foreign) {
				t.Errorf("before a change: %v", err)
			}
			if err := store.Add(context.Background(), event(9)); !errors.As(err, &foreign) {
				t.Errorf("adding: %v", err)
			}
		})
	}
}
