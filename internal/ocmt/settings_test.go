package ocmt_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/pkg/secret"
)

// If a setting got lost between the kinds and this list, nobody would look for its secret in files,
// processes, images and logs.
func TestSettingsAreThoseOfTheKinds(t *testing.T) {
	t.Parallel()
	const want = `ADMIN_TOKEN made
INTERNAL_ADMIN_TOKEN=MANAGEMENT_API_TOKEN made
MANAGEMENT_API_TOKEN=INTERNAL_ADMIN_TOKEN made
ADMIN_PASSWORD made
AGENT_SERVER_TOKEN=AUTH_TOKEN made
AUTH_TOKEN=AGENT_SERVER_TOKEN made
GROUP_VAULT_AUTH_TOKEN=AUTH_TOKEN made
SESSION_SECRET made
CSRF_SECRET made
SIGNING_KEY made
OPENCLAW_GATEWAY_TOKEN made
DATABASE_URL address made
REDIS_URL address made
GOOGLE_CLIENT_SECRET
GOOGLE_LOGIN_CLIENT_SECRET
GITHUB_CLIENT_SECRET
MICROSOFT_CLIENT_SECRET
STRIPE_SECRET_KEY
STRIPE_WEBHOOK_SECRET
RESEND_API_KEY
SAML_PRIVATE_KEY_PATH path
OPENAI_API_KEY
ANTHROPIC_API_KEY
ANTHROPIC_SETUP_TOKEN`
	var got []string
	for _, one := range ocmt.Settings() {
		line := one.Name
		if one.Equal != "" {
			line += "=" + one.Equal
		}
		for word, is := range map[string]bool{" address": one.Address, " path": one.Path} {
			if is {
				line += word
			}
		}
		if one.Made {
			line += " made"
		}
		got = append(got, line)
		if len(one.Components) == 0 {
			t.Errorf("%s: no component reads it", one.Name)
		}
		if one.Name == "AUTH_TOKEN" && !slices.Equal(one.Components, []secret.Component{secret.Agent, secret.GroupVault}) {
			t.Errorf("AUTH_TOKEN is read by %v", one.Components)
		}
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}
