package ocmt

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
)

// The components that have an endpoint.
const (
	ManagementEndpoint = "management"
	AdminUIEndpoint    = "admin-ui"
	AgentEndpoint      = "agent"
	GatewayEndpoint    = "gateway"
)

// Endpoint is a server of the deployment at its address.
type Endpoint struct {
	Component string // "management", "admin-ui", "agent" or "gateway"
	Address   string // http or https, without a password
	Loopback  bool   // the address is of this machine alone
	TLS       bool
}

// Name returns component and address.
func (e Endpoint) Name() string { return e.Component + " " + e.Address }

// Probe is one safe question to an endpoint (contract, section 6).
type Probe struct {
	Setting string // of the token: "ADMIN_TOKEN"
	Path    string
}

// ProbesOf returns the probes that are safe for a component, nil for one without an endpoint. No other path may
// be probed: one of the management server ends its process, and one of the agent server returns every gateway
// token in clear (contract, section 6).
func ProbesOf(component string) []Probe {
	switch component {
	case AdminUIEndpoint:
		return []Probe{{"ADMIN_TOKEN", "/admin/containers"}}
	case ManagementEndpoint:
		return []Probe{{"AGENT_SERVER_TOKEN", "/api/internal/metrics/wake"}, {"INTERNAL_ADMIN_TOKEN", "/api/admin/user-allowlist"}}
	case AgentEndpoint:
		return []Probe{{"AUTH_TOKEN", "/api/containers/metrics/wake"}}
	case GatewayEndpoint:
		return []Probe{{"OPENCLAW_GATEWAY_TOKEN", "/tools/invoke"}}
	}
	return nil
}

// MethodOf returns the method of the probes of a component: POST with {} for the gateway, and GET for all others.
func MethodOf(component string) string {
	if component == GatewayEndpoint {
		return http.MethodPost
	}
	return http.MethodGet
}

// Credential is what a probe sends.
type Credential uint8

// The credentials. OwnToken is the one that is configured here; it is sent only where an operator allows it.
const (
	NoToken Credential = iota
	WrongToken
	OwnToken
	OwnTokenInQuery // the configured token in the URL
)

// String returns what is sent, for people.
func (c Credential) String() string {
	switch c {
	case NoToken:
		return "no token"
	case WrongToken:
		return "a wrong token"
	case OwnToken:
		return "the token"
	default:
		return "the token in the query"
	}
}

// Answer is what an endpoint answered.
type Answer struct {
	Status int    // of HTTP; 0 where there was none
	Reason string // why there was none
}

// Verdict is what an answer says about what was sent.
type Verdict uint8

// The verdicts. The zero value leaves it open: a server that is busy, moved or broken answers right and wrong
// tokens alike.
const (
	Open Verdict = iota
	Accepted
	Refused
)

// Judge returns what an answer says. Refused is 401 alone; 301, 302, 429 and 5xx leave it open. The gateway
// answers an empty request that it lets in with 400 (contract, section 6).
func (a Answer) Judge(component string) Verdict {
	const refused, emptyRequest = http.StatusUnauthorized, http.StatusBadRequest
	switch {
	case a.Status >= 200 && a.Status < 300, component == GatewayEndpoint && a.Status == emptyRequest:
		return Accepted
	case a.Status == refused:
		return Refused
	default:
		return Open
	}
}

// String returns an answer for people.
func (a Answer) String() string {
	if a.Status == 0 {
		return cmp.Or(strings.TrimSpace(a.Reason), "no answer")
	}
	return "status " + strconv.Itoa(a.Status)
}
