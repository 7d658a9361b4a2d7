package ocmt

import (
	"strings"

	"github.com/ocmt/ocmt/pkg/secret"
)

// Component is a program of an OCMT deployment.
type Component string

// The components (contract, section 2).
const (
	Management Component = "management"
	AdminUI    Component = "admin-ui"
	Agent      Component = "agent"
	GroupVault Component = "group-vault"
	Gateway    Component = "gateway"
)

// Setting is a setting of a deployment that is a secret, or holds one.
type Setting struct {
	Name       string
	Components []Component // the ones that read it
	Equal      string      // the setting that must have the same value; "" for none
	Address    bool        // a URL with a password in it
	Path       bool        // the path of a file that is the secret
	Made       bool        // made by the operator; the others are made by their issuers
}

// Settings returns the settings that are secrets, without ENCRYPTION_KEY and its older versions, which are
// in pkg/secret (contract, section 2).
func Settings() []Setting {
	return []Setting{
		{Name: "ADMIN_TOKEN", Components: []Component{AdminUI}, Made: true},
		{Name: "INTERNAL_ADMIN_TOKEN", Components: []Component{Management}, Equal: "MANAGEMENT_API_TOKEN", Made: true},
		{Name: "MANAGEMENT_API_TOKEN", Components: []Component{AdminUI}, Equal: "INTERNAL_ADMIN_TOKEN", Made: true},
		{Name: "ADMIN_PASSWORD", Components: []Component{Management}, Made: true},
		{Name: "AGENT_SERVER_TOKEN", Components: []Component{Management}, Equal: "AUTH_TOKEN", Made: true},
		{Name: "AUTH_TOKEN", Components: []Component{Agent}, Equal: "AGENT_SERVER_TOKEN", Made: true},
		{Name: "GROUP_VAULT_AUTH_TOKEN", Components: []Component{Management}, Made: true},
		{Name: "SESSION_SECRET", Components: []Component{AdminUI}, Made: true},
		{Name: "CSRF_SECRET", Components: []Component{Management}, Made: true},
		{Name: "SIGNING_KEY", Components: []Component{GroupVault}, Made: true},
		{Name: "OPENCLAW_GATEWAY_TOKEN", Components: []Component{Gateway}, Made: true},
		{Name: "DATABASE_URL", Components: []Component{Management}, Address: true, Made: true},
		{Name: "REDIS_URL", Components: []Component{Management}, Address: true, Made: true},
		{Name: "GOOGLE_CLIENT_SECRET", Components: []Component{Management}},
		{Name: "GOOGLE_LOGIN_CLIENT_SECRET", Components: []Component{Management}},
		{Name: "GITHUB_CLIENT_SECRET", Components: []Component{Management}},
		{Name: "MICROSOFT_CLIENT_SECRET", Components: []Component{Management}},
		{Name: "STRIPE_SECRET_KEY", Components: []Component{Management}},
		{Name: "STRIPE_WEBHOOK_SECRET", Components: []Component{Management}},
		{Name: "RESEND_API_KEY", Components: []Component{Management}},
		{Name: "SAML_PRIVATE_KEY_PATH", Components: []Component{Management}, Path: true},
		{Name: "OPENAI_API_KEY", Components: []Component{Management}},
		{Name: "ANTHROPIC_API_KEY", Components: []Component{Management}},
		{Name: "ANTHROPIC_SETUP_TOKEN", Components: []Component{Management}},
	}
}

// IsPlaceholder reports whether a text is an example of the documents, or has one in it.
func IsPlaceholder(text string) bool {
	lower := strings.ToLower(text)
	for _, example := range secret.Examples() {
		if strings.Contains(lower, strings.ToLower(example)) {
			return true
		}
	}
	return strings.Contains(lower, "ocmt:password@") || strings.Contains(lower, ":password@")
}
