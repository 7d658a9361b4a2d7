package pgaudit_test

import (
	"testing"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/testenv"
)

// An operator who runs the audit with the rights of docs/roles.sql would otherwise be told for ever that
// something could not be checked, or would have to audit as a superuser.
func TestAuditorOfRolesFileSeesEverything(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	results := d.audit(d.url, settings{"ADMIN_EMAILS": "a@example.org"}, "PG", "TOK")
	if len(results) != 23 {
		t.Errorf("%d checks, want 23", len(results))
	}
	// These findings are those of the test's server: it trusts everybody, archives nothing and has no pgaudit.
	known := map[string]bool{"OCMT-PG-002": true, "OCMT-PG-008": true, "OCMT-PG-011": true, "OCMT-PG-012": true}
	for id, r := range results {
		if len(r.Gaps) > 0 {
			t.Errorf("%s could not look: %+v", id, r.Gaps)
		}
		if len(r.Findings) > 0 != known[id] {
			t.Errorf("%s: %+v", id, r.Findings)
		}
	}
}

// A role of the servers that is a superuser makes an SQL injection the loss of the cluster.
func TestPowersOfServersRole(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	d.passes("OCMT-PG-004")
	d.exec("alter role " + d.server + " createrole bypassrls; grant pg_read_server_files to " + d.server)
	d.finds("OCMT-PG-004", audit.High, "role "+d.server, "BYPASSRLS", "CREATEROLE", "pg_read_server_files")
	d.exec("alter role " + d.server + " superuser")
	d.finds("OCMT-PG-004", audit.High, "SUPERUSER")
	d.exec("alter table users rename to people; create view users as select * from people")
	if r := d.one("OCMT-PG-004"); r.Outcome != audit.Unchecked {
		t.Errorf("with a view in place of users: %s", r.Outcome)
	}
}

// An account that can read secrets, and that nobody knows of, is the way by which they get lost.
func TestReadersOfSecrets(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	other := d.role("login")
	rotator := d.role("login")
	d.exec("grant ocmt_rotator to " + rotator)
	d.passes("OCMT-PG-005")
	group := d.role("nologin")
	d.exec("grant select (value_encrypted) on secrets to " + group)
	d.passes("OCMT-PG-005") // nobody is in the group
	d.exec("grant " + group + " to " + other)
	d.finds("OCMT-PG-005", audit.High, "role "+other, "as a member of "+group, "public.secrets.value_encrypted")
	d.exec("revoke " + group + " from " + other + "; grant select on user_mfa to public")
	d.finds("OCMT-PG-005", audit.High, "PUBLIC", "public.user_mfa.totp_secret_encrypted")
	d.exec("revoke usage on schema public from public") // the right is worth nothing then
	d.passes("OCMT-PG-005")
	d.exec("revoke select on user_mfa from public; grant create on schema public to public")
	d.finds("OCMT-PG-005", audit.High, "schema public", "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
	d.exec("revoke all on schema public from public, ocmt_auditor")
	wantGap(t, d.one("OCMT-PG-005"), "USAGE on schema public")
}

// A view or a function gives secrets to accounts that have no right on their table.
func TestReadersThroughViews(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	other := d.role("login")
	d.exec("create view shown as select key, value_encrypted from secrets; create view counted as select count(*) as n, max(key) as last from secrets; grant select on counted to public")
	d.passes("OCMT-PG-005") // nobody may read the one, and the other shows none
	d.exec("create view again as select value_encrypted as v from shown; create materialized view kept as select v from again; grant select on kept to " + other)
	d.finds("OCMT-PG-005", audit.High, "role "+other, "public.secrets.value_encrypted through public.kept")
	d.exec("drop materialized view kept; grant select on again to public")
	d.finds("OCMT-PG-005", audit.High, "PUBLIC", "public.secrets.value_encrypted through public.again")
	d.exec("drop view again; create view rows as select key, row_to_json(s) from secrets s; grant select (row_to_json) on rows to " + other)
	d.finds("OCMT-PG-005", audit.High, "role "+other, "public.secrets.value_encrypted through public.rows")
	d.exec("drop view rows; create view poor as select value_encrypted from secrets; grant select on poor to public; alter view poor owner to " + other)
	d.passes("OCMT-PG-005") // its owner may not read the table
	d.exec("drop view poor; create function hand(k text) returns text language plpgsql security definer as $$ begin return (select value_encrypted from Secrets where key = k); end $$")
	d.finds("OCMT-PG-005", audit.Medium, "function public.hand(text)", "may hand out", "PUBLIC")
	d.exec("revoke execute on function hand from public; grant execute on function hand to " + other)
	d.finds("OCMT-PG-005", audit.Medium, "function public.hand(text)", "role "+other)
	d.exec("drop function hand; create function count_them() returns void language sql security definer as $$ select from secrets $$; create function invoked() returns text language sql as $$ select value_encrypted from secrets $$")
	d.passes("OCMT-PG-005")
}

// Rows that row security hides would be taken for rows that are not there.
func TestRowSecurity(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	d.passes("OCMT-PG-007")
	d.exec("alter table sessions enable row level security")
	d.finds("OCMT-PG-007", audit.High, "public.sessions")
	wantGap(t, d.one("OCMT-TOK-001"), "BYPASSRLS")
	d.exec("alter role " + d.auditor + " bypassrls")
	d.passes("OCMT-PG-007")
	d.passes("OCMT-TOK-001")
}

// Settings with which the log holds secrets are often made for one role, where nobody looks.
func TestLogging(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	d.passes("OCMT-PG-006")
	d.exec("alter database " + d.name + " set log_statement = 'ddl'")
	plain := d.audit(d.plain(testenv.Shared(t)), settings{}, "OCMT-PG-006")["OCMT-PG-006"]
	if len(plain.Gaps) != 2 || plain.Gaps[1].Missing != "pg_read_all_settings" {
		t.Errorf("without pg_read_all_settings: %+v", plain.Gaps)
	}
	d.exec("alter database " + d.name + " reset log_statement; alter role " + d.server + " in database " + d.name + " set log_min_duration_statement = '1s'")
	d.finds("OCMT-PG-006", audit.High, "setting log_min_duration_statement of role "+d.server+" in database "+d.name)
	d.exec("alter role " + d.server + " in database " + d.name + " set log_parameter_max_length = 0")
	d.passes("OCMT-PG-006")
	d.exec("alter role " + d.server + " in database " + d.name + " set log_statement = 'all'")
	d.finds("OCMT-PG-006", audit.Low, "without their parameters")
}

// A password in the catalogue is in every dump, and evidence with the password would be one more place.
func TestSecretsInCatalogue(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	d.exec(`create function clean(password text) returns boolean language sql as $$ select password = 'x' or length(password) > 3 $$`)
	d.passes("OCMT-PG-009")
	d.exec(`create function sync() returns text language sql as $$ select 'postgres://ocmt:hunter2hunter2@db/ocmt' $$`)
	d.finds("OCMT-PG-009", audit.High, "function public.sync()", "an address with a password")
	if d.value("select (current_setting('server_version_num')::int >= 140000)::text") == "true" {
		d.exec("drop function sync(); create function sync() returns text begin atomic select 'postgres://ocmt:hunter2hunter2@db/ocmt'; end")
		d.finds("OCMT-PG-009", audit.High, "function public.sync()", "an address with a password")
	}
	d.exec("drop function sync(); alter database " + d.name + " set app.encryption_key = 'hunter2hunter2'")
	d.finds("OCMT-PG-009", audit.High, "setting app.encryption_key of database "+d.name)
	d.exec("alter database " + d.name + " reset app.encryption_key; create foreign data wrapper w; create server s foreign data wrapper w; create user mapping for " + d.server + " server s options (password 'hunter2hunter2')")
	d.finds("OCMT-PG-009", audit.High, "user mapping of "+d.server+" at server s", "a password")
	wantGap(t, d.audit(d.plain(testenv.Shared(t)), settings{}, "OCMT-PG-009")["OCMT-PG-009"], "ocmt_audit.user_mappings")
	// A view that somebody else has made could show anything.
	d.exec("alter view ocmt_audit.user_mappings owner to " + d.server)
	wantGap(t, d.one("OCMT-PG-009"), "ocmt_audit.user_mappings")
	d.exec("drop user mapping for " + d.server + " server s; drop server s; drop foreign data wrapper w")
}

// An extension that runs programs makes more of a stolen account, and a server whose log of accesses is
// not kept cannot tell who read what.
func TestExtensionsAndLibraries(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	d.passes("OCMT-PG-010")
	d.exec("create extension if not exists dblink")
	d.finds("OCMT-PG-010", audit.Low, "extension dblink", "connects to other servers")
	d.passes("OCMT-PG-009") // the functions of an extension have words like password
	d.finds("OCMT-PG-012", audit.Info, "pgaudit")
	wantGap(t, d.audit(d.plain(testenv.Shared(t)), settings{}, "OCMT-PG-012")["OCMT-PG-012"], "pg_read_all_settings")
}

// A role of docs/roles.sql that can do more than its command needs would be given to people all the same, and
// one that can do less is given rights by hand in the middle of an incident.
func TestRightsOfRolesFile(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	d.exec(addUser)
	d.exec("insert into sessions (token, expires_at) values ('a', now())")
	for role, c := range map[string]struct{ can, cannot []string }{
		"ocmt_auditor": {can: []string{"select * from users"}, cannot: []string{"update users set gateway_token = ''", "delete from sessions", "insert into audit_log (action) values ('a')", "create table t ()",
			"select rolpassword from pg_authid", "select umoptions from pg_user_mapping", "select subconninfo from pg_subscription"}},
		"ocmt_rotator": {can: []string{"update users set gateway_token = gateway_token", "update user_mfa set totp_secret_encrypted = null", "insert into audit_log (action) values ('a') returning id",
			"insert into encryption_keys (version, key_id) values (1, 'a')", "update encryption_migrations set status = 'x'"},
			cannot: []string{"update users set email = ''", "update user_mfa set totp_enabled = false", "delete from users", "update sessions set revoked_at = now()", "update audit_log set action = ''"}},
		"ocmt_sessions": {can: []string{"update sessions set revoked_at = now()", "update api_keys set revoked_at = now()", "delete from sessions", "insert into sessions (token, expires_at) values ('b', now())", "insert into audit_log (action) values ('a')", "select email, tenant_id from users"},
			cannot: []string{"update users set email = ''", "delete from magic_links", "select * from secrets"}},
	} {
		for _, sql := range c.can {
			d.exec("begin; set local role " + role + "; " + sql + "; rollback")
		}
		for _, sql := range c.cannot {
			if err := d.refused(role, sql); err == nil {
				t.Errorf("%s may %s", role, sql)
			}
		}
	}
}

// A superuser runs the file, and the code of whoever may make objects in the schema of OCMT would run as one.
func TestRolesFileRunsNoForeignCode(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	mallory := d.role("login")
	d.exec("grant create on schema public to " + mallory + "; set role " + mallory)
	d.exec(trapDoors)
	d.exec("create function public.format(text, text, text) returns text language plpgsql as $$ begin raise exception 'the code of another ran'; end $$")
	d.exec("reset role; revoke all on all tables in schema public from ocmt_auditor")
	path := d.value("show search_path")
	d.runRolesFile()
	if now := d.value("show search_path"); now != path {
		t.Errorf("the search path was %q and is %q", path, now)
	}
	d.exec("begin; set local role ocmt_auditor; select id from users; rollback")
}

// A question that an older server does not understand would be a check that never looks there.
func TestAuditOnPostgreSQL13(t *testing.T) {
	t.Parallel()
	server := testenv.RequirePostgres(t, 13)
	d := newDeploymentAsItComes(t, server)
	for id, r := range d.audit(d.url, settings{"ADMIN_EMAILS": "a@example.org"}, "PG", "TOK") {
		if len(r.Gaps) > 0 {
			t.Errorf("%s could not look: %+v", id, r.Gaps)
		}
	}
	d.finds("OCMT-PG-005", audit.High, "schema public") // as these servers come
}
