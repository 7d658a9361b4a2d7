package validation_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/validation"
	"github.com/ocmt/ocmt/pkg/secret"
)

// plant is one fault that is put into a clean deployment.
type plant struct {
	in   func(d *deployment) validation.Input
	want []string // "code where"
	// with says that it can be planted together with others.
	with bool
}

// set plants texts in the env file of the management server.
func set(name, text string) func(*deployment) validation.Input {
	return func(d *deployment) validation.Input {
		d.management.texts[name] = text
		return d.asManagement()
	}
}

// own plants texts in the settings of one component alone.
func own(component secret.Component, file envFile) func(*deployment) validation.Input {
	return func(*deployment) validation.Input { return validation.Input{Own: file.side(component)} }
}

// unset returns a change that takes a name out of a file.
func unset(file func(*deployment) envFile, name string) func(*deployment) validation.Input {
	return func(d *deployment) validation.Input {
		delete(file(d).texts, name)
		return d.asManagement()
	}
}

func management(d *deployment) envFile { return d.management }
func agent(d *deployment) envFile      { return d.agent }
func admin(d *deployment) envFile      { return d.admin }

// plants are all kinds of fault, one each.
var plants = map[string]plant{
	"an example as a token": {in: set("CSRF_SECRET", "generate-a-secure-token-here"), want: []string{"documented_example CSRF_SECRET"}, with: true},
	"an example with capitals and a tail": {in: set("ADMIN_PASSWORD", "Change-Me-To-A-Long-Random-Token-2"),
		want: []string{"documented_example ADMIN_PASSWORD"}, with: true},
	"the example key": {in: set("ENCRYPTION_KEY_V0", secret.Examples()[0]), want: []string{"documented_example ENCRYPTION_KEY_V0"}, with: true},
	"an example as the password of a database": {in: set("DATABASE_URL", "postgresql://ocmt:password@db/ocmt"),
		want: []string{"documented_example the password of DATABASE_URL"}, with: true},
	"an example inside another address": {in: set("REDIS_URL", "redis://:your-secret-token-here@redis:6379"),
		want: []string{"documented_example the password of REDIS_URL"}, with: true},
	"an example of what is no secret": {in: set("GOOGLE_CLIENT_ID", "your-google-client-id"), want: []string{"documented_example GOOGLE_CLIENT_ID in server/.env:1"}, with: true},
	"an example under a name that nobody knows": {in: set("OLD_THING", "change-this-to-something-secure"),
		want: []string{"documented_example OLD_THING in server/.env:1"}, with: true},
	"an example for the client of Google": {in: set("MICROSOFT_CLIENT_SECRET", "your-google-client-secret"), want: []string{"documented_example MICROSOFT_CLIENT_SECRET"}, with: true},

	"one secret for two things": {in: set("OPENCLAW_GATEWAY_TOKEN", ""), want: nil},
	"a token that is a key":     {in: set("CSRF_SECRET", strings.ToUpper(marked("key 0"))), want: []string{"shared_secret CSRF_SECRET"}},
	"a password that is a token": {in: set("REDIS_URL", "redis://:"+marked("csrf")+"@redis:6379"),
		want: []string{"shared_secret REDIS_URL"}},
	"a secret of the agent for the admin": {want: []string{"shared_secret ADMIN_TOKEN in admin/environment"},
		in: func(d *deployment) validation.Input {
			d.admin.texts["ADMIN_TOKEN"] = marked("agent")
			return d.asManagement()
		}},

	"the agent has another token": {want: []string{"pair_differs AUTH_TOKEN in agent/.env"},
		in: func(d *deployment) validation.Input {
			d.agent.texts["AUTH_TOKEN"] = marked("x")
			return d.asManagement()
		}},
	"the admin UI has another token": {want: []string{"pair_differs MANAGEMENT_API_TOKEN in admin/environment"},
		in: func(d *deployment) validation.Input {
			d.admin.texts["MANAGEMENT_API_TOKEN"] = marked("x")
			return d.asManagement()
		}},
	"a pair in one file differs": {in: own("", envFile{".env", map[string]string{"AGENT_SERVER_TOKEN": marked("a"), "AUTH_TOKEN": marked("b"), "ENCRYPTION_KEY": marked("k")}}),
		want: []string{"pair_differs AUTH_TOKEN"}},
	"the token of the vault is not that of the agent": {in: own("", envFile{".env", map[string]string{"AGENT_SERVER_TOKEN": marked("a"), "GROUP_VAULT_AUTH_TOKEN": marked("b"),
		"AUTH_TOKEN": marked("b"), "ENCRYPTION_KEY": marked("k")}}), want: nil},
	"agent and vault have one token": {in: own("", envFile{".env", map[string]string{"AGENT_SERVER_TOKEN": marked("a"), "GROUP_VAULT_AUTH_TOKEN": marked("a"),
		"AUTH_TOKEN": marked("a"), "ENCRYPTION_KEY": marked("k")}}), want: []string{"shared_secret GROUP_VAULT_AUTH_TOKEN"}},
	"the file of the gateway hides its variable": {want: []string{"pair_differs gateway.auth.token in openclaw.json"},
		in: func(d *deployment) validation.Input {
			d.openclaw = marked("x")
			return validation.Input{Own: d.gateway.side(secret.Gateway), Gateway: d.asManagement().Gateway}
		}},
	"the token of the gateway is empty": {want: []string{"missing gateway.auth.token in openclaw.json"},
		in: func(d *deployment) validation.Input {
			return validation.Input{Own: d.gateway.side(secret.Gateway), Gateway: &validation.Gateway{File: "openclaw.json", Set: true}}
		}},
	"the gateway has no token at all": {want: []string{"missing gateway.auth.token in openclaw.json"},
		in: func(*deployment) validation.Input {
			return validation.Input{Own: envFile{}.side(secret.Gateway), Gateway: &validation.Gateway{File: "openclaw.json"}}
		}},

	"a version without a key": {in: set("ENCRYPTION_KEY_VERSION", "2"), want: []string{"gap ENCRYPTION_KEY_V1"}},
	"a key that is ignored":   {in: set("ENCRYPTION_KEY_V4", marked("x")), want: []string{"ignored ENCRYPTION_KEY_V4"}, with: true},
	"no key":                  {in: unset(management, "ENCRYPTION_KEY"), want: []string{"missing ENCRYPTION_KEY"}},
	"no secret at the start":  {in: unset(management, "CSRF_SECRET"), want: []string{"missing CSRF_SECRET"}},
	"no token of the agent":   {in: unset(agent, "AUTH_TOKEN"), want: []string{"missing AUTH_TOKEN in agent/.env"}},
	"no token of the admin":   {in: unset(admin, "ADMIN_TOKEN"), want: []string{"missing ADMIN_TOKEN in admin/environment"}},
	"no key, unknown whose":   {in: own("", envFile{}), want: []string{"missing ENCRYPTION_KEY"}},
	"nothing of a vault":      {in: own(secret.GroupVault, envFile{}), want: []string{"missing AUTH_TOKEN", "missing SIGNING_KEY"}},
	"nothing of an admin UI":  {in: own(secret.AdminUI, envFile{}), want: []string{"missing ADMIN_TOKEN"}},

	"a file for everybody": {want: []string{"file_mode server/.env"}, in: func(d *deployment) validation.Input {
		input := d.asManagement()
		input.Files[0].Mode = 0o644
		return input
	}},
	"a file for a group": {want: []string{"file_mode agent/.env"}, in: func(d *deployment) validation.Input {
		input := d.asManagement()
		input.Files[1].Mode = 0o640
		return input
	}},

	"a misspelt key":              {in: set("ENCRYPTON_KEY", marked("x")), want: []string{"near_name ENCRYPTON_KEY"}, with: true},
	"a misspelt name of a file":   {in: set("REDIS_ULR_FILE", "/run/secrets/r"), want: []string{"near_name REDIS_ULR_FILE"}, with: true},
	"a name in small letters":     {in: set("csrf_secret", marked("x")), want: []string{"near_name csrf_secret"}, with: true},
	"a misspelt setting":          {in: set("ADMIN_EMAIL", "ops@example.org"), want: []string{"near_name ADMIN_EMAIL"}, with: true},
	"two slips in two words":      {in: set("SESION_SECERT", marked("x")), want: []string{"near_name SESION_SECERT"}, with: true},
	"two slips in a long word":    {in: set("ENCYRPTON_KEY_VERSION", "1"), want: []string{"near_name ENCYRPTON_KEY_VERSION"}, with: true},
	"a misspelt version":          {in: set("ENCRYPTION_KEY_VERSON", "1"), want: []string{"near_name ENCRYPTION_KEY_VERSON"}, with: true},
	"the admin UI loads no .env":  {in: own("", envFile{".env", map[string]string{"ADMIN_TOKEN": marked("x"), "ENCRYPTION_KEY": marked("k")}}), want: []string{"never_read ADMIN_TOKEN"}},
	"nor when it is said whose":   {in: own(secret.AdminUI, envFile{".env", map[string]string{"ADMIN_TOKEN": marked("x")}}), want: []string{"never_read ADMIN_TOKEN"}},
	"a key in a file of an agent": {in: own(secret.Agent, envFile{".env", map[string]string{"AUTH_TOKEN": marked("a"), "ENCRYPTION_KEY": marked("k")}}), want: []string{"never_read ENCRYPTION_KEY"}},
}

// If this fails, a fault of that kind goes by, or brings others with it that are none.
func TestPlants(t *testing.T) {
	t.Parallel()
	for name, plant := range plants {
		report := validation.Check(plant.in(newDeployment()))
		if diff := cmp.Diff(plant.want, codes(report)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// If this fails, one fault hides another, and the operator mends half.
func TestPlantsTogether(t *testing.T) {
	t.Parallel()
	d := newDeployment()
	var want []string
	for _, name := range slices.Sorted(maps.Keys(plants)) {
		if plants[name].with {
			plants[name].in(d)
			want = append(want, plants[name].want...)
		}
	}
	slices.Sort(want)
	report := validation.Check(d.asManagement())
	if diff := cmp.Diff(want, codes(report)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	worst := 0
	for _, row := range report.Rows {
		at := slices.Index([]validation.State{validation.StateError, validation.StateWarning, validation.StateUnasked, validation.StateOK, validation.StateNotSet}, row.State)
		if at < worst {
			t.Errorf("%s stands behind a better one", row.Name)
		}
		worst = at
	}
}

// If this fails, names of other programs are called slips, and the real slip among them is not read.
func TestNamesOfOthers(t *testing.T) {
	t.Parallel()
	d := newDeployment()
	for _, name := range []string{"OAUTH_TOKEN", "XAUTH_TOKEN", "XSRF_SECRET", "GITLAB_CLIENT_SECRET", "DATABASE_URI", "REDIS_URI", "GOOGLE_CLIENT_SECRET_ID", "TOKEN", "SECRET", "ADMIN_TOKEN_TTL",
		"DATABASE_POOL", "ENCRYPTION_KEY_VAULT_SERVICE_HOST", "AUTH_TOKEN2", "STRIPE_PUBLIC_KEY", "SESSION_STORE", "A", "REDIS", "RESEND_API_KEY_ID", "ADMIN_USER", "AUTH_METHOD", "DECRYPTION_KEY", "EXTERNAL_ADMIN_TOKEN",
		"GITEA_CLIENT_ID", "AGENT_SERVICE_TOKEN", "ENCRYPTED_KEY_VERSION", "OPENSSL_API_KEY", "GOOGLE_CLIENT_URL"} {
		d.management.texts[name] = "password"
		if name != "AUTH_METHOD" {
			d.management.texts[name] = "x" + name
		}
	}
	if found := codes(validation.Check(d.asManagement())); len(found) > 0 {
		t.Errorf("found %v", found)
	}
}

// If this fails, a misspelt name is no error although its setting is missing, or an error where the setting is
// there.
func TestNearNameSeverity(t *testing.T) {
	t.Parallel()
	for _, set := range []bool{true, false} {
		file := envFile{".env", map[string]string{"ENCRYPTION_KEY": marked("k"), "ADMIN_TOKN": marked("x")}}
		want := finding.Error
		if set {
			file.texts["ADMIN_TOKEN"], want = marked("y"), finding.Warning
		}
		for _, found := range validation.Check(validation.Input{Own: file.side("")}).Findings() {
			if found.Code == finding.NearName && found.Severity != want {
				t.Errorf("set %v: %s", set, found.Severity)
			}
		}
	}
}

// If this fails, what was not compared is a pass or a fault, and the operator believes the wrong one.
func TestWhatCouldNotBeCompared(t *testing.T) {
	t.Parallel()
	d := newDeployment()
	for name, c := range map[string]struct {
		input  validation.Input
		want   []string // what could not be compared
		failed int      // how much of it was asked for
	}{
		"no other side": {input: validation.Input{Own: d.management.side(secret.Management)},
			want: []string{"AGENT_SERVER_TOKEN = AUTH_TOKEN", "GROUP_VAULT_AUTH_TOKEN = AUTH_TOKEN", "INTERNAL_ADMIN_TOKEN = MANAGEMENT_API_TOKEN"}},
		"all sides":           {input: d.asManagement(), want: []string{"GROUP_VAULT_AUTH_TOKEN = AUTH_TOKEN"}},
		"the agent by itself": {input: validation.Input{Own: d.agent.side(secret.Agent)}, want: []string{"AUTH_TOKEN = AGENT_SERVER_TOKEN"}},
		"brought, and nothing here": {input: validation.Input{Own: envFile{"", map[string]string{"ENCRYPTION_KEY": marked("k")}}.side(""), Others: []validation.Side{d.agent.side(secret.Agent)}},
			want: []string{"AUTH_TOKEN = AGENT_SERVER_TOKEN"}, failed: 1},
		"a gateway without its file": {input: validation.Input{Own: envFile{}.side(secret.Gateway)}, want: []string{"OPENCLAW_GATEWAY_TOKEN"}},
		"a file of the gateway that cannot be understood": {input: validation.Input{Own: d.gateway.side(secret.Gateway), Gateway: &validation.Gateway{File: "f", Unread: "it is no JSON5"}},
			want: []string{"gateway.auth.token in f"}, failed: 1},
		"a file that cannot be read": {input: validation.Input{Own: validation.Side{Component: secret.Agent, Settings: envFile{}, Unread: map[string]string{"AUTH_TOKEN": "permission denied"}}},
			want: []string{"AUTH_TOKEN"}, failed: 1},
	} {
		report := validation.Check(c.input)
		var got []string
		for _, one := range report.Unasked {
			got = append(got, one.What)
			if one.Reason == "" || one.Needs == "" {
				t.Errorf("%s: %s does not say why, or what it needs", name, one.What)
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(c.want, got); diff != "" || len(report.Failed()) != c.failed || len(report.Findings()) > 0 {
			t.Errorf("%s: %d were asked for, want %d; found %v (-want +got):\n%s", name, len(report.Failed()), c.failed, codes(report), diff)
		}
	}
}

// If this fails, a fault is named without what to do about it.
func TestEveryFindingHasAFix(t *testing.T) {
	t.Parallel()
	for name, plant := range plants {
		for _, found := range validation.Check(plant.in(newDeployment())).Findings() {
			if found.Fix == "" || found.Where == "" || found.Message == "" {
				t.Errorf("%s: %+v", name, found)
			}
		}
	}
}
