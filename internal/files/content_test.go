package files_test

import (
	"context"
	"io/fs"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/files"
)

// groupOf returns the name of a file's group, or its number.
func groupOf(t *testing.T, info fs.FileInfo) string {
	t.Helper()
	stat, is := info.Sys().(*syscall.Stat_t)
	if !is {
		t.Fatal("the group is not known")
	}
	number := strconv.FormatUint(uint64(stat.Gid), 10)
	if group, err := user.LookupGroupId(number); err == nil {
		return group.Name
	}
	return number
}

// If this fails, the token of a gateway stays in copies, lies open, or is empty without anybody knowing.
func TestGatewayFiles(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.wantOutcome("OCMT-FIL-004", audit.NotApplicable)
	own := filepath.Join(d.options.Home, ".openclaw/openclaw.json")
	d.settings.texts["OPENCLAW_GATEWAY_TOKEN"] = "token-of-the-gateway-7261"
	for name, text := range map[string]string{
		"the token of the setting": `{gateway: {auth: {token: 'token-of-the-gateway-7261',},},} // JSON5`,
		"a reference":              `{"gateway": {"auth": {"token": "${OPENCLAW_GATEWAY_TOKEN}"}}}`,
		"no token":                 `{"agents": [1, +.5, Infinity, null]}`,
	} {
		d.write(own, text, 0o600)
		if got := d.ask("OCMT-FIL-004"); got.Outcome != audit.Pass {
			t.Errorf("%s: %s %+v %v", name, got.Outcome, got.Findings, got.Gaps)
		}
	}
	d.write(own+".bak", `{gateway: {auth: {token: "`+secretText+`"}}}`, 0o600)
	d.wantFindings("OCMT-FIL-004", "medium: ~/.openclaw/openclaw.json.bak gateway.auth.token is a copy with another token")
	d.write(own, `{gateway: {auth: {token: ""}}}`, 0o604)
	d.write(own+".bak", `{}`, 0o600)
	d.wantFindings("OCMT-FIL-004", "high: ~/.openclaw/openclaw.json gateway.auth.token is set to nothing", "high: ~/.openclaw/openclaw.json is not kept from others")
	d.write(own, `{gateway: {auth: {token: "`+secretText+`"}}}`, 0o600)
	d.wantFindings("OCMT-FIL-004", "medium: ~/.openclaw/openclaw.json gateway.auth.token hides OPENCLAW_GATEWAY_TOKEN")
	d.write(own, `{gateway: {auth: {token: "your-secret-token-here"}}}`, 0o600)
	d.wantFindings("OCMT-FIL-004", "critical: ~/.openclaw/openclaw.json gateway.auth.token is an example")
	for _, text := range []string{`{gateway`, `{$include: "./other.json"}`} {
		d.write(own, text, 0o600)
		d.wantOutcome("OCMT-FIL-004", audit.Unchecked)
	}
}

// If this fails, a secret that was changed in the env file lives on in a dump of pm2 or in a unit.
func TestServiceFiles(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.wantOutcome("OCMT-FIL-005", audit.NotApplicable)
	unit := filepath.Join(d.options.System, "etc/systemd/system/ocmt.service")
	d.write(unit, "[Service]\nEnvironmentFile=/srv/app/.env\n", 0o644)
	d.write(filepath.Join(d.options.Home, ".pm2/dump.pm2"), `[{"name":"ocmt"}]`, 0o600)
	d.wantOutcome("OCMT-FIL-005", audit.Pass)
	d.write(filepath.Join(d.options.Home, ".pm2/dump.pm2.bak"), `[{"env":{"ADMIN_TOKEN":"`+secretText+`"}}]`, 0o600)
	d.write(unit+".d/more.conf", "[Service]\nEnvironment=ADMIN_TOKEN="+secretText+"\n", 0o644)
	d.write(filepath.Join(d.options.System, "var/spool/cron/crontabs/root"), "0 0 * * * curl -H 'X-Auth-Token: "+secretText+"' localhost\n", 0o600)
	d.wantFindings("OCMT-FIL-005", "~/.pm2/dump.pm2.bak is a dump of pm2 with the secret of ADMIN_TOKEN",
		"/etc/systemd/system/ocmt.service.d/more.conf is a unit of systemd with", "/var/spool/cron/crontabs/root is a crontab with")
}

// If this fails, a dump of pm2 that cannot be read counts as one without secrets.
func TestServiceFileThatCannotBeRead(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.loop(filepath.Join(d.options.Home, ".pm2/dump.pm2"))
	d.wantOutcome("OCMT-FIL-005", audit.Unchecked)
}

// goodSettings are settings of a sound deployment. All are invented.
func goodSettings() map[string]string {
	return map[string]string{
		"INTERNAL_ADMIN_TOKEN": "d5a6c1e07b", "MANAGEMENT_API_TOKEN": "d5a6c1e07b", "AGENT_SERVER_TOKEN": "77e01f2cb4", "AUTH_TOKEN": "77e01f2cb4", "CSRF_SECRET": "01bb2d9e8f",
		"GOOGLE_CLIENT_SECRET": "GOCSPX-one", "GOOGLE_LOGIN_CLIENT_SECRET": "GOCSPX-one", "ADMIN_TOKEN": "q8ZrT1v0XyLw5nKd3mPb7cHs",
		"DATABASE_URL": "postgresql://ocmt:k3Jx9vQz7Lw2Rt5Y@db/ocmt", "REDIS_URL": "redis://:Vb8nM4kLp0oIu7yT@cache:6379",
	}
}

// If this fails, an operator ships an example as a token, or one token for two things.
func TestSecrets(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.wantOutcome("OCMT-FIL-006", audit.NotApplicable)
	d.settings.texts = goodSettings()
	d.wantOutcome("OCMT-FIL-006", audit.Pass)
	for _, test := range []struct{ name, text, want string }{
		{"ADMIN_TOKEN", "YourSecureRandomToken123456789", "critical: ADMIN_TOKEN is an example of the documents"},
		{"ADMIN_TOKEN", "q8ZrT1v0XyLw5nK", "high: ADMIN_TOKEN is short"},
		{"ADMIN_PASSWORD", "ChangeMe", "critical: ADMIN_PASSWORD is a common password"},
		{"CSRF_SECRET", "77e01f2cb4", "critical: AGENT_SERVER_TOKEN = CSRF_SECRET are one secret under two names"},
		{"DATABASE_URL", "postgresql://ocmt:password@localhost:5432/ocmt", "critical: password of DATABASE_URL is an example"},
		{"DATABASE_URL", "postgresql://ocmt:tooShort1@localhost:5432/ocmt", "high: password of DATABASE_URL is short"},
		{"DATABASE_URL", "host=db user=ocmt password='tooShort2' dbname=ocmt", "high: password of DATABASE_URL is short"},
		{"REDIS_URL", "redis://default:mysecretpassword@cache", "critical: password of REDIS_URL is a common password"},
		{"REDIS_URL", "redis://:Vb8nM4kLp0oIu7yT@one redis://:changeme@two", "critical: password of REDIS_URL is a common password"},
		{"REDIS_URL", "redis://:p%zz@cache", "high: password of REDIS_URL is short"},
		{"SESSION_SECRET", "k3Jx9vQz7Lw2Rt5Y", "critical: SESSION_SECRET = password of DATABASE_URL are one secret"},
	} {
		d.settings.texts = goodSettings()
		d.settings.texts[test.name] = test.text
		if test.want[:8] == "critical" && test.name == "CSRF_SECRET" {
			d.wantFindings("OCMT-FIL-006", test.want, "critical: AUTH_TOKEN = CSRF_SECRET are one secret")
			continue
		}
		d.wantFindings("OCMT-FIL-006", test.want)
	}
}

// If this fails, settings that cannot be read count as sound ones.
func TestSettingsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	sources := &audit.Sources{Settings: audit.Unanswered[audit.Settings](audit.Gap{What: "the settings", Reason: "the env file cannot be read"})}
	report, err := audit.Run(context.Background(), sources, audit.Request{Only: []string{"FIL-006", "FIL-007"}}, silent{})
	if err != nil || report.Counts.Unchecked != 2 {
		t.Errorf("%+v, %v", report, err)
	}
	d := newDeployment(t)
	d.settings.texts = goodSettings()
	sources = &audit.Sources{Settings: audit.Available[audit.Settings](d.settings), Unread: []audit.Gap{{What: "CSRF_SECRET", Reason: "its file cannot be read"}}}
	report, err = audit.Run(context.Background(), sources, audit.Request{Only: []string{"FIL-006"}}, silent{})
	if err != nil || report.Counts.Unchecked != 1 || report.Results[0].Gaps[0].What != "CSRF_SECRET" {
		t.Errorf("one setting cannot be read: %+v, %v", report, err)
	}
}

// If this fails, the management server and its agents hold different tokens, or a change of the env file
// does nothing, and the operator looks for the reason for hours.
func TestPairs(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	d.wantOutcome("OCMT-FIL-007", audit.NotApplicable)
	d.settings.texts = map[string]string{"AGENT_SERVER_TOKEN": "one", "GROUP_VAULT_AUTH_TOKEN": "three", "ENCRYPTION_KEY": "AA"}
	d.wantOutcome("OCMT-FIL-007", audit.Unchecked) // the other side is not given
	d.options.EnvFiles = []files.EnvFile{{Path: "agent.env"}, {Path: "vault.env"}}
	d.write("agent.env", "AUTH_TOKEN=one\nENCRYPTION_KEY=aa\n", 0o600)
	d.write("vault.env", "AUTH_TOKEN=three\n", 0o600)
	d.wantOutcome("OCMT-FIL-007", audit.Pass)
	d.write("vault.env", "AUTH_TOKEN=four\n", 0o600)
	d.wantFindings("OCMT-FIL-007", "high: GROUP_VAULT_AUTH_TOKEN = AUTH_TOKEN differ")
	d.write("vault.env", "AUTH_TOKEN=three\n", 0o600)
	d.write("agent.env", "AUTH_TOKEN=two\nENCRYPTION_KEY=BB\n", 0o600)
	d.wantFindings("OCMT-FIL-007", "high: AGENT_SERVER_TOKEN = AUTH_TOKEN differ", "high: ENCRYPTION_KEY differs between servers")
	d.options.EnvFiles = []files.EnvFile{{Path: ".env", Own: true}}
	d.settings.texts = map[string]string{"ADMIN_TOKEN": "from the environment", "CSRF_SECRET": "same", "ENCRYPTION_KEY": "AA"}
	d.settings.inFile = []string{"ENCRYPTION_KEY"}
	d.write(".env", "ADMIN_TOKEN=from the file\nCSRF_SECRET=same\nENCRYPTION_KEY=AA\n", 0o600)
	d.wantFindings("OCMT-FIL-007", "medium: settings of .env are hidden by other texts of the same names | two texts | ADMIN_TOKEN in the environment")
	d.write(".env", "this is no env file\n", 0o600)
	d.wantOutcome("OCMT-FIL-007", audit.Unchecked)
}
