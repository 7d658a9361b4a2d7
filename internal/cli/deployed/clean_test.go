package deployed_test

import (
	"crypto/tls"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/audit/report"
	"github.com/ocmt/ocmt/testdata"
)

// page returns a file of docs.
func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../../docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// aclLine returns the arguments of a line "ACL SETUSER user ..." of a page, with a password.
func aclLine(t *testing.T, name, user, password string) []string {
	t.Helper()
	begin := "    ACL SETUSER " + user + " "
	_, rest, found := strings.Cut(page(t, name), begin)
	line, _, _ := strings.Cut(rest, "\n")
	if !found {
		t.Fatalf("docs/%s has no line %q", name, begin)
	}
	words := strings.Fields(begin + line)
	for i, word := range words {
		if strings.HasPrefix(word, ">") {
			words[i] = ">" + password
		}
	}
	return words
}

// sound is a deployment that was made as the documents say.
type sound struct {
	*deployment
	postgres *postgres
	redis    *redis
	of       authority
	ca       string // file of the certificate

	// The variables of each person: addresses with an account of their own.
	auditor, rotator, sessions []string
	agentEnv, vaultEnv         string // env files of other components
}

// newSound makes it.
func newSound(t *testing.T) *sound {
	t.Helper()
	s := &sound{deployment: newDeployment(t), of: newAuthority(t, 90, "127.0.0.1", outside(t))}
	s.ca = filepath.Join(t.TempDir(), "ca.crt")
	writeFile(t, s.ca, string(s.of.certificate), 0o644)
	s.postgres = startPostgres(t, "archive_mode = on", "archive_command = '/bin/true'")
	s.redis = startRedis(t, "appendonly yes", "maxmemory 256mb", "maxmemory-policy volatile-lru")
	s.makeSettings()
	s.makeAccounts()
	s.makeFiles()
	return s
}

// makeSettings makes the secrets of all components, and their env files.
func (s *sound) makeSettings() {
	for _, name := range []string{"ADMIN_TOKEN", "INTERNAL_ADMIN_TOKEN", "ADMIN_PASSWORD", "AGENT_SERVER_TOKEN", "GROUP_VAULT_AUTH_TOKEN", "SESSION_SECRET", "CSRF_SECRET",
		"OPENCLAW_GATEWAY_TOKEN", "GITHUB_CLIENT_SECRET", "STRIPE_SECRET_KEY"} {
		s.env[name] = invent()
	}
	s.env["MANAGEMENT_API_TOKEN"] = s.env["INTERNAL_ADMIN_TOKEN"]
	s.env["ADMIN_EMAILS"] = "admin@example.org"
	s.env["ENCRYPTION_KEY_V0"], s.env["ENCRYPTION_KEY"], s.env["ENCRYPTION_KEY_VERSION"] = s.key(), s.key(), "1"
	s.env["SAML_PRIVATE_KEY_PATH"], s.env["BACKUP_DIR"] = "saml.key", "backups"
	for _, name := range []string{"app", "auditor", "rotator", "sessions", "redis app", "redis auditor", "redis sessions", "redis admin", "signing key"} {
		s.others[name] = invent()
	}
	s.env["DATABASE_URL"] = s.postgres.url("ocmt", s.others["app"], "sslmode=verify-full&sslrootcert="+s.ca)
}

// makeAccounts makes the accounts of PostgreSQL and of Redis, each with the rights of the documents.
func (s *sound) makeAccounts() {
	p := s.postgres
	p.secure(s.of)
	p.exec("create role ocmt login password '" + s.others["app"] + "'; grant create on schema public to ocmt; set role ocmt")
	p.exec(testdata.Schema)
	p.exec(testdata.AccessSchema)
	p.exec("reset role")
	roles := page(s.t, "roles.sql")
	p.exec(roles)
	query := "sslmode=verify-full&sslrootcert=" + s.ca
	for name, account := range map[string]struct {
		group, secret string
		environ       *[]string
	}{"alice": {"ocmt_auditor", "auditor", &s.auditor}, "rita": {"ocmt_rotator", "rotator", &s.rotator}, "sam": {"ocmt_sessions", "sessions", &s.sessions}} {
		p.exec("create role " + name + " login password '" + s.others[account.secret] + "'; grant " + account.group + " to " + name)
		*account.environ = []string{"DATABASE_URL=" + p.url(name, s.others[account.secret], query), "OCMT_REDIS_CA=" + s.ca, "OCMT_ENDPOINT_CA=" + s.ca}
	}
	p.configure([]string{"local all postgres peer map=any", "hostssl all all " + p.host + "/32 scram-sha-256"}, "log_parameter_max_length = 0", "log_error_verbosity = terse", "log_statement = ddl")
	// A file that is made later has the rights by a second run.
	p.exec(s.must(s.rotator, "audit", "verify-chain", "--sql"))
	p.exec(roles)

	r := s.redis
	r.secure(s.of, p.host)
	r.do("acl", "setuser", "admin", "on", ">"+s.others["redis admin"], "~*", "&*", "+@all")
	r.do(aclLine(s.t, "audit.md", "ocmt", s.others["redis app"])...)
	r.do(aclLine(s.t, "audit.md", "ocmt-audit", s.others["redis auditor"])...)
	r.do(aclLine(s.t, "session-invalidate.md", "ocmt-sessions", s.others["redis sessions"])...)
	r.do("acl", "setuser", "default", "off")
	address := func(user, secret string) string {
		return "rediss://" + user + ":" + s.others[secret] + "@" + r.address + "/0"
	}
	s.env["REDIS_URL"] = address("ocmt", "redis app")
	s.auditor = append(s.auditor, "REDIS_URL="+address("ocmt-audit", "redis auditor"))
	s.sessions = append(s.sessions, "REDIS_URL="+address("ocmt-sessions", "redis sessions"))
	s.rotator = append(s.rotator, "REDIS_URL="+address("ocmt", "redis app"))
}

// makeFiles makes the project with its repository, and what stands beside it.
func (s *sound) makeFiles() {
	s.write(".env", s.env.text(), 0o600)
	s.write("ocmt.yaml", "audit:\n  redis_application_user: ocmt\n  redis_operators: [admin, ocmt-sessions]\n", 0o644)
	s.write("saml.key", string(s.of.key), 0o600)
	s.write(".gitignore", ".env\n.env.*\n!.env.example\nbackups/\nlogs/\nsaml.key\n", 0o644)
	s.write(".env.example", "ADMIN_TOKEN=generate-a-secure-token-here\nDATABASE_URL=postgresql://ocmt:password@localhost/ocmt\n", 0o644)
	s.write("Dockerfile", "FROM node:22\nCOPY . .\nCMD [\"node\", \"server.js\"]\n", 0o644)
	s.write(".dockerignore", ".env*\n", 0o644)
	s.write("docker-compose.yml", `services:
  management:
    build: .
    env_file: .env
    ports: ["127.0.0.1:3000:3000"]
  redis:
    image: redis:7
    command: redis-server --aclfile /etc/redis/users.acl
    volumes: ["./users.acl:/etc/redis/users.acl:ro"]
`, 0o644)
	s.write("src/server.js", "console.log('ADMIN_TOKEN is set:', Boolean(process.env.ADMIN_TOKEN));\n", 0o644)
	s.write("backups/tenant.age", "age-encryption.org/v1\n-> X25519 x\n", 0o644)
	s.write("backups/dump.sql", "-- PostgreSQL database dump\nCOPY public.users (id) FROM stdin;\n", 0o600)
	s.write("logs/access.log", "GET /api/vault/status 200\nGET /health 200\n", 0o640)
	writeFile(s.t, filepath.Join(s.home, ".openclaw/openclaw.json"), "{ gateway: { auth: { token: '${OPENCLAW_GATEWAY_TOKEN}' } } }\n", 0o600)
	writeFile(s.t, filepath.Join(s.home, ".bash_history"), "ocmt audit --details\nls\n", 0o600)
	others := s.t.TempDir()
	s.agentEnv, s.vaultEnv = filepath.Join(others, "agent.env"), filepath.Join(others, "vault.env")
	writeFile(s.t, s.agentEnv, "AUTH_TOKEN="+s.env["AGENT_SERVER_TOKEN"]+"\n", 0o600)
	writeFile(s.t, s.vaultEnv, "AUTH_TOKEN="+s.env["GROUP_VAULT_AUTH_TOKEN"]+"\nSIGNING_KEY="+s.others["signing key"]+"\n", 0o600)
	s.git("init", "-q", "-b", "main")
	s.git("add", "-A")
	s.git("commit", "-q", "-m", "Begin")
}

// fill puts values under version 0 into the database, and sessions, keys and vaults beside them.
func (s *sound) fill() {
	p, old := s.postgres, s.env["ENCRYPTION_KEY_V0"]
	sealed := func(text string) string { return seal(s.t, 0, old, text) }
	p.exec("insert into users (email, is_platform_admin, gateway_token) values ('admin@example.org', true, $1), ('user@example.org', false, $2)", sealed("t1"), sealed("t2"))
	p.exec("insert into user_mfa (user_id, totp_secret_encrypted, totp_enabled) select id, $1, true from users", sealed("JBSWY3DPEHPK3PXP"))
	p.exec("insert into user_integrations (user_id, provider, access_token_encrypted, api_key_encrypted) select id, 'github', $1, $2 from users where email like 'user%'", sealed("access"), sealed("key"))
	p.exec("insert into alert_channels (name, channel_type, config_encrypted) values ('ops', 'mail', $1)", sealed("{}"))
	p.exec("insert into sessions (user_id, token, expires_at) select id, $1, now() + interval '1 day' from users where email like 'admin%'", hashed("1"))
	p.exec("insert into sessions (user_id, token, expires_at) select id, $1, now() + interval '1 day' from users where email like 'user%'", hashed("2"))
	p.exec("insert into api_keys (user_id, key_hash, key_prefix, last_used_at, expires_at) select id, $1, 'opw_live_abc', now(), now() + interval '90 days' from users where email like 'user%'", hashed("3"))
	s.redis.do("set", "vault:session:"+strings.Repeat("a", 32), `{"userId":"u","expiresAt":1}`, "EX", "3600")
	s.redis.do("set", "oauth:state:x", "{}", "EX", "600")
	s.redis.do("set", "ocmt:ratelimit:api:login:1", "{}", "EX", "120")
}

// endpoints starts the servers of all components, and returns their flags.
func (s *sound) endpoints() []string {
	pair := s.of.pair(s.t)
	bearer := func(certificate *tls.Certificate, tokens map[string]string) string {
		return serve(s.t, certificate, guarded(tokens, "Authorization"))
	}
	return []string{"--live",
		"--endpoint", "management=" + bearer(&pair, map[string]string{"/api/internal/metrics/wake": s.env["AGENT_SERVER_TOKEN"], "/api/admin/user-allowlist": s.env["INTERNAL_ADMIN_TOKEN"]}),
		"--endpoint", "admin-ui=" + bearer(nil, map[string]string{"/admin/containers": s.env["ADMIN_TOKEN"]}),
		"--endpoint", "agent=" + serve(s.t, nil, guarded(map[string]string{"/api/containers/metrics/wake": s.env["AGENT_SERVER_TOKEN"]}, "X-Auth-Token")),
		"--endpoint", "gateway=" + bearer(nil, map[string]string{"/tools/invoke": s.env["OPENCLAW_GATEWAY_TOKEN"]})}
}

// everything are the flags with which an audit looks at all that there is.
func (s *sound) everything() []string {
	return append(s.endpoints(), "--log", "logs", "--code", "src", "--other-env-file", s.agentEnv, "--other-env-file", s.vaultEnv, "--backup-horizon", "90d", "--docker")
}

// told says what a document has found and could not look at.
func told(found report.Document) string {
	var text strings.Builder
	for _, result := range found.Results {
		for _, one := range result.Findings {
			text.WriteString("\n" + result.Check + " " + one.Severity + ": " + one.Cause + " " + one.Message + " (" + one.Actual + ") " + strings.Join(one.Places, "; "))
		}
		for _, gap := range result.Gaps {
			text.WriteString("\n" + result.Check + " not checked: " + gap.What + ": " + gap.Reason + " " + gap.Missing)
		}
	}
	return text.String()
}

// If this fails, an operator who has done all that the documents say is told of faults that are none, or of rights
// that are missing, and learns to look away.
func TestDeploymentByTheDocuments(t *testing.T) {
	t.Parallel()
	s := newSound(t)
	s.fill()
	startServer(t, s.dir, nil, "server.js")
	s.must(s.rotator, "rotate", "--from-version", "0", "--yes")
	s.must(s.rotator, "audit", "record", "incident-opened", "--at", time.Now().AddDate(0, 0, -1).UTC().Format(time.RFC3339))
	for _, name := range []string{"ADMIN_TOKEN", "AGENT_SERVER_TOKEN", "REDIS_URL", "DATABASE_URL", "INTERNAL_ADMIN_TOKEN", "GROUP_VAULT_AUTH_TOKEN", "OPENCLAW_GATEWAY_TOKEN", "GITHUB_CLIENT_SECRET"} {
		s.must(s.rotator, "audit", "record", "secret-rotated", "--secret", name)
	}
	s.must(s.rotator, "audit", "record", "backup-verified")
	s.must(s.sessions, "session-invalidate", "--user", "user@example.org", "--reason", "moved", "--yes")
	flags := s.everything()
	if os.Geteuid() != 0 { // this machine may have crontabs and processes of others, which only root sees
		flags = append(flags, "--skip", "OCMT-FIL-005", "--skip", "processes")
	}
	s.auditor = append(s.auditor, docker(t, "NODE_ENV=production", "ADMIN_TOKEN_FILE=/run/secrets/admin"))
	if s.postgres.value("show shared_preload_libraries") != "pgaudit" {
		s.must(s.auditor, "audit", "baseline", "write", "--only", "OCMT-PG-012", "--owner", "ops@example.org", "--reason", "statements are recorded by the pool", "--expires", time.Now().AddDate(0, 3, 0).Format(time.DateOnly))
	}
	s.must(s.auditor, "audit", "log")
	s.must(s.auditor, "audit", "verify-chain")
	code, found := s.audit(s.auditor, append(flags, "--fail-on", "info")...)
	if code != 0 || found.Counts.Findings != 0 || found.Counts.Gaps != 0 {
		t.Errorf("exit %d, %d findings, %d gaps:%s", code, found.Counts.Findings, found.Counts.Gaps, told(found))
	}
	for _, result := range found.Results {
		if result.Outcome == audit.NotApplicable {
			t.Errorf("%s was not asked of this deployment: %s", result.Check, result.NotApplicable)
		}
	}
	s.saysInputs(found)
	s.keepsSecrets()
}

// saysInputs fails the test where the report does not say what was looked at, as whom and with which rights.
func (s *sound) saysInputs(found report.Document) {
	s.t.Helper()
	kinds := map[string]int{}
	for _, input := range found.Inputs {
		kinds[input.Kind]++
		switch {
		case input.Absent != "" || input.Name == "" || input.As == "",
			input.Kind == "database" && input.As != "alice, a member of ocmt_auditor, pg_monitor, pg_read_all_settings, pg_read_all_stats, pg_stat_scan_tables",
			input.Kind == "redis" && (input.As != "user ocmt-audit" || input.Name != s.redis.address),
			input.Kind == "endpoint" && input.As != "with the configured tokens too":
			s.t.Errorf("an input is %+v", input)
		}
	}
	// The env files of three components; the folder, the logs and the code.
	if want := map[string]int{"settings": 3, "database": 1, "redis": 1, "files": 3, "git": 1, "docker": 1, "endpoint": 4}; !maps.Equal(kinds, want) {
		s.t.Errorf("inputs %v, want %v", kinds, want)
	}
}
