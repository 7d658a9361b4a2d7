package pgaudit_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/postgres/pgaudit"
	"github.com/ocmt/ocmt/internal/testenv"
)

// trapDoors are operators and functions that fit the columns of OCMT better than PostgreSQL's own.
const trapDoors = `
	create function public.trap(varchar, text) returns boolean language plpgsql as $$ begin raise exception 'the code of another ran'; end $$;
	create operator public.!~ (leftarg = varchar, rightarg = text, function = public.trap);
	create operator public.~ (leftarg = varchar, rightarg = text, function = public.trap);
	create operator public.<> (leftarg = varchar, rightarg = text, function = public.trap);
	create function public.lower(varchar) returns text language plpgsql as $$ begin raise exception 'the code of another ran'; end $$;
	create function public.length(varchar) returns integer language plpgsql as $$ begin raise exception 'the code of another ran'; end $$;
	create function public.format(text, varchar) returns text language plpgsql as $$ begin raise exception 'the code of another ran'; end $$;
	create function public.array_position(text[], text) returns integer language plpgsql as $$ begin raise exception 'the code of another ran'; end $$;
	create function public.unnest(text[]) returns setof text language plpgsql as $$ begin raise exception 'the code of another ran'; end $$;
	create function public.quote_ident(name) returns text language plpgsql as $$ begin raise exception 'the code of another ran'; end $$`

// Whoever may make objects in a schema of the search path would run code with the rights of the auditor, and
// make checks pass.
func TestAuditRunsNoForeignCode(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	d.exec("alter table sessions alter token type varchar(255); alter table magic_links alter token type varchar(255); alter table users alter email type varchar(255)")
	mallory := d.role("login")
	d.exec("grant create on schema public to " + mallory + "; set role " + mallory)
	d.exec(trapDoors)
	d.exec("reset role")
	d.exec(addUser + "; insert into sessions (token, expires_at) values ('raw', now() + interval '1 day'); insert into magic_links (email, token, expires_at) values ('a', 'raw', now() + interval '1 hour')")
	d.finds("OCMT-TOK-001", audit.Critical, "public.sessions.token")
	d.finds("OCMT-TOK-002", audit.High, "public.magic_links.token")
	wantFinding(t, d.audit(d.url, settings{"ADMIN_EMAILS": "a@example.org"}, "TOK-010")["OCMT-TOK-010"], audit.High, "by ADMIN_EMAILS")
	super := testenv.Shared(t).URL("postgres", d.name)
	for id, r := range d.audit(super, settings{"ADMIN_EMAILS": "a@example.org"}, "PG", "TOK") {
		for _, gap := range r.Gaps {
			if strings.Contains(gap.Reason, "the code of another ran") || strings.Contains(gap.Reason, "trigger") {
				t.Errorf("%s: %+v", id, gap)
			}
		}
	}
}

// A cast of a column's own type is code of others too.
func TestCastsOfOthers(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	d.exec(`create type public.odd as (x text);
		create function public.odd_text(public.odd) returns text language plpgsql as $$ begin raise exception 'the code of another ran'; end $$;
		create cast (public.odd as text) with function public.odd_text(public.odd) as implicit;
		create domain public.token as varchar(255);
		alter table sessions alter token type public.token; insert into sessions (token, expires_at) values ('raw', now() + interval '1 day')`)
	d.finds("OCMT-TOK-001", audit.Critical, "public.sessions.token")
	d.exec("alter table sessions drop token; alter table sessions add token public.odd default row('raw')::public.odd; grant select on sessions to ocmt_auditor")
	if r := d.one("OCMT-TOK-001"); r.Outcome != audit.Unchecked || len(r.Gaps) != 1 || !strings.Contains(r.Gaps[0].Reason, "casts") {
		t.Errorf("a column with a cast: %s, findings %+v, gaps %+v", r.Outcome, r.Findings, r.Gaps)
	}
}

// An audit that keeps its locks until it ends holds up every migration of the deployment, and the servers
// behind it; one that waits for a lock holds up whoever waits for its report.
func TestLocks(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	d := newDeployment(t, testenv.Shared(t))
	db := d.open(d.url)
	snapshot, err := pgaudit.Open(ctx, db, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Close(ctx)
	if _, err := snapshot.Unhashed(ctx, "sessions", "token"); err != nil {
		t.Fatal(err)
	}
	table := audit.ValueTable{Schema: "public", Name: "secrets", Columns: []audit.ValueColumn{{Name: "value_encrypted"}}}
	if err := snapshot.Values().ReadValues(ctx, table, func(audit.ValueRow) error { return nil }); err != nil {
		t.Fatal(err)
	}
	const locks = "select count(*)::text from pg_locks l join pg_class c on c.oid = l.relation where c.relnamespace = 'public'::regnamespace and l.pid in (select pid from pg_stat_activity where usename = "
	if held := d.value(locks + "'" + d.auditor + "')"); held != "0" {
		t.Errorf("%s locks are held after the questions", held)
	}
	d.exec("begin; lock table sessions, secrets in access exclusive mode")
	defer d.exec("rollback")
	_, err = snapshot.Unhashed(ctx, "sessions", "token")
	for _, err := range []error{err, snapshot.Values().ReadValues(ctx, table, func(audit.ValueRow) error { return nil })} {
		var gap *audit.GapError
		if !errors.As(err, &gap) || !strings.Contains(gap.Gap.Reason, "holds a lock") {
			t.Errorf("a table that is locked: %v", err)
		}
	}
}
