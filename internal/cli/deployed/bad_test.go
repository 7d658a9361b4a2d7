package deployed_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/audit/report"
	"github.com/ocmt/ocmt/testdata"
)

// broken is a deployment with every fault.
type broken struct {
	*deployment
	postgres *postgres
	redis    *redis
	person   []string          // the variables of whoever audits and records
	known    map[string]string // what is another text in each run, with what stands for it
}

// newBroken makes it.
func newBroken(t *testing.T) *broken {
	t.Helper()
	if outside(t) == "127.0.0.1" {
		t.Fatal("this machine has no address but loopback: give it one, such as a network of a container")
	}
	b := &broken{deployment: newDeployment(t)}
	b.postgres = startPostgres(t)
	b.redis = startRedis(t)
	b.makeSettings()
	b.breakPostgres()
	b.breakRedis()
	b.breakTokens()
	b.breakValues()
	b.breakFiles()
	b.known = map[string]string{b.dir: "DIR", time.Now().UTC().AddDate(0, 0, -10).Format(time.DateOnly): "DAY", net.JoinHostPort(b.postgres.host, fmt.Sprint(b.postgres.server.Port())): "POSTGRES", b.redis.address: "REDIS", b.redis.folder: "FOLDER"}
	return b
}

// makeSettings makes secrets, some of which are none.
func (b *broken) makeSettings() {
	for _, name := range []string{"INTERNAL_ADMIN_TOKEN", "MANAGEMENT_API_TOKEN", "AGENT_SERVER_TOKEN", "GROUP_VAULT_AUTH_TOKEN", "OPENCLAW_GATEWAY_TOKEN", "STRIPE_SECRET_KEY"} {
		b.env[name] = invent()
	}
	b.env["ENCRYPTION_KEY"], b.env["ENCRYPTION_KEY_V0"], b.env["ENCRYPTION_KEY_V5"], b.env["ENCRYPTION_KEY_VERSION"] = b.key(), b.key(), b.key(), "2"
	b.env["CSRF_SECRET"] = b.env["ENCRYPTION_KEY_V0"]
	b.env["ADMIN_TOKEN"] = invent()[:20]
	b.env["SESSION_SECRET"] = "change-this-to-something-secure"
	b.env["ADMIN_PASSWORD"] = "mysecretpassword"
	b.env["AUTH_TOKEN"] = invent()
	b.env["ADMIN_EMAILS"] = "admin@example.org"
	b.env["SAML_PRIVATE_KEY_PATH"] = "saml.key"
	b.env["DATABASE_URL"] = b.postgres.url("ocmt", "password", "sslmode=disable")
	b.redis.address = net.JoinHostPort(outside(b.t), portOf(b.redis.address))
	b.env["REDIS_URL"] = "redis://:verysecretpassword@" + b.redis.address
	for _, name := range []string{"auditor", "session", "link", "telegram", "backup", "plain", "container"} {
		b.others[name] = invent()
	}
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// breakPostgres makes the faults of the server and its accounts.
func (b *broken) breakPostgres() {
	p := b.postgres
	p.exec("set password_encryption = md5")
	p.exec("create role ocmt login createrole password 'password'; create role reporter login; grant create on schema public to ocmt; set role ocmt")
	p.exec(testdata.Schema)
	p.exec(testdata.AccessSchema)
	p.exec("create table notes (id int primary key, body text); reset role")
	p.exec(page(b.t, "roles.sql"))
	p.exec("create role alice login password '" + b.others["auditor"] + "'; grant ocmt_auditor to alice; grant ocmt_rotator to alice; grant create on database " + p.name + " to alice")
	b.person = []string{"DATABASE_URL=" + p.url("alice", b.others["auditor"], "sslmode=disable"), docker(b.t, "STRIPE_SECRET_KEY="+b.others["container"])}
	p.exec("grant select on user_integrations to public; grant create on schema public to public; grant select on alert_channels to reporter")
	p.exec("alter table oauth_states enable row level security")
	p.exec("create function connect() returns text language sql as $$ select 'host=db password=" + b.others["plain"] + "' $$")
	p.exec("create extension pageinspect")
	p.configure([]string{"local all postgres peer map=any", "host all all 0.0.0.0/0 md5"}, "log_statement = 'all'")
}

// breakRedis makes the faults of Redis.
func (b *broken) breakRedis() {
	r := b.redis
	r.do("config", "set", "bind", "*", "protected-mode", "no", "maxmemory-policy", "allkeys-random")
	r.do("acl", "setuser", "reader", "on", ">"+invent(), "~*", "+@all")
	r.do("set", "vault:session:"+strings.Repeat("b", 32), "{}")
	r.do("set", "oauth:state:x", "{}", "EX", "86400")
	r.do("config", "set", "save", "3600 1")
	if err := os.Chmod(r.folder, 0o755); err != nil {
		b.t.Fatal(err)
	}
	r.do("acl", "setuser", "default", "on", "nopass", "~*", "&*", "+@all")
}

// breakTokens makes the faults of sessions and what is like them.
func (b *broken) breakTokens() {
	p := b.postgres
	user := "00000000-0000-0000-0000-000000000001"
	p.exec("insert into tenants (name, settings) values ('t', jsonb_build_object('backup_key', $1::text))", b.others["backup"])
	p.exec("insert into users (id, email, is_platform_admin, gateway_token, telegram_bot_token) values ('"+user+"', 'admin@example.org', true, $1, $2)", b.env["OPENCLAW_GATEWAY_TOKEN"], b.others["telegram"])
	p.exec("insert into sessions (user_id, token, expires_at) values ('"+user+"', $1, now() + interval '60 days')", b.others["session"])
	p.exec("insert into sessions (user_id, token, expires_at) select '" + user + "', encode(sha256(n::text::bytea), 'hex'), now() + interval '1 day' from generate_series(1, 6) n")
	p.exec("insert into sessions (user_id, token, created_at, expires_at) values ('" + user + "', repeat('c', 64), now() - interval '99 days', now() - interval '92 days')")
	p.exec("insert into magic_links (email, token, expires_at) values ('a@example.org', $1, now() + interval '1 hour')", b.others["link"])
	p.exec("insert into group_invites (email, token, created_at, expires_at) values ('a@example.org', $1, now() - interval '2 hours', now() + interval '1 hour')", invent())
	p.exec("insert into api_keys (user_id, key_hash, key_prefix, created_at) values ('" + user + "', repeat('d', 64), 'opw_live_abc', now() - interval '200 days')")
	p.exec("insert into emergency_access_tokens (user_id, token_hash, expires_at) values ('" + user + "', repeat('e', 64), now() + interval '1 hour')")
}

// breakValues makes the faults of values and of rotations.
func (b *broken) breakValues() {
	t, p, current, old, lost := b.t, b.postgres, b.env["ENCRYPTION_KEY"], b.env["ENCRYPTION_KEY_V0"], b.key()
	sealed := seal(t, 2, current, "short")
	label, rest, _ := strings.Cut(sealed, ":")
	iv, rest, _ := strings.Cut(rest, ":")
	tag, text, _ := strings.Cut(rest, ":")
	repeated := bytes.Repeat([]byte{7}, 4096)
	for n := range 10 {
		b.others[fmt.Sprint("value ", n)] = invent()
	}
	plain := func(n int) string { return b.others[fmt.Sprint("value ", n)] }
	for name, value := range map[string]string{
		"good": seal(t, 2, current, plain(0)), "older": seal(t, 0, old, plain(1)), "missing": seal(t, 1, lost, plain(2)), "above": seal(t, 5, b.env["ENCRYPTION_KEY_V5"], plain(3)),
		"unopened": seal(t, 2, lost, plain(4)), "mislabelled": seal(t, 2, old, plain(5)), "plaintext": b.others["plain"],
		"iv 1": sealWith(t, bytes.NewReader(repeated), 2, current, plain(6)), "iv 2": sealWith(t, bytes.NewReader(repeated), 2, current, plain(7)),
		"short": label + ":" + iv + ":" + tag[:16] + ":" + text, "lenient": strings.Replace(seal(t, 2, current, plain(8)), "v2:", "v02:", 1),
	} {
		p.exec("insert into secrets (key, value_encrypted) values ($1, $2)", name, value)
	}
	p.exec("insert into notes values (1, $1)", seal(t, 2, current, plain(9)))
	p.exec("insert into encryption_keys (version, key_id, created_at) values (2, 'k2', now() - interval '1 day')")
	p.exec("insert into encryption_migrations (table_name, column_name, from_version, to_version, status) values ('secrets', 'value_encrypted', 0, 2, 'interrupted')")
}

// breakFiles makes the faults of files, the repository, logs and containers.
func (b *broken) breakFiles() {
	b.write(".env", b.env.text(), 0o644)
	b.write(".env.local", "OTHER=1\n", 0o600)
	b.write("saml.key", "key\n", 0o644)
	b.write("dump.sql", "-- PostgreSQL database dump\nCOPY public.users (id) FROM stdin;\n", 0o644)
	b.write("Dockerfile", "FROM node:22\nCOPY . .\nCMD [\"node\", \"server.js\"]\n", 0o644)
	b.write("docker-compose.yml", `services:
  app:
    image: app
    environment:
      STRIPE_SECRET_KEY: `+b.env["STRIPE_SECRET_KEY"]+`
  redis:
    image: redis:7
    command: redis-server
    ports: ["6379:6379"]
`, 0o644)
	b.write("src/server.js", "console.log(process.env.ADMIN_TOKEN);\n", 0o644)
	b.write("logs/access.log", "GET /api/credentials?password=hunter22hunter22 200\nbearer "+b.env["AGENT_SERVER_TOKEN"]+"\n", 0o640)
	b.write("ocmt-baseline.yaml", `version: 1
accepted:
  - {id: OCMT-TOK-008, object: 0123456789abcdef, owner: a@example.org, reason: r, expires: "2020-01-01"}
  - {id: OCMT-GIT-004, object: 0123456789abcdef, owner: a@example.org, reason: r, expires: "2999-01-01"}
`, 0o644)
	writeFile(b.t, filepath.Join(b.home, ".openclaw/openclaw.json"), "{ gateway: { auth: { token: '' } } }\n", 0o604)
	writeFile(b.t, filepath.Join(b.home, ".openclaw/openclaw.json.bak"), "{ gateway: { auth: { token: '"+b.others["container"]+"' } } }\n", 0o600)
	writeFile(b.t, filepath.Join(b.home, ".pm2/dump.pm2"), `[{"env": {"ADMIN_TOKEN": "`+b.env["ADMIN_TOKEN"]+`"}}]`, 0o600)
	writeFile(b.t, filepath.Join(b.home, ".bash_history"), "curl -H 'Authorization: Bearer "+b.env["INTERNAL_ADMIN_TOKEN"]+"'\n", 0o600)
	b.git("init", "-q", "-b", "main")
	b.git("add", ".env", "Dockerfile")
	b.git("commit", "-q", "-m", "Begin")
	b.git("remote", "add", "origin", "https://user:"+b.others["plain"]+"@git.example.org/x.git")
	if err := os.Chmod(b.dir, 0o777); err != nil {
		b.t.Fatal(err)
	}
	later := time.Now().Add(time.Minute)
	if err := os.Chtimes(filepath.Join(b.dir, ".env"), later, later); err != nil {
		b.t.Fatal(err)
	}
}

// endpoints starts servers that let everybody in, and returns their flags.
func (b *broken) endpoints() []string {
	everybody := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }
	nobody := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }
	ending := newAuthority(b.t, 20, "127.0.0.1")
	ca, pair := filepath.Join(b.t.TempDir(), "ca.crt"), ending.pair(b.t)
	writeFile(b.t, ca, string(ending.certificate), 0o644)
	b.person = append(b.person, "OCMT_ENDPOINT_CA="+ca)
	flags := []string{"--live"}
	for component, address := range map[string]string{"admin-ui": serve(b.t, nil, everybody), "agent": serve(b.t, nil, everybody), "management": serve(b.t, &pair, nobody), "gateway": serveAtAll(b.t, nobody)} {
		b.known[address] = "URL"
		flags = append(flags, "--endpoint", component+"="+address)
	}
	return flags
}

// serveAtAll starts an HTTP server at every address of this machine.
func serveAtAll(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: answer, ReadHeaderTimeout: time.Second, TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}}
	go server.Serve(listener)
	t.Cleanup(func() { _ = server.Close() })
	return "http://127.0.0.1:" + portOf(listener.Addr().String())
}

// If this fails, a fault of a deployment is not found, or one that is none is.
func TestDeploymentWithEveryFault(t *testing.T) {
	t.Parallel()
	b := newBroken(t)
	startServer(t, b.dir, []string{"CSRF_SECRET=another"}, "server.js", "--token="+b.env["INTERNAL_ADMIN_TOKEN"])
	ago := func(days int) string { return time.Now().AddDate(0, 0, -days).UTC().Format(time.RFC3339) }
	for _, name := range []string{"ADMIN_TOKEN", "AGENT_SERVER_TOKEN", "REDIS_URL", "DATABASE_URL"} {
		b.must(b.person, "audit", "record", "secret-rotated", "--secret", name, "--at", ago(200))
	}
	b.must(b.person, "audit", "record", "backup-verified", "--at", ago(100))
	b.must(b.person, "audit", "record", "incident-opened", "--at", ago(10))
	code, found := b.audit(b.person, append(b.endpoints(), "--log", "logs", "--code", "src", "--backup-horizon", "90d", "--docker")...)
	if code != 3 {
		t.Errorf("exit %d, want 3", code)
	}
	if diff := cmp.Diff(strings.Split(strings.TrimSpace(everyFault), "\n"), b.causes(found)); diff != "" {
		t.Errorf("what is found (-want +got):\n%s\n%s", diff, told(found))
	}
	for _, check := range audit.Checks() {
		if !strings.Contains(everyFault, check.ID+" ") && !slices.Contains(alone, check.ID) {
			t.Errorf("no fault is made for %s", check.ID)
		}
	}
	b.sayAll()
	b.keepsSecrets()
}

// alone are the checks whose faults cannot be made here: one needs two billion writes, the other a
// database without any value under an older key.
var alone = []string{"OCMT-ENC-012", "OCMT-LIF-005"}

// causes returns a line for each finding and each gap, in order.
func (b *broken) causes(found report.Document) (lines []string) {
	var pairs []string
	for text, name := range b.known {
		pairs = append(pairs, text, name)
	}
	replace := strings.NewReplacer(pairs...).Replace
	for _, result := range found.Results {
		for _, one := range result.Findings {
			lines = append(lines, result.Check+" "+one.Severity+": "+replace(one.Cause))
		}
		for _, gap := range result.Gaps {
			if os.Geteuid() != 0 && slices.Contains([]string{"OCMT-FIL-005", "OCMT-PRC-001", "OCMT-PRC-002"}, result.Check) {
				continue // this machine may have crontabs and processes of others
			}
			lines = append(lines, result.Check+" not checked: "+replace(gap.What))
		}
	}
	slices.Sort(lines)
	return lines
}

// sayAll has everything printed that is not yet: the audit for people, its baseline, and the record.
func (b *broken) sayAll() {
	for _, args := range []string{"audit --skip OCMT-RDS-002", "audit --skip OCMT-RDS-002 --details --verbose", "audit --only git --docker=false --output json --quiet",
		"audit baseline write --skip OCMT-RDS-002 --allow-unchecked --force --owner o@example.org --reason r --expires 2999-01-01", "audit baseline show --output json",
		"audit log", "audit log --suspicious", "audit verify-chain --output json"} {
		if code, _, diagnostics := b.ocmt(b.person, strings.Fields(args)...); code != 0 && code != 3 {
			b.t.Errorf("ocmt %s ended with %d: %s", args, code, diagnostics)
		}
	}
	baseline, err := os.ReadFile(filepath.Join(b.dir, "ocmt-baseline.yaml"))
	if err != nil {
		b.t.Fatal(err)
	}
	b.said.Write(baseline)
	b.said.WriteString(b.postgres.value("select string_agg(r::text, E'\\n') from ocmt_tool.record r"))
}
