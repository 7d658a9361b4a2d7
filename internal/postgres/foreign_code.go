package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// ForeignCode is something in a table that could run code of a role that nobody has to trust, with the rights of
// whoever reads or writes the table.
type ForeignCode struct {
	OID    string // of the table that was asked for
	Table  string // its name, with its schema
	Object string // what would run it, as the server describes it: a trigger, a default, an index; "" for the table itself
	Uses   string // the function, operator or type that it uses; "" where it is the table that belongs to somebody else
	Owner  string // the role that it belongs to; "" for a function of the server's own or of an extension
	Way    string // what to do about it
}

// Reason says what is wrong, without the table at its beginning.
func (c ForeignCode) Reason() string {
	switch {
	case c.Uses == "":
		return "it belongs to " + c.Owner + ", which is neither this account, one of its roles, the owner of the database or of the table users, nor a superuser; what that role puts there would run with the rights of this account"
	case c.Owner == "":
		return "its " + c.Object + " has a condition that calls " + c.Uses + ", which can run any statement with the rights of this account"
	}
	return "its " + c.Object + " uses " + c.Uses + " of " + c.Owner + ", which would run with the rights of this account"
}

// ForeignCodeError says that a table of OCMT is not used, because it could run code of another role.
type ForeignCodeError struct{ ForeignCode }

// Error names the table, and says what is wrong with it.
func (e *ForeignCodeError) Error() string { return e.Table + " is not used: " + e.Reason() }

// Use is what is done with a table.
type Use int

// What is done with a table.
const (
	// Reading runs what the server evaluates when it plans a query: expressions of indexes, statistics, partitions and
	// constraints. Policies of row security and rules of views are left out, because neither is read.
	Reading Use = iota
	// Writing runs all that a table has: triggers, rules, defaults, constraints and types besides. So does reading what
	// may be a view.
	Writing
)

// Mine selects, as mine in a recursive query, the account and the roles that it can act as. PostgreSQL 16 and later make
// whoever creates a role a member that can only administer it, which is no reason to run what that role writes.
const Mine = `mine(oid) as (select r.oid from pg_roles r where r.rolname = current_user union select m.roleid from mine join pg_auth_members m on m.member = mine.oid
		and coalesce((to_jsonb(m) ->> 'set_option')::boolean or (to_jsonb(m) ->> 'inherit_option')::boolean, true))`

// trustedSQL selects, as trusted, the roles whose code may run with the rights of the account: its own, those it is a
// member of, superusers, and the owner of the database. Whoever owns the table users, in a schema of one of them, owns
// the deployment, and the servers run the code of that role. $2 is the schemas on the path of the account.
const trustedSQL = Mine + `,
	near(oid) as (select oid from mine union select oid from pg_roles where rolsuper or rolname = 'pg_database_owner' union select datdba from pg_database where datname = current_database()),
	trusted(oid) as (select oid from near union select u.relowner from (select c.relowner, c.relkind, n.nspowner from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relname = 'users' and n.nspname = any($2::text[]) order by array_position($2::text[], n.nspname::text) limit 1) u
		where u.relkind in ('r', 'p') and u.nspowner in (select oid from near))`

// foreignCodeSQL selects what is wrong with the tables $1, the worst of each. $3 is whether they are written. Partitions
// and heirs count with a table, and so do the tables that it is one of. What an expression depends on is followed to the
// functions, through operators and through the constraints of domains.
//
// A grant of TRIGGER lets other roles add triggers, and nobody knows later who made one. Their functions have owners;
// their conditions can call functions of the server, or of extensions such as dblink, that run any statement.
const foreignCodeSQL = `with recursive ` + trustedSQL + `,
	down(root, oid) as (select o, o from unnest($1::oid[]) o union select t.root, i.inhrelid from down t join pg_inherits i on i.inhparent = t.oid),
	up(root, oid) as (select o, o from unnest($1::oid[]) o union select t.root, i.inhparent from up t join pg_inherits i on i.inhrelid = t.oid),
	tree as (select root, oid from down union select root, oid from up),
	parts(root, kind, classid, objid) as (select t.root, p.kind, p.classid, p.objid from tree t cross join lateral (
		select 'table' as kind, 'pg_class'::regclass::oid as classid, t.oid as objid
		union all select 'index', 'pg_class'::regclass, indexrelid from pg_index where indrelid = t.oid and (indexprs is not null or indpred is not null)
		union all select 'statistics', 'pg_statistic_ext'::regclass, oid from pg_statistic_ext where stxrelid = t.oid
		union all select 'constraint', 'pg_constraint'::regclass, oid from pg_constraint where conrelid = t.oid
		union all select 'default', 'pg_attrdef'::regclass, oid from pg_attrdef where adrelid = t.oid
		union all select 'rule', 'pg_rewrite'::regclass, oid from pg_rewrite where ev_class = t.oid
		union all select 'trigger', 'pg_trigger'::regclass, oid from pg_trigger where tgrelid = t.oid and not tgisinternal and tgenabled <> 'D') p
		where $3 or p.kind in ('table', 'index', 'statistics', 'constraint')),
	reach(root, kind, partclass, part, classid, objid) as (select root, kind, classid, objid, classid, objid from parts
		union select r.root, r.kind, r.partclass, r.part, d.classid, d.objid from reach r cross join lateral (
			select refclassid as classid, refobjid as objid from pg_depend where classid = r.classid and objid = r.objid and r.classid <> 'pg_proc'::regclass
				and (refclassid in ('pg_proc'::regclass, 'pg_operator'::regclass) or refclassid = 'pg_type'::regclass and ($3 or r.kind <> 'table'))
			union all select classid, objid from pg_depend where refclassid = r.classid and refobjid = r.objid and r.classid = 'pg_type'::regclass and classid = 'pg_constraint'::regclass) d),
	used(root, partclass, part, classid, objid, owner) as (select r.root, r.partclass, r.part, r.classid, r.objid, coalesce(f.proowner, o.oprowner, y.typowner) from reach r
		left join pg_proc f on r.classid = 'pg_proc'::regclass and f.oid = r.objid left join pg_operator o on r.classid = 'pg_operator'::regclass and o.oid = r.objid
		left join pg_type y on r.classid = 'pg_type'::regclass and y.oid = r.objid),
	wrong(root, rank, object, uses, owner) as (
		select t.root, 0, case when t.oid <> t.root then pg_describe_object('pg_class'::regclass, t.oid, 0) end, null, c.relowner from tree t join pg_class c on c.oid = t.oid
			where $3 and c.relowner not in (select oid from trusted)
		union all select root, 1, pg_describe_object(partclass, part, 0), pg_describe_object(classid, objid, 0), owner from used where owner not in (select oid from trusted)
		union all select t.root, 2, pg_describe_object('pg_trigger'::regclass, g.oid, 0), p.oid::regprocedure::text, null from tree t join pg_trigger g on g.tgrelid = t.oid
			cross join lateral regexp_matches(g.tgqual::text, ':(?:op)?funcid (\d+)', 'g') m join pg_proc p on p.oid = m[1]::oid
			where $3 and not g.tgisinternal and g.tgenabled <> 'D' and (p.provolatile = 'v' or p.proname ~ 'to_xml') and (p.pronamespace = 'pg_catalog'::regnamespace
				or exists (select from pg_depend e where e.classid = 'pg_proc'::regclass and e.objid = p.oid and e.refclassid = 'pg_extension'::regclass and e.deptype = 'e')))
	select distinct on (w.root) w.root, n.nspname || '.' || c.relname, coalesce(w.object, ''), coalesce(w.uses, ''), coalesce(pg_get_userbyid(w.owner)::text, ''),
		quote_ident(n.nspname) || '.' || quote_ident(c.relname), (select quote_ident(pg_get_userbyid(datdba)) from pg_database where datname = current_database())
	from wrong w join pg_class c on c.oid = w.root join pg_namespace n on n.oid = c.relnamespace order by w.root, w.rank, 3, 4`

// anyForeignSQL asks whether there can be anything of the kind in the database at all. Most databases belong to one role,
// and the answer spares them the long question. $2 is that of foreignCodeSQL.
const anyForeignSQL = `with recursive ` + trustedSQL + ` select $1 and (exists (select from pg_class where relowner not in (select oid from trusted))
	or exists (select from pg_proc where proowner not in (select oid from trusted)) or exists (select from pg_operator where oprowner not in (select oid from trusted))
	or exists (select from pg_type where typowner not in (select oid from trusted)) or exists (select from pg_trigger where tgqual is not null and not tgisinternal))`

// FindForeignCode returns what could run code of other roles in tables, by their OIDs. A table with nothing of the kind
// is left out.
func FindForeignCode(ctx context.Context, conn *pgconn.PgConn, use Use, oids ...string) (map[string]ForeignCode, error) {
	state, err := leavePath(ctx, conn)
	if err != nil {
		return nil, err
	}
	written := "false"
	if use == Writing {
		written = "true"
	}
	anything, err := QueryColumn(ctx, conn, anyForeignSQL, "true", TextArray(state.Schemas))
	if err != nil {
		return nil, fmt.Errorf("asking whose the database is: %w", err)
	}
	if anything[0] != "t" {
		return nil, nil
	}
	rows, err := QueryRows(ctx, conn, foreignCodeSQL, TextArray(oids), TextArray(state.Schemas), written)
	if err != nil {
		return nil, fmt.Errorf("asking whose code tables can run: %w", err)
	}
	found := map[string]ForeignCode{}
	for _, row := range rows {
		code := ForeignCode{OID: row[0], Table: row[1], Object: row[2], Uses: row[3], Owner: row[4]}
		code.Way = "find out who made it; where it is right, a superuser gives it to a role that is trusted, such as the owner of the database (" + row[6] + "), else it is dropped"
		if code.Uses == "" {
			code.Way = "find out who made it; where it is right, run as a superuser: alter table " + row[5] + " owner to " + row[6] + "; else drop it"
		}
		found[code.OID] = code
	}
	return found, nil
}

// FindReplaceable returns those of some tables that a role which is not trusted can put something else in the place of,
// at any time, by their OIDs: it owns the table or its schema.
func FindReplaceable(ctx context.Context, conn *pgconn.PgConn, oids ...string) ([]string, error) {
	state, err := leavePath(ctx, conn)
	if err != nil {
		return nil, err
	}
	found, err := QueryColumn(ctx, conn, `with recursive `+trustedSQL+` select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.oid = any($1::oid[]) and (c.relowner not in (select oid from trusted) or n.nspowner not in (select oid from trusted))`, TextArray(oids), TextArray(state.Schemas))
	if err != nil {
		return nil, fmt.Errorf("asking whose the tables are: %w", err)
	}
	return found, nil
}

// FindForeignCasts returns the types of which a cast to a text is a function of a role that is not trusted, by their
// OIDs. Such a cast runs wherever a value of the type is made a text. A domain has the casts of its base type.
func FindForeignCasts(ctx context.Context, conn *pgconn.PgConn) (types map[string]ForeignCode, err error) {
	state, err := leavePath(ctx, conn)
	if err != nil {
		return nil, err
	}
	rows, err := QueryRows(ctx, conn, `with recursive `+trustedSQL+` select k.castsource, pg_describe_object('pg_cast'::regclass, k.oid, 0), pg_describe_object('pg_proc'::regclass, f.oid, 0),
		pg_get_userbyid(f.proowner) from pg_cast k join pg_proc f on f.oid = k.castfunc where $1 and k.casttarget in ('text'::regtype, 'bytea'::regtype, 'varchar'::regtype)
		and f.proowner not in (select oid from trusted)`, "true", TextArray(state.Schemas))
	if err != nil {
		return nil, fmt.Errorf("asking whose code casts can run: %w", err)
	}
	types = map[string]ForeignCode{}
	for _, row := range rows {
		types[row[0]] = ForeignCode{Object: row[1], Uses: row[2], Owner: row[3], Way: "find out who made it, and drop the cast, or let a superuser give its function to a role that is trusted"}
	}
	return types, nil
}

// refuseForeignCode returns a *ForeignCodeError where a table could run code of another role.
func refuseForeignCode(ctx context.Context, conn *pgconn.PgConn, oid string) error {
	found, err := FindForeignCode(ctx, conn, Writing, oid)
	if err != nil {
		return err
	}
	if code, foreign := found[oid]; foreign {
		return &ForeignCodeError{code}
	}
	return nil
}
