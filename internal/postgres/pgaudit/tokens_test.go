package pgaudit_test

import (
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/testenv"
)

// hash is a token as a server stores it, in SQL.
const hash = "encode(sha256(gen_random_uuid()::text::bytea), 'hex')"

// addUser adds a user in SQL.
const addUser = "insert into users (email, gateway_token) values ('a@example.org', 'x')"

// unreadable takes the rights on a table from the auditor and asks a check.
func (d *deployment) unreadable(id, table string) {
	d.t.Helper()
	d.exec("revoke all on " + table + " from ocmt_auditor")
	wantGap(d.t, d.one(id), "SELECT on public."+table)
	d.exec("grant select on " + table + " to ocmt_auditor")
}

// absent drops a table and asks a check, which does not apply then.
func (d *deployment) absent(id string, tables ...string) {
	d.t.Helper()
	for _, table := range tables {
		d.exec("drop table if exists " + table + " cascade")
	}
	if r := d.one(id); r.Outcome != audit.NotApplicable || r.Absent == "" {
		d.t.Errorf("%s without its table: %s, absent %q, gaps %+v", id, r.Outcome, r.Absent, r.Gaps)
	}
}

// A session token in clear logs in whoever reads a backup.
func TestSessionTokens(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	d.exec(addUser)
	d.exec("insert into sessions (user_id, token, expires_at) select id, " + hash + ", now() + interval '1 day' from users")
	d.passes("OCMT-TOK-001")
	d.exec("insert into sessions (token, expires_at) values ('old', now() - interval '1 day')")
	d.finds("OCMT-TOK-001", audit.Low, "dead rows of public.sessions.token")
	d.exec("update sessions set expires_at = now() + interval '1 day'")
	d.finds("OCMT-TOK-001", audit.Critical, "public.sessions.token", "1 live row")
	d.exec("alter table sessions rename token to token_hash")
	d.finds("OCMT-TOK-001", audit.Critical, "public.sessions.token_hash")
	// A migration can leave both columns, of which only one is looked at by a server.
	d.exec("alter table sessions add token text; grant select on sessions to ocmt_auditor; update sessions set token_hash = " + hash + ", token = 'raw'")
	d.finds("OCMT-TOK-001", audit.Critical, "public.sessions.token")
	d.unreadable("OCMT-TOK-001", "sessions")
	d.absent("OCMT-TOK-001", "sessions")
}

// A magic link or an API key in clear opens an account to whoever reads a backup.
func TestHashes(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	d.exec("insert into magic_links (email, token, expires_at) select 'a', " + hash + ", now() + interval '1 hour'; insert into api_keys (key_hash, key_prefix) values (" + hash + ", 'opw_live_abc')")
	d.passes("OCMT-TOK-002")
	d.exec("update magic_links set token = 'clear'")
	d.finds("OCMT-TOK-002", audit.High, "public.magic_links.token")
	d.exec("update magic_links set used_at = now()")
	d.finds("OCMT-TOK-002", audit.Low, "dead rows")
	d.exec("delete from magic_links; alter table api_keys alter key_prefix type text; update api_keys set key_prefix = 'opw_live_abcdef'")
	d.finds("OCMT-TOK-002", audit.High, "public.api_keys.key_prefix")
	d.exec("delete from api_keys; drop table group_vault_tokens")
	d.passes("OCMT-TOK-002")
	d.unreadable("OCMT-TOK-002", "recovery_requests")
	d.absent("OCMT-TOK-002", "magic_links", "api_keys", "emergency_access_tokens", "recovery_requests")
	if absent := d.one("OCMT-TOK-002").Absent; strings.Count(absent, "pg_class has no table api_keys") != 1 {
		t.Errorf("a table that is not there is told %q", absent)
	}
}

// The server keeps some tokens in clear. An operator must know how many of them are alive.
func TestTokensInClear(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	d.exec("insert into group_invites (token, expires_at) values ('dead', now() - interval '1 day')")
	d.passes("OCMT-TOK-003")
	d.exec("insert into group_invites (token, expires_at) values ('a', now() + interval '1 day'), ('b', now() + interval '1 day')")
	d.exec("insert into capability_approvals (token, expires_at) values ('c', now() + interval '1 day')")
	d.finds("OCMT-TOK-003", audit.Info, "public.group_invites.token: 2", "public.capability_approvals.token: 1")
	d.exec("update group_invites set created_at = now() - interval '2 hours'")
	d.finds("OCMT-TOK-003", audit.Low)
	d.exec("delete from group_invites; delete from capability_approvals")
	d.unreadable("OCMT-TOK-003", "group_invites")
	d.absent("OCMT-TOK-003", "group_invites", "capability_approvals", "pending_mfa_sessions", "admin_action_confirmations")
}

// A bot's token or the key of the backups in clear is lost with the first dump that is.
func TestSecretsInClear(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	d.exec("insert into users (email, gateway_token, telegram_bot_token) values ('a', 'x', null), ('b', 'x', 'v1:AAAA:AAAA:AAAA')")
	d.exec(`insert into tenants (name, settings) values ('t', '{"backup": true}')`)
	d.exec(`create table audit_webhooks (id serial, headers jsonb); insert into audit_webhooks (headers) values ('{"Content-Type": "text/plain"}'), ('[1]'), (null); grant select on audit_webhooks to ocmt_auditor`)
	d.passes("OCMT-TOK-004")
	d.exec("update users set telegram_bot_token = '12345:abc'")
	d.finds("OCMT-TOK-004", audit.Medium, "public.users.telegram_bot_token", "2 rows in clear")
	d.exec(`update users set telegram_bot_token = ''; update tenants set settings = '{"backup_key": "abc"}'`)
	d.finds("OCMT-TOK-004", audit.Medium, "public.tenants.settings.backup_key")
	d.exec(`update tenants set settings = '{}'; update audit_webhooks set headers = '{"Authorization": "Bearer abc"}' where id = 1`)
	d.finds("OCMT-TOK-004", audit.Medium, "public.audit_webhooks.headers", "1 row in clear")
	d.exec("alter table audit_webhooks alter headers type text")
	d.finds("OCMT-TOK-004", audit.Medium, "public.audit_webhooks.headers", "1 row in clear")
	d.exec("delete from audit_webhooks")
	d.unreadable("OCMT-TOK-004", "audit_webhooks")
}

// Sessions that outlast what was decided, or that nobody counts, stay open to who has stolen one.
func TestSessionLimits(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	d.exec(addUser)
	add := "insert into sessions (user_id, token, expires_at) select id, " + hash + ", now() + interval '7 days 30 minutes' from users, generate_series(1, 3)"
	d.exec(add)
	d.passes("OCMT-TOK-005")
	d.passes("OCMT-TOK-006")
	limited := settings{"USER_SESSION_TIMEOUT_MS": "3600000", "MAX_SESSIONS_PER_USER": "2"}
	results := d.audit(d.url, limited, "TOK-005", "TOK-006")
	wantFinding(t, results["OCMT-TOK-005"], audit.Medium, "at most 3600000 ms", "7 days")
	wantFinding(t, results["OCMT-TOK-006"], audit.Low, "at most 2 a user", "up to 3")
	d.exec(add)
	d.finds("OCMT-TOK-006", audit.Low, "at most 5 a user", "up to 6")
	d.exec("update sessions set expires_at = now() + interval '30 days', created_at = now() + interval '2 hours'")
	if r := d.one("OCMT-TOK-005"); len(r.Findings) != 2 || r.Findings[1].Severity != audit.Low || r.Looked == "" {
		t.Errorf("sessions of the future: %+v", r)
	}
	d.exec("update sessions set revoked_at = now()")
	d.passes("OCMT-TOK-005")
	d.passes("OCMT-TOK-006")
	d.unreadable("OCMT-TOK-005", "sessions")
	d.unreadable("OCMT-TOK-006", "sessions")
	d.absent("OCMT-TOK-006", "sessions")
	d.absent("OCMT-TOK-005", "sessions")
}

// Rows that nobody removes grow until they are lost in one.
func TestOutdatedRows(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	d.exec("create table security_events (id serial, created_at timestamptz default now()); create table mfa_attempts (id serial, created_at timestamptz default now()); grant select on security_events, mfa_attempts to ocmt_auditor")
	d.exec("insert into security_events (created_at) values (now() - interval '119 days'), (now())")
	d.exec("insert into sessions (token, expires_at, revoked_at) values ('a', now() + interval '1 day', now() - interval '29 days')")
	d.passes("OCMT-TOK-007")
	d.exec("update sessions set revoked_at = now() - interval '31 days'")
	d.finds("OCMT-TOK-007", audit.Low, "public.sessions", "1 row past its time, 1 of them")
	d.exec("delete from sessions; insert into mfa_attempts (created_at) select now() - interval '31 days' from generate_series(1, 1001)")
	d.finds("OCMT-TOK-007", audit.Low, "public.mfa_attempts")
	d.exec("delete from mfa_attempts")
	d.unreadable("OCMT-TOK-007", "security_events")
	d.absent("OCMT-TOK-007", "sessions", "security_events", "mfa_attempts")
}

// An API key that was forgotten opens the deployment for ever. One that is accepted must not hide the next.
func TestAPIKeys(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	d.exec("insert into api_keys (key_hash, key_prefix, expires_at) values (" + hash + ", 'a', now() + interval '1 year'); insert into api_keys (key_hash, key_prefix, revoked_at, created_at) values (" + hash + ", 'b', now(), now() - interval '1 year')")
	d.passes("OCMT-TOK-008")
	d.passes("OCMT-TOK-009")
	d.exec("update api_keys set revoked_at = null, last_used_at = null, created_at = now() - interval '91 days', expires_at = null")
	for id, severity := range map[string]audit.Severity{"OCMT-TOK-008": audit.Medium, "OCMT-TOK-009": audit.Low} {
		d.finds(id, severity, "of public.api_keys", "public.api_keys id "+d.value("select min(id::text) from api_keys"))
		if found := d.one(id).Findings[0]; found.Count != 2 || len(found.Objects) != 2 {
			t.Errorf("%s: %d things, %d objects, want 2", id, found.Count, len(found.Objects))
		}
	}
	d.finds("OCMT-TOK-009", audit.Low, "the server may not note uses")
	d.exec("update api_keys set last_used_at = now()")
	d.passes("OCMT-TOK-009")
	d.unreadable("OCMT-TOK-008", "api_keys")
	d.unreadable("OCMT-TOK-009", "api_keys")
	d.absent("OCMT-TOK-008", "api_keys")
	d.absent("OCMT-TOK-009", "api_keys")
}

// A platform admin with a password alone is the whole deployment to who guesses it.
func TestAdmins(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	d.exec(addUser + ", ('B@example.org', 'x')")
	d.passes("OCMT-TOK-010")
	byEmail := settings{"ADMIN_EMAILS": "nobody@example.org, b@Example.org"}
	wantFinding(t, d.audit(d.url, byEmail, "TOK-010")["OCMT-TOK-010"], audit.High, "by ADMIN_EMAILS", d.value("select id::text from users where email like 'B%'"))
	d.exec("insert into user_mfa (user_id, totp_enabled) select id, true from users where email like 'B%'")
	if r := d.audit(d.url, byEmail, "TOK-010")["OCMT-TOK-010"]; r.Outcome != audit.Pass {
		t.Errorf("with a second factor: %+v", r)
	}
	d.exec("update users set is_platform_admin = true")
	d.finds("OCMT-TOK-010", audit.High, "by is_platform_admin", d.value("select id::text from users where email like 'a%'"))
	d.unreadable("OCMT-TOK-010", "user_mfa")
	d.exec("drop table user_mfa")
	if r := d.one("OCMT-TOK-010"); r.Outcome != audit.Unchecked {
		t.Errorf("without user_mfa: %s", r.Outcome)
	}
}

// A token for emergencies that was left alive opens an account past its log-in.
func TestEmergencyTokens(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, testenv.Shared(t))
	d.exec("insert into emergency_access_tokens (token_hash, expires_at, used_at) values (" + hash + ", now() + interval '1 day', now())")
	d.passes("OCMT-TOK-011")
	d.exec("update emergency_access_tokens set used_at = null")
	d.finds("OCMT-TOK-011", audit.Medium, "1 token alive")
	d.exec("update emergency_access_tokens set expires_at = now()")
	d.passes("OCMT-TOK-011")
	d.exec("alter table emergency_access_tokens drop used_at")
	d.finds("OCMT-TOK-011", audit.Medium, "can be used again")
	d.unreadable("OCMT-TOK-011", "emergency_access_tokens")
	d.absent("OCMT-TOK-011", "emergency_access_tokens")
}
