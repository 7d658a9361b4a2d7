package secret

import "github.com/ocmt/ocmt/internal/finding"

// issued are the secrets that others make: settings, and who makes them (contract, section 2).
var issued = []struct {
	name, label, setting, maker string
	path                        bool
}{
	{"google-client-secret", "Google client secret", "GOOGLE_CLIENT_SECRET", "Google", false},
	{"google-login-client-secret", "Google client secret for log-in", "GOOGLE_LOGIN_CLIENT_SECRET", "Google", false},
	{"github-client-secret", "GitHub client secret", "GITHUB_CLIENT_SECRET", "GitHub", false},
	{"microsoft-client-secret", "Microsoft client secret", "MICROSOFT_CLIENT_SECRET", "Microsoft", false},
	{"stripe-secret-key", "Stripe secret key", "STRIPE_SECRET_KEY", "Stripe", false},
	{"stripe-webhook-secret", "Stripe webhook secret", "STRIPE_WEBHOOK_SECRET", "Stripe", false},
	{"resend-api-key", "Resend API key", "RESEND_API_KEY", "Resend", false},
	{"saml-private-key", "SAML private key", "SAML_PRIVATE_KEY_PATH", "whoever runs the identity provider", true},
	{"openai-api-key", "OpenAI API key", "OPENAI_API_KEY", "OpenAI", false},
	{"anthropic-api-key", "Anthropic API key", "ANTHROPIC_API_KEY", "Anthropic", false},
	{"anthropic-setup-token", "Anthropic setup token", "ANTHROPIC_SETUP_TOKEN", "Anthropic", false},
}

// issuedKinds returns the kinds that others make. They are checked, and listed when a new one is due: all of
// them after an incident.
func issuedKinds() []Kind {
	var list []Kind
	for _, one := range issued {
		list = append(list, Kind{Name: one.name, Label: one.label, Setting: one.setting, Maker: one.maker, Issued: true, Path: one.path, AfterIncident: true,
			Places: []Place{{Component: Management, Setting: one.setting}},
			Change: Change{Ends: "what uses the old one, once " + one.maker + " has ended it", Restart: []Component{Management},
				Why: "the management server reads it once, at its start"},
			Proof: "nothing that this tool may ask: it belongs to " + one.maker, Form: "as " + one.maker + " makes it",
			Next:  "make a new one at " + one.maker + ", set it, restart the management server, then end the old one there",
			Check: checkIssued, Fingerprint: fingerprintToken})
	}
	return list
}

// checkIssued checks a secret that others make: that it is there, is no example, and is nothing that
// a person wrote in its place. Its length is its maker's matter.
func checkIssued(text string) []finding.Finding {
	if found, ok := checkPresent(text); !ok {
		return []finding.Finding{found}
	}
	if found, ok := findGuessable(text); ok {
		found.Severity = finding.Warning
		return []finding.Finding{found}
	}
	return nil
}
