package probe

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/token"
	"github.com/ocmt/ocmt/pkg/secret"
)

// TokenProbe asks one server whether it takes a token. It implements token.Endpoint.
type TokenProbe struct {
	component string
	path      string
	server    *Server
}

// tokenPaths are the paths that answer with a token of a kind alone, and change nothing: by kind and component
// (contract, section 6).
var tokenPaths = map[string]map[string]string{
	"admin-token":          {"admin-ui": "/admin/containers"},
	"agent-token":          {"management": "/api/internal/metrics/wake", "agent": "/api/containers/metrics/wake"},
	"internal-admin-token": {"management": "/api/admin/user-allowlist"},
	"gateway-token":        {"gateway": "/tools/invoke"},
}

// TakesToken reports whether a component can be asked about a kind of token.
func TakesToken(kind, component string) bool { return tokenPaths[kind][component] != "" }

// NewTokenProbe returns the probe of a kind of token at an endpoint whose component takes it: see TakesToken. It
// dials nothing. Errors: ErrAddress, ErrCertificates.
func NewTokenProbe(kind string, named Named, options Options) (*TokenProbe, error) {
	server, err := New(named.Address, options)
	if err != nil {
		return nil, err
	}
	return &TokenProbe{component: named.Component, path: tokenPaths[kind][named.Component], server: server}, nil
}

// Name returns the component and the address.
func (p *TokenProbe) Name() string { return p.component + " " + p.server.Address() }

// IsExposed reports whether what is sent can be read on its way.
func (p *TokenProbe) IsExposed() bool { return p.server.IsExposed() }

// Try asks the server. 401 alone refuses, and 200 alone accepts; of a gateway, 400 does, because the empty
// request that it lets in is no good (contract, section 6). Every other answer leaves it open.
func (p *TokenProbe) Try(ctx context.Context, value secret.Value) (token.Answer, error) {
	method, body, accepted := http.MethodGet, io.Reader(nil), http.StatusOK
	if p.component == "gateway" {
		method, body, accepted = http.MethodPost, strings.NewReader("{}"), http.StatusBadRequest
	}
	request, err := http.NewRequestWithContext(ctx, method, p.server.base.JoinPath(p.path).String(), body)
	if err != nil {
		return token.Answer{}, ErrAddress
	}
	request.Close = true // a connection that is kept can be to a process that is about to end
	setClientHeaders(request)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	setToken(request, p.component, value.Reveal())
	response, err := p.server.client.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return token.Answer{}, ctx.Err()
		}
		return token.Answer{Verdict: token.Unknown, Text: explainWithoutURL(ctx, err)}, nil
	}
	finish(response)
	answer := token.Answer{Verdict: token.Unknown, Text: "status " + strconv.Itoa(response.StatusCode), RetryAfter: min(retryAfter(response.Header), longestPause)}
	switch response.StatusCode {
	case accepted:
		answer.Verdict = token.Accepted
	case http.StatusUnauthorized:
		answer.Verdict = token.Refused
	}
	return answer, nil
}

// longestPause bounds how long a server is left alone at its word.
const longestPause = time.Minute
