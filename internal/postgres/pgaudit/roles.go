package pgaudit

import (
	"context"
	"strings"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/postgres"
)

// rolesFile makes the views that show of a catalogue only what an audit needs.
const rolesFile = "docs/roles.sql"

// readable reports whether the account may read a column of the catalogue, or else a view of docs/roles.sql.
// Such a view counts only where a superuser owns it, because anybody else's could show anything.
func (s *Snapshot) readable(ctx context.Context, catalogue, column, view string) (direct, through bool, err error) {
	rows, err := s.ask(ctx, question{what: catalogue, args: []string{catalogue, column, view}, sql: `select has_column_privilege($1, $2, 'SELECT'),
		exists (select from pg_class c join pg_roles r on r.oid = c.relowner
			where c.oid = (select v.oid from pg_class v join pg_namespace n on n.oid = v.relnamespace where n.nspname = 'ocmt_audit' and v.relname = $3)
			and r.rolsuper and has_schema_privilege(c.relnamespace, 'USAGE') and has_table_privilege(c.oid, 'SELECT'))`})
	if err != nil {
		return false, false, err
	}
	return rows[0][0] == "t", rows[0][1] == "t", nil
}

// viewGap says that a catalogue cannot be read, nor the view of it.
func viewGap(what, view string) audit.Gap {
	return audit.Gap{What: what, Reason: "the account may not read it", Missing: "superuser, or SELECT on ocmt_audit." + view, Grant: "psql -f " + rolesFile}
}

// MD5Roles implements audit.PostgreSQLSource.
func (s *Snapshot) MD5Roles(ctx context.Context) ([]string, error) {
	direct, through, err := s.readable(ctx, "pg_authid", "rolpassword", "password_forms")
	sql := "select rolname from pg_authid where rolcanlogin and rolpassword like 'md5%' order by 1"
	switch {
	case err != nil:
		return nil, err
	case !direct && !through:
		return nil, &audit.GapError{Gap: viewGap("pg_authid.rolpassword", "password_forms")}
	case !direct:
		sql = "select rolname from ocmt_audit.password_forms where form = 'md5' order by 1"
	}
	rows, err := s.ask(ctx, question{what: "the form of passwords", sql: sql})
	return firstColumn(rows), err
}

// firstColumn returns the first column of rows.
func firstColumn(rows [][]string) []string {
	list := make([]string, len(rows))
	for i, row := range rows {
		list[i] = row[0]
	}
	return list
}

// powerfulRoles have rights beyond the database: predefined ones, and those of managed services that are
// like a superuser.
var powerfulRoles = []string{"pg_read_server_files", "pg_write_server_files", "pg_execute_server_program", "pg_write_all_data", "pg_maintain",
	"rds_superuser", "rds_replication", "cloudsqlsuperuser", "alloydbsuperuser", "azure_pg_admin", "azuresu", "neon_superuser", "supabase_admin"}

// applicationRoles returns the roles that the servers use: the account itself where it may add to users, and
// the owner of users where it can log in. Where the owner is a superuser or cannot log in, they are those who
// can log in and may add to users, and the superuser where there is none.
func (s *Snapshot) applicationRoles(ctx context.Context) ([]string, error) {
	users, err := s.locate(ctx, "users")
	if err != nil {
		return nil, err
	}
	rows, err := s.ask(ctx, question{what: "the roles that may add to users", args: []string{users.path()}, sql: `select r.rolname, r.oid = c.relowner, r.rolsuper, r.rolname = current_user
		from pg_class c join pg_roles r on r.rolcanlogin and has_table_privilege(r.oid, c.oid, 'INSERT') and (not r.rolsuper or r.oid = c.relowner or r.rolname = current_user)
		where c.oid = to_regclass($1) order by 1`})
	if err != nil {
		return nil, err
	}
	var own, owner, writers, superOwner []string
	for _, row := range rows {
		name, isOwner, isSuper, isOwn := row[0], row[1] == "t", row[2] == "t", row[3] == "t"
		switch {
		case isOwn:
			own = append(own, name)
		case isOwner && isSuper:
			superOwner = append(superOwner, name)
		case isOwner:
			owner = append(owner, name)
		default:
			writers = append(writers, name)
		}
	}
	switch used := append(own, owner...); {
	case len(used) > 0:
		return used, nil
	case len(writers) > 0:
		return writers, nil
	default:
		return superOwner, nil
	}
}

// ApplicationRoles implements audit.PostgreSQLSource.
func (s *Snapshot) ApplicationRoles(ctx context.Context) ([]audit.PostgreSQLRole, error) {
	names, err := s.applicationRoles(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := s.ask(ctx, question{what: "pg_roles", args: []string{postgres.TextArray(names), postgres.TextArray(powerfulRoles)}, sql: `select r.rolname, array_to_string(array[
			case when r.rolsuper then 'SUPERUSER' end, case when r.rolbypassrls then 'BYPASSRLS' end, case when r.rolcreaterole then 'CREATEROLE' end,
			case when r.rolreplication then 'REPLICATION' end] || case when r.rolsuper then '{}' else array(
			select g.rolname::text from pg_roles g where g.rolname = any($2::text[]) and g.oid <> r.oid and pg_has_role(r.oid, g.oid, 'MEMBER') order by 1) end, ',')
		from pg_roles r where r.rolname = any($1::text[]) order by 1`})
	roles := make([]audit.PostgreSQLRole, len(rows))
	for i, row := range rows {
		roles[i].Name = row[0]
		if row[1] != "" {
			roles[i].Powers = strings.Split(row[1], ",")
		}
	}
	return roles, err
}

// ownRoles are the roles of docs/roles.sql.
var ownRoles = []string{"ocmt_auditor", "ocmt_rotator", "ocmt_sessions"}

// OpenSchemas implements audit.PostgreSQLSource.
func (s *Snapshot) OpenSchemas(ctx context.Context, tables []string) ([]string, error) {
	rows, err := s.ask(ctx, question{what: "the rights on schemas", args: []string{postgres.TextArray(tables)}, sql: `select distinct n.nspname from pg_namespace n join pg_class c on c.relnamespace = n.oid,
		aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) g where c.relname = any($1::text[]) and c.relkind in ('r', 'p') and g.grantee = 0 and g.privilege_type = 'CREATE'
		and n.nspname !~ '^pg_' order by 1`})
	return firstColumn(rows), err
}

// HiddenTables implements audit.PostgreSQLSource.
func (s *Snapshot) HiddenTables(ctx context.Context, tables []string) (hidden []string, looked int64, err error) {
	rows, err := s.ask(ctx, question{what: "row security", args: []string{postgres.TextArray(tables)}, sql: `select n.nspname || '.' || c.relname, row_security_active(c.oid)
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relname = any($1::text[]) and c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' order by 1`})
	for _, row := range rows {
		if row[1] == "t" {
			hidden = append(hidden, row[0])
		}
	}
	return hidden, int64(len(rows)), err
}
