package secret_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/secret"
)

// otherToken is another random text of letters and digits.
const otherToken = "Zp4NnU8eQyG2sXbV6tLhD0rFwK7cJm3aIoR5gTzWvB1"

// checkAll checks settings as all kinds do, and that no finding repeats a text.
func checkAll(t *testing.T, given settings) (list []reported) {
	t.Helper()
	var found []finding.Finding
	for _, kind := range secret.Kinds() {
		if kind.VersionSetting == "" {
			found = append(found, kind.CheckSettings(given)...)
		}
	}
	found = append(found, secret.CheckShared(given)...)
	for _, one := range found {
		if one.Where == "" || one.Message == "" || one.Fix == "" {
			t.Errorf("%s: says nothing, or not where, or not what to do", one.Code)
		}
		for _, text := range given {
			// The word password is part of what findings say.
			if !strings.Contains(text, "password") && repeats(one, []string{text}) {
				t.Errorf("%s: repeats part of what was checked", one.Code)
			}
		}
	}
	return findings(found)
}

// If two sides of a pair that differ passed, one server would refuse the other after the next restart; if a
// pair of another component were taken for them, an operator would break what works.
func TestPairs(t *testing.T) {
	t.Parallel()
	differs := func(name string) []reported { return []reported{{name, "pair_differs", finding.Error}} }
	third := strings.ToLower(soundKey[32:] + soundKey[:32])
	for name, test := range map[string]struct {
		given settings
		want  []reported
	}{
		"nothing set":                  {settings{}, nil},
		"equal":                        {settings{"AGENT_SERVER_TOKEN": soundKey, "AUTH_TOKEN": soundKey}, nil},
		"differ":                       {settings{"AGENT_SERVER_TOKEN": soundKey, "AUTH_TOKEN": secondKey}, differs("AUTH_TOKEN")},
		"admin UI differs":             {settings{"INTERNAL_ADMIN_TOKEN": soundKey, "MANAGEMENT_API_TOKEN": secondKey}, differs("MANAGEMENT_API_TOKEN")},
		"one side":                     {settings{"AGENT_SERVER_TOKEN": soundKey}, nil},
		"of a group vault":             {settings{"GROUP_VAULT_AUTH_TOKEN": soundKey, "AUTH_TOKEN": soundKey}, nil},
		"of a group vault, differs":    {settings{"GROUP_VAULT_AUTH_TOKEN": soundKey, "AUTH_TOKEN": secondKey}, differs("AUTH_TOKEN")},
		"of the agent server of both":  {settings{"AGENT_SERVER_TOKEN": soundKey, "GROUP_VAULT_AUTH_TOKEN": secondKey, "AUTH_TOKEN": soundKey}, nil},
		"of the group vault of both":   {settings{"AGENT_SERVER_TOKEN": secondKey, "GROUP_VAULT_AUTH_TOKEN": soundKey, "AUTH_TOKEN": soundKey}, nil},
		"of neither":                   {settings{"AGENT_SERVER_TOKEN": secondKey, "GROUP_VAULT_AUTH_TOKEN": soundKey, "AUTH_TOKEN": third}, differs("AUTH_TOKEN")},
		"a password in one address":    {settings{"DATABASE_URL": "postgresql://ocmt:" + soundToken + "@db/ocmt"}, nil},
		"no password":                  {settings{"DATABASE_URL": "postgresql://localhost:5432/ocmt", "REDIS_URL": "redis://redis"}, nil},
		"a guessable one":              {settings{"REDIS_URL": "redis://:hunter2@redis"}, []reported{{"REDIS_URL", "guessable", finding.Error}}},
		"the example's":                {settings{"DATABASE_URL": "postgresql://ocmt:password@db/ocmt"}, []reported{{"DATABASE_URL", "documented_example", finding.Error}}},
		"a path is no secret":          {settings{"SAML_PRIVATE_KEY_PATH": "/etc/saml.key"}, nil},
		"an address in libpq's form":   {settings{"DATABASE_URL": "host=db password=hunter2 user=ocmt"}, []reported{{"DATABASE_URL", "guessable", finding.Error}}},
		"gateway.auth.token elsewhere": {settings{"OPENCLAW_GATEWAY_TOKEN": soundKey, "gateway.auth.token": secondKey}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, checkAll(t, test.given)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// If one secret stood under two names unsaid, whoever learns the lesser one would have the other.
func TestShared(t *testing.T) {
	t.Parallel()
	shared := func(name string) []reported { return []reported{{name, "shared_secret", finding.Error}} }
	for name, test := range map[string]struct {
		given settings
		want  []reported
	}{
		"different":            {settings{"ADMIN_TOKEN": soundToken, "CSRF_SECRET": otherToken}, nil},
		"two tokens":           {settings{"ADMIN_TOKEN": soundToken, "CSRF_SECRET": soundToken}, shared("CSRF_SECRET")},
		"key and token":        {settings{"ENCRYPTION_KEY": strings.ToUpper(soundKey), "CSRF_SECRET": soundKey}, shared("CSRF_SECRET")},
		"older key and token":  {settings{"ENCRYPTION_KEY": secondKey, "ENCRYPTION_KEY_V0": soundKey, "CSRF_SECRET": soundKey}, shared("CSRF_SECRET")},
		"key and its older":    {settings{"ENCRYPTION_KEY": soundKey, "ENCRYPTION_KEY_V0": soundKey}, nil},
		"token and password":   {settings{"ADMIN_TOKEN": soundToken, "REDIS_URL": "redis://:" + soundToken + "@redis"}, shared("REDIS_URL")},
		"two passwords":        {settings{"DATABASE_URL": "postgresql://ocmt:" + soundToken + "@db", "REDIS_URL": "redis://:" + soundToken + "@redis"}, shared("REDIS_URL")},
		"agent and vault":      {settings{"AGENT_SERVER_TOKEN": soundKey, "GROUP_VAULT_AUTH_TOKEN": soundKey}, shared("GROUP_VAULT_AUTH_TOKEN")},
		"a pair":               {settings{"GROUP_VAULT_AUTH_TOKEN": soundKey, "AUTH_TOKEN": soundKey}, nil},
		"issued, of one maker": {settings{"GOOGLE_CLIENT_SECRET": soundToken, "GOOGLE_LOGIN_CLIENT_SECRET": soundToken}, nil},
		"issued and ours":      {settings{"ADMIN_TOKEN": soundToken, "OPENAI_API_KEY": soundToken}, shared("OPENAI_API_KEY")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, checkAll(t, test.given)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// If a kind lacked a place, or who must restart, a rotation would leave a server with the old secret.
func TestPlaces(t *testing.T) {
	t.Parallel()
	for _, kind := range secret.Kinds() {
		if kind.Column == "" && (len(kind.Places) == 0 || kind.Places[0].Setting != kind.Setting) {
			t.Errorf("%s: the first place is not its setting", kind.Name)
		}
		if kind.Change.Ends == "" || kind.Change.Why == "" || kind.Proof == "" {
			t.Errorf("%s: does not say what a change costs, or what proves it", kind.Name)
		}
		for _, place := range kind.Places {
			restarts := strings.Contains(","+joinComponents(kind.Change.Restart)+",", ","+string(place.Component)+",")
			if !restarts && len(kind.Change.Restart) > 0 {
				t.Errorf("%s: %s has it and need not restart", kind.Name, place.Component)
			}
			if place.Component == secret.AdminUI && !place.NotFromFile {
				t.Errorf("%s: the admin UI loads no env file", kind.Name)
			}
		}
		if names := kind.Names(); len(names) == 2 && (kind.EqualTo(names[0]) != names[1] || kind.EqualTo(names[1]) != names[0]) {
			t.Errorf("%s: its settings are not each other's equal", kind.Name)
		}
	}
}

func joinComponents(list []secret.Component) string {
	var names []string
	for _, one := range list {
		names = append(names, string(one))
	}
	return strings.Join(names, ",")
}

// FuzzChecks: a check that panics, or says part of a text, would put a secret into a log.
func FuzzChecks(f *testing.F) {
	for _, text := range append(secret.Examples(), "", "a", "%", soundKey, soundToken, "hunter2", "redis://:hunter2@redis", "\xff\xfe", "ééééééééééééééééééé",
		"postgres://a:b:c@d@e/%zz", strings.Repeat("4@8({[<3", 9), "password='a\\'b'") {
		f.Add(text)
	}
	kinds := secret.Kinds()
	f.Fuzz(func(t *testing.T, text string) {
		kind := kinds[len(text)%len(kinds)] // one of them, because zxcvbn takes its time
		given := settings{"ENCRYPTION_KEY": text, "ENCRYPTION_KEY_V0": text, "CSRF_SECRET": text}
		for _, name := range kind.Names() {
			given[name] = text
		}
		list := kind.Check(text)
		if kind.Fingerprint(text) != "" && codesOf(list) == "error guessable" {
			t.Errorf("%s: what can be guessed has a fingerprint", kind.Name)
		}
		list = append(append(list, kind.CheckSettings(given)...), secret.CheckShared(given)...)
		estimate := secret.Strength(text)
		if estimate.Bits < 0 || secret.IsPlaceholder(text) && estimate.Bits > 0 || secret.IsPlaceholder(text) != secret.IsPlaceholder(" "+text+"\n") {
			t.Errorf("%d bits, or white space makes another placeholder", estimate.Bits)
		}
		for _, found := range list {
			if isUnlikeWords(text) && repeats(found, []string{text}) {
				t.Errorf("%s repeats part of what was checked", found.Code)
			}
		}
	})
}

// isUnlikeWords leaves out texts that are words of the findings by chance.
func isUnlikeWords(text string) bool {
	return strings.ContainsAny(text, "0123456789%@$\x00") && !strings.Contains(text, " ") && !strings.Contains(text, "_") && !strings.Contains(text, "-")
}
