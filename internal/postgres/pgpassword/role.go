package pgpassword

import (
	"context"
	"fmt"

	"github.com/ocmt/ocmt/internal/databasepassword"
	"github.com/ocmt/ocmt/internal/postgres"
)

// roleSQL describes a role, and the connection. From version 16 on, CREATEROLE changes those roles alone that it has
// with ADMIN OPTION; before, all but superusers. The first column of what follows is the account that has logged in.
const roleSQL = `select session_user, r.oid is not null, coalesce(r.rolcanlogin, false),
	coalesce(r.rolvaliduntil <= pg_catalog.now(), false), case when r.rolvaliduntil = 'infinity' then '' else coalesce(r.rolvaliduntil::text, '') end,
	me.rolsuper or r.oid = me.oid, me.rolcreaterole, not coalesce(r.rolsuper, false),
	exists (select from pg_catalog.pg_auth_members m where m.roleid = r.oid and m.admin_option and pg_catalog.pg_has_role(me.oid, m.member, 'usage')),
	pg_catalog.current_setting('server_version_num')::int >= 160000,
	pg_catalog.current_setting('password_encryption'), coalesce(pg_catalog.current_setting('scram_iterations', true), ''),
	pg_catalog.pg_is_in_recovery(), pg_catalog.clock_timestamp(), extract(epoch from pg_catalog.pg_postmaster_start_time())::text || ' ' || pg_catalog.current_setting('port')
	from pg_catalog.pg_roles me left join pg_catalog.pg_roles r on r.rolname = $1::text::name where me.rolname = session_user`

// Describe implements databasepassword.Session.
func (s *Session) Describe(ctx context.Context, name string) (databasepassword.Role, error) {
	rows, err := s.queryRows(ctx, roleSQL, name)
	if err != nil {
		return databasepassword.Role{}, fmt.Errorf("looking at the role %q: %w", name, err)
	}
	if len(rows) == 0 {
		return databasepassword.Role{}, fmt.Errorf("looking at the role %q: %w", name, databasepassword.ErrRefused)
	}
	row := rows[0]
	is := func(column int) bool { return row[column] == "t" }
	role := databasepassword.Role{Account: row[0], Exists: is(1), CanLogin: is(2), Expired: is(3), ValidUntil: row[4], Encryption: row[10],
		Iterations: int(postgres.ParseNumber(row[11])), Standby: is(12), Now: row[13], Server: row[14], Pooled: s.pooled}
	isOwnOrAll, creates, isPlain, administers, needsBoth := is(5), is(6), is(7), is(8), is(9)
	role.MayAlter = isOwnOrAll || creates && isPlain && (administers || !needsBoth)
	if !role.MayAlter {
		role.Missing = missingRights(role.Account, name, isPlain, creates, needsBoth)
	}
	return role, nil
}

// missingRights returns the SQL that lets an account change a role.
func missingRights(account, name string, isPlain, creates, needsBoth bool) string {
	switch {
	case !isPlain:
		return "ALTER ROLE " + postgres.Quote(account) + " SUPERUSER"
	case needsBoth && creates:
		return fmt.Sprintf("GRANT %s TO %s WITH ADMIN OPTION", postgres.Quote(name), postgres.Quote(account))
	case needsBoth:
		return fmt.Sprintf("ALTER ROLE %s CREATEROLE; GRANT %s TO %s WITH ADMIN OPTION", postgres.Quote(account), postgres.Quote(name), postgres.Quote(account))
	}
	return "ALTER ROLE " + postgres.Quote(account) + " CREATEROLE"
}

// The statements below read what a role has.
const (
	attributesSQL = `select a.name from pg_catalog.pg_roles r cross join lateral (values ('SUPERUSER', r.rolsuper), ('CREATEROLE', r.rolcreaterole),
		('CREATEDB', r.rolcreatedb), ('REPLICATION', r.rolreplication), ('BYPASSRLS', r.rolbypassrls), ('NOINHERIT', not r.rolinherit),
		('CONNECTION LIMIT ' || r.rolconnlimit, r.rolconnlimit <> -1)) a(name, is_set) where r.rolname = $1::text::name and a.is_set`
	// The options INHERIT and SET of a membership came with version 16.
	membershipsSQL = `select g.rolname, pg_catalog.concat_ws(', ', case when m.admin_option then 'ADMIN OPTION' end,
		case when pg_catalog.to_jsonb(m) ->> 'inherit_option' <> r.rolinherit::text then 'INHERIT ' || (pg_catalog.to_jsonb(m) ->> 'inherit_option') end,
		case when pg_catalog.to_jsonb(m) ->> 'set_option' = 'false' then 'SET false' end)
		from pg_catalog.pg_auth_members m join pg_catalog.pg_roles g on g.oid = m.roleid join pg_catalog.pg_roles r on r.oid = m.member
		where r.rolname = $1::text::name order by 1, 2`
	settingsSQL = `select coalesce(d.datname || ': ', '') || c.setting from pg_catalog.pg_db_role_setting s join pg_catalog.pg_roles r on r.oid = s.setrole
		left join pg_catalog.pg_database d on d.oid = s.setdatabase cross join lateral pg_catalog.unnest(s.setconfig) c(setting) where r.rolname = $1::text::name`
	// Dependencies of type o are ownership, a are grants, r policies, i roles that rights were given to by default.
	tiesSQL = `select r.rolcanlogin, r.rolsuper,
		(select pg_catalog.count(*) from pg_catalog.pg_shdepend d where d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass and d.refobjid = r.oid
			and d.deptype = 'o' and d.classid <> 'pg_catalog.pg_default_acl'::pg_catalog.regclass),
		(select pg_catalog.count(*) from pg_catalog.pg_shdepend d where d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass and d.refobjid = r.oid
			and d.deptype in ('a', 'r') and d.classid <> 'pg_catalog.pg_auth_members'::pg_catalog.regclass),
		(select pg_catalog.count(*) from pg_catalog.pg_shdepend d where d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass and d.refobjid = r.oid
			and d.classid = 'pg_catalog.pg_default_acl'::pg_catalog.regclass),
		coalesce((select pg_catalog.substr(c.setting, 6) from pg_catalog.pg_db_role_setting s cross join lateral pg_catalog.unnest(s.setconfig) c(setting)
			where s.setrole = r.oid and c.setting like 'role=%' limit 1), '')
		from pg_catalog.pg_roles r where r.rolname = $1::text::name`
)

// Rights implements databasepassword.Session.
func (s *Session) Rights(ctx context.Context, name string) (rights databasepassword.Rights, err error) {
	rows, err := postgres.QueryRows(ctx, s.conn, tiesSQL, name)
	if err != nil || len(rows) == 0 {
		return rights, err
	}
	number := func(column int) int { return int(postgres.ParseNumber(rows[0][column])) }
	rights = databasepassword.Rights{Exists: true, CanLogin: rows[0][0] == "t", Superuser: rows[0][1] == "t",
		Owned: number(2), Granted: number(3), Defaults: number(4), ActsAs: rows[0][5]}
	if rights.Attributes, err = postgres.QueryColumn(ctx, s.conn, attributesSQL, name); err != nil {
		return rights, err
	}
	if rights.Settings, err = postgres.QueryColumn(ctx, s.conn, settingsSQL, name); err != nil {
		return rights, err
	}
	if rows, err = postgres.QueryRows(ctx, s.conn, membershipsSQL, name); err != nil {
		return rights, err
	}
	for _, row := range rows {
		membership := databasepassword.Membership{Role: row[0]}
		if row[1] != "" {
			membership.Options = "WITH " + row[1]
		}
		rights.Memberships = append(rights.Memberships, membership)
	}
	return rights, nil
}
