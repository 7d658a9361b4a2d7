package pgaudit

import (
	"context"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/postgres"
)

// listedColumns selects the columns of two lists, of tables and of columns.
const listedColumns = `listed as (select c.oid, n.oid as schema, c.relname, c.relowner, c.relowner as tableowner, c.relacl, a.attnum, a.attacl,
		n.nspname || '.' || c.relname || '.' || a.attname as place, '' as through
	from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
	join unnest($1::text[], $2::text[]) as w(t, c) on w.t = c.relname and w.c = a.attname
	where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema')`

// isInvoker is the condition that a view c reads with the rights of whoever asks, and not with its owner's.
const isInvoker = `coalesce(c.reloptions::text ~* 'security_invoker=(true|on|yes|1)', false)`

// showingViews selects views and materialized views that read listed columns, also through other views. Which
// of its columns shows a secret is not followed. A rule names the columns that it reads, but for a row as a
// whole, which is a variable with the number 0. A view whose owner may not read gives nothing.
const showingViews = `shown(oid, attnum, tableowner, place) as (
	select oid, attnum::int, tableowner, place from listed
	union select c.oid, 0, s.tableowner, s.place from shown s join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = s.oid and d.classid = 'pg_rewrite'::regclass
		join pg_rewrite w on w.oid = d.objid join pg_class c on c.oid = w.ev_class and c.oid <> s.oid and c.relkind in ('v', 'm')
	where (s.attnum = 0 or d.refobjsubid = s.attnum or w.ev_action::text ~ ':varattno 0 ')
		and (c.relkind = 'm' or ` + isInvoker + ` or case when s.attnum = 0 then has_any_column_privilege(c.relowner, s.oid, 'SELECT') else has_column_privilege(c.relowner, s.oid, s.attnum::smallint, 'SELECT') end)),
	views as (select c.oid, c.relnamespace as schema, c.relowner, s.tableowner, c.relacl, a.attacl, s.place, c.oid::regclass::text as through
	from shown s join pg_class c on c.oid = s.oid and s.attnum = 0 join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
	where not ` + isInvoker + `)`

// secretReaders selects who may read the listed columns, or views that show them.
const secretReaders = "with recursive " + listedColumns + ", " + showingViews + `,
	places as (select schema, relowner, tableowner, relacl, attacl, place, through from listed union all select schema, relowner, tableowner, relacl, attacl, place, through from views),
	granted as (
		select s.schema, s.relowner, s.tableowner, s.place, s.through, g.grantee from places s, aclexplode(s.relacl) g where g.privilege_type = 'SELECT'
		union select s.schema, s.relowner, s.tableowner, s.place, s.through, g.grantee from places s, aclexplode(s.attacl) g where g.privilege_type = 'SELECT'
		union select s.schema, s.relowner, s.tableowner, s.place, s.through, r.oid from listed s, pg_roles r where r.rolname = 'pg_read_all_data')` + grantedTo

// secretFunctions selects who may call a function that runs with the rights of an owner who may read a listed
// column, and that names its table. One that returns nothing, or is for triggers, hands nothing out.
const secretFunctions = "with " + listedColumns + `,
	granted as (
		select p.pronamespace as schema, p.proowner as relowner, s.tableowner, min(s.place) as place, p.oid::regprocedure::text as through, g.grantee
		from pg_proc p join listed s on ` + body + ` ~* ('\m' || s.relname || '\M') and has_column_privilege(p.proowner, s.oid, s.attnum, 'SELECT'),
			aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g
		where p.prosecdef and g.privilege_type = 'EXECUTE' and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype, 'void'::regtype)
			and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
		group by p.oid, p.pronamespace, p.proowner, s.tableowner, g.grantee)` + grantedTo

// body is the source of a function p. One in the form of the SQL standard has none as a text. An aggregate has
// no definition.
const body = `case when p.prosrc = '' and p.prokind <> 'a' then pg_get_functiondef(p.oid) else p.prosrc end`

// grantedTo selects who has what was granted, without those that have to.
const grantedTo = `
	select 'PUBLIC', 'PUBLIC', place, through from granted where grantee = 0 and has_schema_privilege('public', schema, 'USAGE')
	union
	select r.rolname, min(v.rolname::text), g.place, g.through from granted g join pg_roles v on v.oid = g.grantee and v.rolname <> all($4::text[])
		join pg_roles r on r.rolcanlogin and not r.rolsuper and pg_has_role(r.oid, v.oid, 'MEMBER') and not pg_has_role(r.oid, g.relowner, 'MEMBER') and not pg_has_role(r.oid, g.tableowner, 'MEMBER')
	where g.grantee <> g.relowner and r.rolname <> current_user and r.rolname <> all($3::text[]) and has_schema_privilege(r.oid, g.schema, 'USAGE')
	group by r.rolname, g.place, g.through
	order by 1, 3, 4`

// SecretReaders implements audit.PostgreSQLSource.
func (s *Snapshot) SecretReaders(ctx context.Context, columns []audit.SecretColumn) (readers []audit.SecretReader, count int64, err error) {
	application, err := s.applicationRoles(ctx)
	if err != nil {
		return nil, 0, err
	}
	var tables, names []string
	for _, column := range columns {
		tables, names = append(tables, column.Table), append(names, column.Column)
	}
	args := []string{postgres.TextArray(tables), postgres.TextArray(names)}
	rows, err := s.ask(ctx, question{what: "the columns of secrets", args: args, sql: "with " + listedColumns + " select count(*) from listed"})
	if err != nil {
		return nil, 0, err
	}
	count = postgres.ParseNumber(rows[0][0])
	args = append(args, postgres.TextArray(application), postgres.TextArray(ownRoles))
	if rows, err = s.ask(ctx, question{what: "the rights on columns of secrets", args: args, sql: secretReaders}); err != nil {
		return nil, 0, err
	}
	for _, row := range rows {
		readers = append(readers, audit.SecretReader{Role: row[0], Via: row[1], Column: row[2], View: row[3]})
	}
	rows, err = s.ask(ctx, question{what: "the functions that read columns of secrets", args: args, sql: secretFunctions})
	for _, row := range rows {
		readers = append(readers, audit.SecretReader{Role: row[0], Via: row[1], Column: row[2], Function: row[3]})
	}
	return readers, count, err
}
