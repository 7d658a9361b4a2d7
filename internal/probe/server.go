package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ocmt/ocmt/internal/netconn"
)

// Options say how to connect.
type Options struct {
	CA []byte // certificates in PEM form; nil for those of the system
}

// The reasons why a server cannot be asked.
var (
	ErrAddress      = errors.New("it must be http:// or https:// with a host, without a user, a query or a fragment")
	ErrCertificates = errors.New("the certificates for endpoints cannot be read: a PEM file is needed")
	ErrNoAnswer     = errors.New("there is no answer")
)

// Server is one process of the management server, at its endpoint.
type Server struct {
	base   *url.URL
	client *http.Client
}

// timeout bounds one request; a server that is gone must not hold the operator up.
const timeout = 10 * time.Second

// New returns the server at an address. It dials nothing. Errors: ErrAddress, ErrCertificates.
func New(address string, options Options) (*Server, error) {
	base, err := url.Parse(address)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Hostname() == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, ErrAddress
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if options.CA != nil {
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(options.CA) {
			return nil, ErrCertificates
		}
	}
	dial := netconn.Quiet((&net.Dialer{Timeout: timeout, KeepAlive: time.Minute}).DialContext)
	transport := &http.Transport{DialContext: dial, TLSClientConfig: settings, TLSHandshakeTimeout: timeout, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute}
	return &Server{base, &http.Client{Transport: transport, Timeout: timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// Address returns the endpoint.
func (s *Server) Address() string { return s.base.String() }

// IsExposed reports whether what is sent can be read on its way: the address is not of this machine,
// and has no TLS.
func (s *Server) IsExposed() bool {
	return s.base.Scheme == "http" && !isLoopback(s.base.Hostname())
}

// StatusError says that a server answered otherwise than was asked for.
type StatusError struct {
	Request string // method and path
	Status  int
	// RetryAfter is how long the server asks to be left alone; 0 where it does not say.
	RetryAfter time.Duration
}

// Error names the request and the answer.
func (e *StatusError) Error() string {
	return e.Request + " was answered with " + strings.TrimSpace(strconv.Itoa(e.Status)+" "+http.StatusText(e.Status))
}

// IsRefusal reports whether the server takes the secret that was sent for none.
func (e *StatusError) IsRefusal() bool {
	return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden
}

// IsBusy reports whether the server takes no more requests for now. It then answers right and wrong
// secrets alike.
func (e *StatusError) IsBusy() bool { return e.Status == http.StatusTooManyRequests }

// LockVault has the server forget the vault of a token, in Redis and in its memory. The server's own
// token answers with 500, because its entry in the audit log fails after the vault is locked
// (contract, section 4). So no error is no proof: look whether the key in Redis is gone. Errors:
// *StatusError, ErrNoAnswer.
func (s *Server) LockVault(ctx context.Context, vault, admin func() string) error {
	status, err := s.ask(ctx, http.MethodPost, "/api/vault/lock", admin, http.Header{"X-Vault-Session": {vault()}})
	if status == http.StatusInternalServerError {
		return nil
	}
	return err
}

// LogOut ends a session, and with it all WebSockets of its user. Errors: *StatusError, ErrNoAnswer.
func (s *Server) LogOut(ctx context.Context, session func() string) error {
	_, err := s.ask(ctx, http.MethodPost, "/api/auth/logout", session, nil)
	return err
}

// Accepts reports whether the server takes a session for alive. Every answer but 200 and 401 leaves
// that open, and is a *StatusError; ErrNoAnswer.
func (s *Server) Accepts(ctx context.Context, session func() string) (bool, error) {
	status, err := s.ask(ctx, http.MethodGet, "/api/auth/sessions", session, nil)
	if status == http.StatusUnauthorized {
		return false, nil
	}
	return err == nil, err
}

// CheckHealth asks whether the process is up. It sends no token: GET /health is open on the management server
// (contract, section 6). Errors: *StatusError, ErrNoAnswer.
func (s *Server) CheckHealth(ctx context.Context) error {
	_, err := s.ask(ctx, http.MethodGet, "/health", nil, nil)
	return err
}

// ask sends a request, with a bearer unless that is nil, and returns the status of the answer, with an error for each but 200.
func (s *Server) ask(ctx context.Context, method, path string, bearer func() string, header http.Header) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, method, s.base.JoinPath(path).String(), nil)
	if err != nil {
		return 0, ErrAddress
	}
	if header != nil {
		request.Header = header
	}
	setClientHeaders(request)
	if bearer != nil {
		request.Header.Set("Authorization", "Bearer "+bearer())
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return 0, explain(ctx, err)
	}
	finish(answer)
	if answer.StatusCode != http.StatusOK {
		err = &StatusError{Request: method + " " + path, Status: answer.StatusCode, RetryAfter: retryAfter(answer.Header)}
	}
	return answer.StatusCode, err
}

// setClientHeaders sets what the servers expect of a client. Without the first header the admin UI answers with its
// log-in page, without the second the management server sends plain HTTP to HTTPS.
func setClientHeaders(request *http.Request) {
	request.Header.Set("Accept", "application/json")
	request.Header.Set("X-Forwarded-Proto", "https")
}

// finish reads an answer to its end, so that the connection can be used again, and closes it.
func finish(answer *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<20))
	_ = answer.Body.Close()
}

// explain says why there is no answer. The address is known, and the error of the library names it
// again.
func explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var outer *url.Error
	var timed net.Error
	if errors.As(err, &timed) && timed.Timeout() {
		return fmt.Errorf("%w in %g s", ErrNoAnswer, timeout.Seconds())
	}
	if errors.As(err, &outer) {
		err = outer.Err
	}
	if failure := netconn.FailureOf(err); failure != netconn.OtherFailure {
		return fmt.Errorf("%w: %s", ErrNoAnswer, failure)
	}
	return fmt.Errorf("%w: %w", ErrNoAnswer, err)
}

// retryAfter reads how long a server asks to be left alone.
func retryAfter(header http.Header) time.Duration {
	seconds, err := strconv.Atoi(header.Get("Retry-After"))
	if err != nil || seconds < 0 || seconds > 86400 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
