package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/netconn"
	"github.com/ocmt/ocmt/internal/ocmt"
)

// Endpoints asks the endpoints of a deployment. It implements audit.EndpointSource and validation.Endpoints.
type Endpoints struct {
	list   []ocmt.Endpoint
	server map[string]*Server // by address
	token  func(setting string) string
	sends  bool
	roots  *x509.CertPool
}

// Named is an endpoint as an operator names it.
type Named struct{ Component, Address string }

// NewEndpoints returns the endpoints that were named. token returns the token of a setting, "" where it is
// not set; sends allows to send it. It dials nothing. Errors: ErrAddress, ErrCertificates.
func NewEndpoints(named []Named, options Options, token func(setting string) string, sends bool) (*Endpoints, error) {
	e := &Endpoints{server: map[string]*Server{}, token: token, sends: sends}
	if options.CA != nil {
		e.roots = x509.NewCertPool()
		e.roots.AppendCertsFromPEM(options.CA) // New reports what cannot be read
	}
	for _, one := range named {
		server, err := New(one.Address, options)
		if err != nil {
			return nil, err
		}
		e.server[server.Address()] = server
		e.list = append(e.list, ocmt.Endpoint{Component: one.Component, Address: server.Address(),
			Loopback: isLoopback(server.base.Hostname()), TLS: server.base.Scheme == "https"})
	}
	return e, nil
}

// isLoopback reports whether a host is this machine by its name or address.
func isLoopback(host string) bool {
	address := net.ParseIP(host)
	return host == "localhost" || address != nil && address.IsLoopback()
}

// Endpoints implements audit.EndpointSource.
func (e *Endpoints) Endpoints() []audit.Endpoint { return e.list }

// HasToken implements audit.EndpointSource.
func (e *Endpoints) HasToken(setting string) bool { return e.token(setting) != "" }

// SendsTokens implements audit.EndpointSource.
func (e *Endpoints) SendsTokens() bool { return e.sends }

// wrongToken is no token of anybody: it says what it is.
const wrongToken = "ocmt-asks-whether-a-wrong-token-is-refused" //nolint:gosec // it opens nothing

// Ask sends a probe with a credential. An endpoint that does not answer is an Answer, and no error; the error is
// that of the context, or ErrAddress. Nothing that it returns has a token in it.
func (e *Endpoints) Ask(ctx context.Context, endpoint ocmt.Endpoint, probe ocmt.Probe, credential ocmt.Credential) (ocmt.Answer, error) {
	server, body := e.server[endpoint.Address], io.Reader(nil)
	if ocmt.MethodOf(endpoint.Component) == http.MethodPost {
		body = strings.NewReader("{}")
	}
	address := server.base.JoinPath(probe.Path)
	if credential == ocmt.OwnTokenInQuery {
		address.RawQuery = url.Values{"token": {e.token(probe.Setting)}}.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, ocmt.MethodOf(endpoint.Component), address.String(), body)
	if err != nil {
		return ocmt.Answer{}, ErrAddress
	}
	setClientHeaders(request)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	switch credential {
	case ocmt.WrongToken:
		setToken(request, endpoint.Component, wrongToken)
	case ocmt.OwnToken:
		setToken(request, endpoint.Component, e.token(probe.Setting))
	}
	answer, err := server.client.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return ocmt.Answer{}, ctx.Err()
		}
		return ocmt.Answer{Reason: explainWithoutURL(ctx, err)}, nil
	}
	finish(answer)
	return ocmt.Answer{Status: answer.StatusCode}, nil
}

// setToken puts a token where a component looks for it (contract, section 6).
func setToken(request *http.Request, component, token string) {
	if component == ocmt.AgentEndpoint {
		request.Header.Set("X-Auth-Token", token)
		return
	}
	request.Header.Set("Authorization", "Bearer "+token)
}

// explainWithoutURL says why there is no answer. The URL can have a token in it.
func explainWithoutURL(ctx context.Context, err error) string {
	text := explain(ctx, err).Error()
	if strings.Contains(text, "token=") {
		return ErrNoAnswer.Error()
	}
	return text
}

// Shake implements audit.EndpointSource.
func (e *Endpoints) Shake(ctx context.Context, endpoint ocmt.Endpoint) (shaken audit.Handshake, err error) {
	base := e.server[endpoint.Address].base
	state, err := e.handshake(ctx, base, tls.VersionTLS10, tls.VersionTLS13)
	if err != nil {
		return shaken, err
	}
	leaf := state.PeerCertificates[0]
	shaken.Expires = leaf.NotAfter
	between := x509.NewCertPool()
	for _, one := range state.PeerCertificates[1:] {
		between.AddCert(one)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: base.Hostname(), Roots: e.roots, Intermediates: between}); err != nil {
		shaken.Invalid = err.Error()
	}
	if _, err := e.handshake(ctx, base, tls.VersionTLS10, tls.VersionTLS11); err == nil {
		shaken.Oldest = "TLS 1.1 or older"
	}
	return shaken, ctx.Err()
}

// handshake connects with versions of TLS, and returns what was agreed on.
func (e *Endpoints) handshake(ctx context.Context, base *url.URL, oldest, newest uint16) (tls.ConnectionState, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	// What the server offers is looked at, and judged by Shake; nothing is sent over it.
	dialer := &tls.Dialer{Config: &tls.Config{ServerName: base.Hostname(), MinVersion: oldest, MaxVersion: newest, InsecureSkipVerify: true}} //nolint:gosec // see above
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(base.Hostname(), portOf(base)))
	if err != nil {
		return tls.ConnectionState{}, explain(ctx, err)
	}
	defer func() { _ = conn.Close() }()
	shaken, ok := conn.(*tls.Conn)
	if !ok || len(shaken.ConnectionState().PeerCertificates) == 0 {
		return tls.ConnectionState{}, errors.New("the server shows no certificate")
	}
	return shaken.ConnectionState(), nil
}

func portOf(base *url.URL) string {
	switch {
	case base.Port() != "":
		return base.Port()
	case base.Scheme == "https":
		return "443"
	default:
		return "80"
	}
}

// ownTimeout bounds a connection to an address of this machine, which takes no time unless a firewall
// drops it.
const ownTimeout = time.Second

// Reach implements audit.EndpointSource. An endpoint is of this machine where its address is loopback or one
// of the machine's own. That an endpoint which does not run takes no connection shows nothing: the error is an
// *audit.GapError.
func (e *Endpoints) Reach(ctx context.Context, endpoint ocmt.Endpoint) (reached []string, here bool, err error) {
	base := e.server[endpoint.Address].base
	own, err := netconn.OwnAddresses()
	if err != nil {
		return nil, false, err
	}
	here = endpoint.Loopback || slices.ContainsFunc(own, net.ParseIP(base.Hostname()).Equal)
	if !here {
		return nil, false, nil
	}
	for _, address := range own {
		if target := net.JoinHostPort(address.String(), portOf(base)); takesConnection(ctx, target) {
			reached = append(reached, target)
		}
	}
	runs := len(reached) > 0 || takesConnection(ctx, net.JoinHostPort(base.Hostname(), portOf(base)))
	switch {
	case ctx.Err() != nil:
		return nil, here, ctx.Err()
	case !runs:
		return nil, here, &audit.GapError{Gap: audit.Gap{What: endpoint.Name(), Reason: "it takes no connection at its own address either, as where it does not run"}}
	}
	return reached, here, nil
}

// takesConnection reports whether something listens at an address of this machine.
func takesConnection(ctx context.Context, target string) bool {
	conn, err := (&net.Dialer{Timeout: ownTimeout}).DialContext(ctx, "tcp", target)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
