package pgchain

import "github.com/ocmt/ocmt/internal/postgres"

// rowSQL is the check that the tool makes, as the server spells it.
const rowSQL = "CHECK ((sequence > 0))"

// placeSQL asks for the two schemas. $1 is the search path of the caller. It does not use
// to_regclass, which fails where the account may not enter a schema.
const placeSQL = `with recursive ` + postgres.Mine + `,
	trusted (oid) as (
		select oid from mine
		union select oid from pg_roles where rolsuper
		union select datdba from pg_database where datname = current_database())
	select s.name, n.oid is not null, c.oid is not null,
	coalesce(has_schema_privilege(n.oid, 'USAGE') and has_table_privilege(c.oid, 'SELECT'), false),
	coalesce(has_schema_privilege(n.oid, 'USAGE') and has_table_privilege(c.oid, 'SELECT') and has_table_privilege(c.oid, 'INSERT'), false),
	coalesce(has_schema_privilege(n.oid, 'USAGE') and has_schema_privilege(n.oid, 'CREATE'), has_database_privilege(current_database(), 'CREATE')),
	exists (select from pg_roles where rolname = s.name) or s.name = any (string_to_array(replace(replace($1, '"', ''), ' ', ''), ',')),
	current_setting('transaction_read_only') = 'on', current_user, current_database(), c.oid, ` + foreignSQL + `,
	exists (select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attname = 'sequence' and a.attnum = i.indkey[0]
		where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indimmediate and i.indnkeyatts = 1 and i.indpred is null)
	from unnest(array['` + usualSchema + `', '` + otherSchema + `']) with ordinality as s(name, rank)
	left join pg_namespace n on n.nspname = s.name
	left join pg_class c on c.relnamespace = n.oid and c.relname = '` + tableName + `'
	order by s.rank`

// foreignSQL says why a relation c of a schema n is not taken as the record, NULL where it is. Every
// expression that the server evaluates for a reader or a writer is one that the tool made: a
// function of the server's own can run any statement too. A trigger may stay whose function belongs
// to somebody who is trusted, because a DBA refuses changes of entries with one.
const foreignSQL = `case
	when n.oid is not null and n.nspowner not in (select oid from trusted)
		then 'the schema ' || n.nspname || ' belongs to ' || pg_get_userbyid(n.nspowner) || ', which is neither this account, one of its roles, the owner of the database nor a superuser'
	when c.oid is null then null
	else s.name || '.` + tableName + `, which belongs to ' || pg_get_userbyid(c.relowner) || ', ' || case
		when c.relkind <> 'r' then 'is ' || case c.relkind when 'v' then 'a view' when 'm' then 'a materialized view' when 'f' then 'a foreign table'
			when 'p' then 'a partitioned table' when 'S' then 'a sequence' when 'c' then 'a type' else 'an index' end || ' and not the table that the tool makes'
		when c.relowner not in (select oid from trusted) then 'is of neither this account, one of its roles, the owner of the database nor a superuser'
		when exists (select from pg_inherits where inhrelid = c.oid) then 'is a part of another table'
		when c.relrowsecurity then 'has row security'
		when exists (select from pg_rewrite where ev_class = c.oid) then 'has the rule ' || (select min(rulename::text) from pg_rewrite where ev_class = c.oid)
		when exists (select from pg_attrdef where adrelid = c.oid) then 'has a default or generated column, which the tool does not make'
		when exists (select from pg_attribute a join pg_type t on t.oid = a.atttypid where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
			and t.typnamespace <> 'pg_catalog'::regnamespace) then 'has a column of a type that is not the server''s own'
		when exists (select from pg_constraint o where o.conrelid = c.oid and o.contype not in ('p', 'u', 'n')
			and (o.contype <> 'c' or pg_get_constraintdef(o.oid) <> '` + rowSQL + `')) then 'has a constraint that the tool does not make'
		when exists (select from pg_index where indrelid = c.oid and (indexprs is not null or indpred is not null)) then 'has an index with an expression'
		else (select 'has the trigger ' || min(g.tgname::text) || ' with a function of ' || min(pg_get_userbyid(f.proowner)::text) from pg_trigger g join pg_proc f on f.oid = g.tgfoid
			where g.tgrelid = c.oid and not g.tgisinternal and (f.proowner not in (select oid from trusted) or g.tgqual is not null))
	end end`
