package validation_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/validation"
	"github.com/ocmt/ocmt/pkg/secret"
)

// envFile is an env file, or an environment, by its names.
type envFile struct {
	path  string // "" for an environment
	texts map[string]string
}

// Text implements validation.Settings and validation.EnvFile.
func (e envFile) Text(name string) string { return e.texts[name] }

// Names implements validation.Settings.
func (e envFile) Names(prefix string) (names []string) {
	for name, text := range e.texts {
		claimed := slices.ContainsFunc(secret.VersionedKinds(), func(k secret.Kind) bool { return k.Claims(name, text) })
		if strings.HasPrefix(name, prefix) && text != "" && claimed {
			names = append(names, name)
		}
	}
	return names
}

// Place implements validation.Settings and validation.EnvFile.
func (e envFile) Place(name string) string {
	if e.path == "" {
		return "environment"
	}
	return e.path + ":1"
}

// InEnvFile implements validation.Settings.
func (e envFile) InEnvFile(name string) bool { return e.path != "" && e.texts[name] != "" }

// fileView is the same as validation.EnvFile, whose Names takes no prefix.
type fileView struct{ envFile }

// Names implements validation.EnvFile.
func (f fileView) Names() []string { return slices.Sorted(maps.Keys(f.texts)) }

// side returns the settings of a component.
func (e envFile) side(component secret.Component) validation.Side {
	side := validation.Side{Component: component, File: e.path, Settings: e}
	if e.path != "" {
		side.EnvFile = fileView{e}
	}
	return side
}

// marked returns a secret that is as good as a random one, by a name.
func marked(name string) string {
	digest := sha256.Sum256([]byte("a secret of the tests: " + name))
	return hex.EncodeToString(digest[:])
}

// deployment is the settings of all five components.
type deployment struct {
	management, agent, admin, gateway, vault envFile
	openclaw                                 string // gateway.auth.token
}

// newDeployment returns a deployment in which nothing is wrong.
func newDeployment() *deployment {
	return &deployment{
		management: envFile{"server/.env", map[string]string{
			"ENCRYPTION_KEY": marked("key 1"), "ENCRYPTION_KEY_VERSION": "1", "ENCRYPTION_KEY_V0": marked("key 0"),
			"AGENT_SERVER_TOKEN": marked("agent"), "GROUP_VAULT_AUTH_TOKEN": marked("vault"), "INTERNAL_ADMIN_TOKEN": marked("internal"),
			"ADMIN_PASSWORD": marked("password"), "CSRF_SECRET": marked("csrf"), "ADMIN_EMAILS": "ops@example.org",
			"DATABASE_URL": "postgresql://ocmt:" + marked("database") + "@db/ocmt", "REDIS_URL": "rediss://:" + marked("redis") + "@redis:6379",
			"GOOGLE_CLIENT_ID": "1234.apps.example", "GOOGLE_CLIENT_SECRET": marked("google"), "GOOGLE_LOGIN_CLIENT_SECRET": marked("google"),
			"NODE_ENV": "production", "PORT": "3000", "LOG_LEVEL": "info"}},
		agent:    envFile{"agent/.env", map[string]string{"AUTH_TOKEN": marked("agent"), "PORT": "3001"}},
		admin:    envFile{"", map[string]string{"ADMIN_TOKEN": marked("admin"), "MANAGEMENT_API_TOKEN": marked("internal"), "SESSION_SECRET": marked("session")}},
		gateway:  envFile{"", map[string]string{"OPENCLAW_GATEWAY_TOKEN": marked("gateway")}},
		vault:    envFile{"", map[string]string{"AUTH_TOKEN": marked("vault"), "SIGNING_KEY": marked("signing")}},
		openclaw: marked("gateway"),
	}
}

// secrets returns every text of the deployment that is a secret, by its name.
func (d *deployment) secrets() map[string]string {
	list := map[string]string{"gateway.auth.token": d.openclaw}
	for _, file := range []envFile{d.management, d.agent, d.admin, d.gateway, d.vault} {
		for name, text := range file.texts {
			if strings.Contains(name, "TOKEN") || strings.Contains(name, "KEY") || strings.Contains(name, "SECRET") || strings.Contains(name, "PASSWORD") {
				list[file.path+" "+name] = text
			}
			for _, password := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(":@/", r) }) {
				if strings.HasSuffix(name, "_URL") && len(password) >= 12 && password != "postgresql" {
					list[file.path+" password of "+name] = password
				}
			}
		}
	}
	for name, text := range list {
		if len(text) < 4 {
			delete(list, name)
		}
	}
	return list
}

// asManagement is what an operator checks beside the management server, with everything that flags can bring.
func (d *deployment) asManagement() validation.Input {
	admin := d.admin
	admin.path = "admin/environment"
	return validation.Input{Own: d.management.side(secret.Management), Others: []validation.Side{d.agent.side(secret.Agent), admin.side(secret.AdminUI)},
		Gateway: &validation.Gateway{File: "openclaw.json", Token: secret.NewValue(d.openclaw), Set: true},
		Files:   []validation.File{{Path: d.management.path, Mode: 0o600, Secret: true}, {Path: d.agent.path, Mode: 0o600, Secret: true}}}
}

// codes returns the findings of a report as "code where".
func codes(report validation.Report) (list []string) {
	for _, found := range report.Findings() {
		list = append(list, string(found.Code)+" "+found.Where)
	}
	slices.Sort(list)
	return list
}

// If this fails, an operator of a sound deployment is told of faults, and learns not to read the report.
func TestCleanDeployment(t *testing.T) {
	t.Parallel()
	d := newDeployment()
	for name, input := range map[string]validation.Input{
		"all that flags bring": d.asManagement(),
		"management":           {Own: d.management.side(secret.Management)},
		"unknown component":    {Own: d.management.side("")},
		"agent":                {Own: d.agent.side(secret.Agent)},
		"admin UI":             {Own: d.admin.side(secret.AdminUI)},
		"gateway":              {Own: d.gateway.side(secret.Gateway)},
		"gateway by its file":  {Own: envFile{}.side(secret.Gateway), Gateway: &validation.Gateway{File: "f", Token: secret.NewValue(d.openclaw), Set: true}},
		"group vault":          {Own: d.vault.side(secret.GroupVault)},
	} {
		report := validation.Check(input)
		if found := codes(report); len(found) > 0 || len(report.Failed()) > 0 {
			t.Errorf("%s: found %v, could not %v", name, found, report.Failed())
		}
	}
	for _, row := range validation.Check(d.asManagement()).Rows {
		if row.State == validation.StateOK && row.Fingerprint == "" && row.Strength == "" && row.Form != "number" && row.Form != "URL" {
			t.Errorf("%s is set, and the report says nothing of it", row.Name)
		}
	}
}

// If this fails, the report itself gives a secret away, or a digest by which a weak one is guessed.
func TestReportHoldsNoSecret(t *testing.T) {
	t.Parallel()
	for name, plant := range plants {
		d := newDeployment()
		input := plant.in(d)
		report := validation.Check(input)
		text := fmt.Sprintf("%+v %#v", report, report)
		for where, held := range d.secrets() {
			digest := sha256.Sum256([]byte(held))
			if strings.Contains(text, held) || len(held) < 24 && strings.Contains(text, hex.EncodeToString(digest[:])[:16]) {
				t.Errorf("%s: the report holds the secret of %s", name, where)
			}
		}
		for _, row := range report.Rows {
			weak := slices.ContainsFunc(row.Findings, func(f finding.Finding) bool { return f.Code == finding.DocumentedExample })
			if weak && row.Fingerprint != "" {
				t.Errorf("%s: %s can be guessed and has a fingerprint", name, row.Name)
			}
		}
	}
}
