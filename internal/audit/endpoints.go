package audit

import (
	"context"
	"errors"
	"time"

	"github.com/ocmt/ocmt/internal/ocmt"
)

// What an endpoint is, and what it is asked, is known below all domains.
type (
	// Endpoint is a server of the deployment at its address.
	Endpoint = ocmt.Endpoint
	// Credential is what a probe sends.
	Credential = ocmt.Credential
	// Probe is one question to an endpoint.
	Probe = ocmt.Probe
	// Answer is what an endpoint answered.
	Answer = ocmt.Answer
)

// The credentials.
const (
	NoToken         = ocmt.NoToken
	WrongToken      = ocmt.WrongToken
	OwnToken        = ocmt.OwnToken
	OwnTokenInQuery = ocmt.OwnTokenInQuery
)

// Handshake is how an endpoint speaks TLS.
type Handshake struct {
	Oldest  string    // an old version that it takes, such as "TLS 1.1 or older"; "" for none
	Expires time.Time // last moment of its certificate
	Invalid string    // why the certificate is not trusted; "" where it is
}

// EndpointSource asks the endpoints that an operator named.
type EndpointSource interface {
	Endpoints() []Endpoint
	// HasToken reports whether the setting of a token is known here, so that it can be sent.
	HasToken(setting string) bool
	// SendsTokens reports whether the operator allows the configured tokens to be sent.
	SendsTokens() bool
	// Ask sends a probe. An endpoint that does not answer is an Answer, and no error.
	Ask(ctx context.Context, endpoint Endpoint, probe Probe, credential Credential) (Answer, error)
	// Shake makes a TLS handshake.
	Shake(ctx context.Context, endpoint Endpoint) (Handshake, error)
	// Reach returns the addresses of this machine, other than loopback, on which the port of the
	// endpoint takes connections. here is false where the endpoint is of another machine. The error is a *GapError
	// where it does not run.
	Reach(ctx context.Context, endpoint Endpoint) (addresses []string, here bool, err error)
}

const endpointSection = "the endpoints of the OCMT servers"

func endpointChecks() []Check {
	source := func(s *Sources) Source[EndpointSource] { return s.Endpoints }
	return []Check{{
		ID: "OCMT-END-001", Severity: Critical, Title: "A protected endpoint answers without a token or with a wrong one",
		Why:      "whoever reaches the server is its administrator",
		LooksAt:  "one safe GET of each protected path of the management server and the admin UI, with no token and with a wrong one",
		Right:    "a connection to the endpoint",
		NotFault: "429, 301, 5xx and no answer leave it open whether a token is needed, and are no pass",
		Fix:      "take the server off the network, upgrade it, and rotate the token", Source: endpointSection,
		look: with(source, func(ctx context.Context, _ *Sources, e EndpointSource) (Seen, error) {
			return askWithoutToken(ctx, e, func(component string) bool { return component == "management" || component == "admin-ui" })
		}),
	}, {
		ID: "OCMT-END-002", Severity: Medium, Title: "The server does not take the token that is configured here",
		Why:      "the server still runs with another token: the one that was to be retired still opens it, or clients fail",
		LooksAt:  "the same paths with the token that is configured here; only with --live",
		Right:    "a connection to the endpoint, and the token",
		NotFault: "a server that was not restarted since the change; a restart mends it",
		Fix:      "put the same token into both settings and restart the server", Source: "the settings and endpoints of the OCMT servers",
		look: with(source, lookAtOwnTokens),
	}, {
		ID: "OCMT-END-003", Severity: High, Title: "A token in the query of a URL is accepted",
		Why:      "proxies and servers write URLs to their logs, and the token with them",
		LooksAt:  "one GET with ?token= and the configured token; only with --live, and only to this machine, so that no log in between gets it",
		Right:    "a connection to the endpoint, and the token",
		NotFault: "event streams and /api/admin/security take a session token in the query by design, and are not asked",
		Fix:      "upgrade the server", Source: endpointSection,
		look: with(source, lookAtQueryTokens),
	}, {
		ID: "OCMT-END-004", Severity: Critical, Title: "The agent server or the gateway answers without a token or with a wrong one",
		Why:      "whoever reaches it runs tools as its users",
		LooksAt:  "GET metrics/wake of the agent server, POST /tools/invoke with {} of the gateway, with no token and with a wrong one",
		Right:    "a connection to the endpoint",
		NotFault: "a gateway with allowTailscale lets requests of its tailnet in: ask it from elsewhere",
		Fix:      "set the token of the server and restart it; an empty gateway.auth.token wins over the environment", Source: endpointSection,
		look: with(source, func(ctx context.Context, _ *Sources, e EndpointSource) (Seen, error) {
			return askWithoutToken(ctx, e, func(component string) bool { return component == "agent" || component == "gateway" })
		}),
	}, {
		ID: "OCMT-END-005", Severity: High, Title: "The gateway or the admin UI can be reached beyond this machine",
		Why:      "both are made to be used on their machine; beyond it the token is all that protects them",
		LooksAt:  "a TCP connection to the port of the endpoint on each address of this machine",
		Right:    "to be run on the machine of the server",
		NotFault: "tailscale serve and other proxies connect to loopback, and are not seen",
		Fix:      "start the server with --bind loopback", Source: "OCMT security notes",
		look: with(source, lookAtReach),
	}, {
		ID: "OCMT-END-006", Severity: High, Title: "An endpoint has no TLS, an old version of it, or a certificate that ends or does not match",
		Why:      "tokens and keys of users can be read on their way",
		LooksAt:  "a TLS handshake with each endpoint",
		Right:    "a connection to the endpoint",
		NotFault: "http:// to loopback needs no TLS",
		Fix:      "serve it over https:// with TLS 1.2 or later, and renew the certificate", Source: "RFC 8996",
		look: with(source, lookAtTLS),
	}}
}

// askWithoutToken finds endpoints that let a request in that has no token, or a wrong one.
func askWithoutToken(ctx context.Context, source EndpointSource, applies func(component string) bool) (seen Seen, err error) {
	asked := 0
	for _, endpoint := range source.Endpoints() {
		if !applies(endpoint.Component) {
			continue
		}
		for _, probe := range ocmt.ProbesOf(endpoint.Component) {
			for _, credential := range []Credential{NoToken, WrongToken} {
				asked++
				answer, err := source.Ask(ctx, endpoint, probe, credential)
				if err != nil {
					return seen, err
				}
				switch answer.Judge(endpoint.Component) {
				case ocmt.Accepted:
					seen.Faults = append(seen.Faults, Fault{Object: endpoint.Name() + " " + probe.Path, Message: "lets a request in that has no valid token",
						Expected: "status 401", Actual: answer.String() + " with " + credential.String(), Places: []string{endpoint.Address + probe.Path + " with " + credential.String()}})
				case ocmt.Open:
					seen.Gaps = append(seen.Gaps, Gap{What: endpoint.Name() + " " + probe.Path, Reason: "with " + credential.String() + " it answered neither yes nor no: " + answer.String()})
				}
			}
		}
	}
	if asked == 0 {
		seen.Absent = "no endpoint of such a server was named"
	}
	seen.Looked = countThings(int64(asked), "request", "requests")
	return seen, nil
}

// lookAtOwnTokens finds servers that do not take the token that is configured here.
func lookAtOwnTokens(ctx context.Context, _ *Sources, source EndpointSource) (seen Seen, err error) {
	return askWithOwnToken(ctx, source, OwnToken, func(endpoint Endpoint, probe Probe, answer Answer) *Fault {
		verdict := answer.Judge(endpoint.Component)
		fault := &Fault{Object: endpoint.Name() + " " + probe.Setting, Expected: "status 200", Actual: answer.String(), Places: []string{endpoint.Address + probe.Path}}
		switch {
		case verdict == ocmt.Accepted:
			return nil
		case verdict == ocmt.Refused:
			fault.Message = "the server refuses the token of " + probe.Setting + " here"
			return fault
		case answer.Status == 500 && endpoint.Component != "gateway":
			fault.Message = "the server has no token set, or fails"
			return fault
		}
		return &Fault{}
	})
}

// lookAtQueryTokens finds servers that take a token in the query.
func lookAtQueryTokens(ctx context.Context, _ *Sources, source EndpointSource) (seen Seen, err error) {
	return askWithOwnToken(ctx, source, OwnTokenInQuery, func(endpoint Endpoint, probe Probe, answer Answer) *Fault {
		switch answer.Judge(endpoint.Component) {
		case ocmt.Accepted:
			return &Fault{Object: endpoint.Name() + " " + probe.Path, Message: "takes a token in the query", Expected: "status 401", Actual: answer.String(),
				Places: []string{endpoint.Address + probe.Path}}
		case ocmt.Refused:
			return nil
		}
		return &Fault{}
	})
}

// askWithOwnToken sends the configured tokens. judge returns a fault, nil for none, and an empty one
// where the answer leaves it open.
func askWithOwnToken(ctx context.Context, source EndpointSource, credential Credential, judge func(Endpoint, Probe, Answer) *Fault) (seen Seen, err error) {
	asked := 0
	for _, endpoint := range source.Endpoints() {
		for _, probe := range ocmt.ProbesOf(endpoint.Component) {
			what := endpoint.Name() + " " + probe.Path
			if gap := whyNotSent(source, endpoint, probe, credential); gap.Reason != "" {
				gap.What = what
				seen.Gaps = append(seen.Gaps, gap)
				continue
			}
			asked++
			answer, err := source.Ask(ctx, endpoint, probe, credential)
			if err != nil {
				return seen, err
			}
			if fault := judge(endpoint, probe, answer); fault != nil && fault.Object != "" {
				seen.Faults = append(seen.Faults, *fault)
			} else if fault != nil {
				seen.Gaps = append(seen.Gaps, Gap{What: what, Reason: "it answered neither yes nor no: " + answer.String()})
			}
		}
	}
	seen.Looked = countThings(int64(asked), "request", "requests")
	return seen, nil
}

// whyNotSent says why a configured token is not sent; its Reason is empty where it may be.
func whyNotSent(source EndpointSource, endpoint Endpoint, probe Probe, credential Credential) Gap {
	switch {
	case !source.SendsTokens():
		return Gap{Reason: "the token was not sent", Missing: "--live", Grant: "ocmt audit --endpoint " + endpoint.Component + "=" + endpoint.Address + " --live"}
	case !source.HasToken(probe.Setting):
		return Gap{Reason: probe.Setting + " is not set here", Missing: probe.Setting}
	case credential == OwnTokenInQuery && !endpoint.Loopback:
		return Gap{Reason: "the token would stand in the logs of whatever is in between", Missing: "to be run on the machine of the server"}
	}
	return Gap{}
}

// lookAtReach finds gateways and admin UIs that take connections beyond loopback.
func lookAtReach(ctx context.Context, _ *Sources, source EndpointSource) (seen Seen, err error) {
	asked := 0
	for _, endpoint := range source.Endpoints() {
		if endpoint.Component != "gateway" && endpoint.Component != "admin-ui" {
			continue
		}
		asked++
		addresses, here, err := source.Reach(ctx, endpoint)
		var gap *GapError
		switch {
		case errors.As(err, &gap):
			seen.Gaps = append(seen.Gaps, gap.Gap)
		case err != nil:
			return seen, err
		case !here:
			seen.Gaps = append(seen.Gaps, Gap{What: endpoint.Name(), Reason: "it is on another machine", Missing: "to be run on the machine of the server"})
		case len(addresses) > 0:
			seen.Faults = append(seen.Faults, Fault{Object: endpoint.Name(), Message: "takes connections beyond loopback", Expected: "loopback alone",
				Actual: countThings(int64(len(addresses)), "other address", "other addresses"), Places: addresses})
		}
	}
	if asked == 0 {
		seen.Absent = "no endpoint of such a server was named"
	}
	seen.Looked = countThings(int64(asked), "endpoint", "endpoints")
	return seen, nil
}

// certificateNotice is how long before its end a certificate is a fault.
const certificateNotice = 30 * 24 * time.Hour

// lookAtTLS finds endpoints without TLS, and certificates that end or are not trusted.
func lookAtTLS(ctx context.Context, sources *Sources, source EndpointSource) (seen Seen, err error) {
	for _, endpoint := range source.Endpoints() {
		add := func(what, message, expected, actual string) {
			seen.Faults = append(seen.Faults, Fault{Object: endpoint.Name() + " " + what, Message: message, Expected: expected, Actual: actual, Places: []string{endpoint.Address}})
		}
		if !endpoint.TLS {
			if !endpoint.Loopback {
				add("TLS", "has no TLS", "https://", "http://")
			}
			continue
		}
		shaken, err := source.Shake(ctx, endpoint)
		if err != nil {
			seen.Gaps = append(seen.Gaps, Gap{What: endpoint.Name(), Reason: err.Error()})
			continue
		}
		if shaken.Oldest != "" {
			add("version", "takes an old version of TLS", "TLS 1.2 or later", shaken.Oldest)
		}
		if shaken.Invalid != "" {
			add("certificate", "has a certificate that is not trusted", "a certificate of this name from a trusted issuer", shaken.Invalid)
		}
		if shaken.Expires.Before(sources.now.Add(certificateNotice)) {
			add("expiry", "has a certificate that ends within 30 days", "more than 30 days", shaken.Expires.UTC().Format(time.DateOnly))
		}
	}
	seen.Looked = countThings(int64(len(source.Endpoints())), "endpoint", "endpoints")
	return seen, nil
}
