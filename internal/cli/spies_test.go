package cli_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ocmt/ocmt/internal/testenv"
)

// spiesSQL puts into the schema public a function, an operator and a type for each one of PostgreSQL's own that takes
// usual types, and operators that fit better than PostgreSQL's. Each counts that ocmt called it; for the statements of a script the
// operators do what PostgreSQL's do. On the search path
// spiedPath they come first.
const spiesSQL = `create sequence public.ocmt_spy_called; grant usage on sequence public.ocmt_spy_called to public;
create function public.spied() returns boolean language plpgsql as $f$ begin
	if pg_catalog.starts_with(pg_catalog.current_setting('application_name'), 'ocmt') then perform pg_catalog.nextval('public.ocmt_spy_called'); raise warning 'a spy was called'; end if;
	return true; end $f$;
do $do$
declare
	one record;
	body text := 'begin perform public.spied(); return%s; end';
	kinds oid[] := array['text','varchar','name','bpchar','uuid','int2','int4','int8','float8','numeric','bool','timestamptz','timestamp','date','interval','json','jsonb','oid',
		'regclass','xid','tid','inet','cidr','"char"','text[]','name[]','uuid[]','varchar[]','int2[]','int8[]','oid[]','int2vector','bytea','pg_lsn','txid_snapshot']::regtype[];
begin
	for one in select p.proname as name, pg_catalog.array_to_string(array(select a::regtype from pg_catalog.unnest(p.proargtypes) a), ', ') as args,
			p.proretset as many, p.prorettype::regtype as result from pg_catalog.pg_proc p
			where p.pronamespace = 'pg_catalog'::regnamespace and p.prokind in ('f', 'a') and p.proallargtypes is null and p.prorettype = any (kinds || 'void'::regtype::oid)
			and not exists (select from pg_catalog.unnest(p.proargtypes) a where a <> all (kinds)) and p.proname not in ('nextval') loop
		execute pg_catalog.format('create function public.%I(%s) returns %s%s language plpgsql as %L', one.name, one.args, case when one.many then 'setof ' else '' end, one.result,
			pg_catalog.format(body, case when one.many or one.result::text = 'void' then '' else ' null' end));
	end loop;
	execute 'create function public.unnest(text[]) returns setof text language plpgsql as ' || pg_catalog.quote_literal(pg_catalog.format(body, ''));
	execute 'create function public.array_position(text[], text) returns integer language plpgsql as ' || pg_catalog.quote_literal(pg_catalog.format(body, ' null'));
	execute 'create function public.cardinality(text[]) returns integer language plpgsql as ' || pg_catalog.quote_literal(pg_catalog.format(body, ' null'));
	for one in select row_number() over () as number, o.* from (
			select o.oprname as name, nullif(o.oprleft, 0)::regtype as l, o.oprright::regtype as r, o.oprresult::regtype as result from pg_catalog.pg_operator o
			where o.oprnamespace = 'pg_catalog'::regnamespace and o.oprresult = any (kinds) and o.oprright = any (kinds) and o.oprleft = any (kinds || 0::oid)
			union select n, l::regtype, r::regtype, 'boolean'::regtype from pg_catalog.unnest(array['=', '<>', '<', '>', '<=', '>=', '~', '!~', '~~', '~~*']) n,
				pg_catalog.unnest(array['varchar', 'text', 'name', 'bpchar']) l, pg_catalog.unnest(array['varchar', 'text', 'name', 'bpchar']) r) o
			-- one operator a name and types
			where not (o.l is not null and o.result::text <> 'boolean' and o.name in ('=', '<>', '<', '>', '<=', '>=')) loop
		begin
			execute pg_catalog.format('create function public.spy_%s(%s%s) returns %s language plpgsql as %L', one.number, one.l || ', ', one.r, one.result,
				pg_catalog.format(body, case when one.result::text = 'boolean' and one.l is not null then
					' ' || pg_catalog.format('$1::pg_catalog.text operator(pg_catalog.%s) $2::pg_catalog.text', one.name) else ' null' end));
			execute pg_catalog.format('create operator public.%s (function = public.spy_%s, %srightarg = %s)', one.name, one.number, 'leftarg = ' || one.l || ', ', one.r);
		exception when duplicate_function then null;
		end;
	end loop;
	for one in select t as name from pg_catalog.unnest(array['text', 'uuid', 'jsonb', 'xid', 'tid', 'oid', 'inet', 'timestamptz', 'name', 'regclass']) t loop
		execute pg_catalog.format('create domain public.%I as pg_catalog.%I check (public.spied())', one.name, one.name);
	end loop;
end $do$`

// spiedPath puts what others have made before what is PostgreSQL's own.
const spiedPath = "-c search_path=public,pg_catalog"

// spiedDatabases makes the databases of scripts, each a copy of one with spies.
var spiedDatabases struct {
	once     sync.Once
	template string
	err      error
	made     atomic.Int64
}

// makeSpiedDatabase makes an OCMT database with spies on the shared server, and lets ocmt run on their path. If a spy
// is called before the script ends, another role's operator or function ran with the rights of ocmt's account.
func makeSpiedDatabase(t *testing.T, server *testenv.Postgres, ts *testscript.TestScript) (name string) {
	t.Helper()
	ctx, all := context.Background(), &spiedDatabases
	all.once.Do(func() {
		var schema []byte
		if schema, all.err = os.ReadFile("../../testdata/schema.sql"); all.err == nil {
			all.template, all.err = server.CreateDatabase(ctx, string(schema), spiesSQL)
		}
	})
	ts.Check(all.err)
	const first = 1_000_000
	name = fmt.Sprintf("ocmt_%d", first+all.made.Add(1))
	ts.Check(testenv.Exec(ctx, server.URL("postgres", "postgres"), "create database "+name+" template "+all.template))
	ts.Setenv("PGOPTIONS", strings.TrimSpace(ts.Getenv("PGOPTIONS")+" "+spiedPath))
	script := ts.Name()
	ts.Defer(func() {
		conn, err := pgx.Connect(ctx, server.URL("postgres", name))
		if err != nil {
			return // the script has dropped it
		}
		defer func() { _ = conn.Close(ctx) }()
		var called bool
		if err := conn.QueryRow(ctx, "select is_called from public.ocmt_spy_called").Scan(&called); err != nil || called {
			t.Errorf("%s: an operator, a function or a type of another role was used: %v, %v", script, called, err)
		}
	})
	return name
}
