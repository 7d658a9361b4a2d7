package probe_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/probe"
)

// silent is a Reporter that says nothing.
type silent struct{}

func (silent) Checking(string, int, int) {}

const token = "the-token-of-this-test-0123456789"

// deployed answers as a server of a component does.
func deployed(t *testing.T, component string, answer func(w http.ResponseWriter, r *http.Request, sent string)) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") != "application/json" || r.Header.Get("X-Forwarded-Proto") != "https" {
			t.Errorf("%s %s with %v", r.Method, r.URL.Path, r.Header)
		}
		if (r.Method == http.MethodPost) != (component == "gateway") {
			t.Errorf("%s is asked with %s", component, r.Method)
		}
		sent := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if component == "agent" {
			sent = r.Header.Get("X-Auth-Token")
		}
		answer(w, r, sent)
	}))
	t.Cleanup(server.Close)
	return server
}

// guarded takes the token in the header alone.
func guarded(w http.ResponseWriter, r *http.Request, sent string) {
	switch {
	case sent != token:
		w.WriteHeader(http.StatusUnauthorized)
	case r.Method == http.MethodPost:
		w.WriteHeader(http.StatusBadRequest)
	}
}

// status answers everything alike.
func status(code int) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(code) }
}

// outcomes asks the checks of endpoints.
func outcomes(t *testing.T, now time.Time, named []probe.Named, options probe.Options, known, sends bool) map[string]audit.Result {
	t.Helper()
	endpoints, err := probe.NewEndpoints(named, options, func(string) string {
		if known {
			return token
		}
		return ""
	}, sends)
	if err != nil {
		t.Fatal(err)
	}
	report, err := audit.Run(context.Background(), &audit.Sources{Endpoints: audit.Available[audit.EndpointSource](endpoints)},
		audit.Request{Only: []string{"endpoints"}, Now: now}, silent{})
	if err != nil {
		t.Fatal(err)
	}
	results := map[string]audit.Result{}
	for _, result := range report.Results {
		results[strings.TrimPrefix(result.Check.ID, "OCMT-END-")] = result
	}
	return results
}

// If this fails, an open administrator's door passes, or a server that did not answer is taken for a safe one.
func TestEndpointTokens(t *testing.T) {
	t.Parallel()
	inQuery := func(w http.ResponseWriter, r *http.Request, sent string) {
		if r.URL.Query().Get("token") == token {
			return
		}
		guarded(w, r, sent)
	}
	for _, c := range []struct {
		name        string
		component   string
		answer      func(http.ResponseWriter, *http.Request, string)
		known       bool
		sends       bool
		check       string
		want        audit.Outcome
		faults, gap int
	}{
		{"guarded admin UI", "admin-ui", guarded, true, true, "001", audit.Pass, 0, 0},
		{"open admin UI", "admin-ui", status(200), true, true, "001", audit.Found, 1, 0},
		{"busy admin UI", "admin-ui", status(429), true, true, "001", audit.Unchecked, 0, 2},
		{"redirecting management", "management", status(301), true, true, "001", audit.Unchecked, 0, 4},
		{"open management", "management", status(204), true, true, "001", audit.Found, 2, 0},
		{"agent is no admin endpoint", "agent", status(200), true, true, "001", audit.NotApplicable, 0, 0},
		{"guarded agent", "agent", guarded, true, true, "004", audit.Pass, 0, 0},
		{"open agent", "agent", status(200), true, true, "004", audit.Found, 1, 0},
		{"guarded gateway", "gateway", guarded, true, true, "004", audit.Pass, 0, 0},
		{"open gateway", "gateway", status(400), true, true, "004", audit.Found, 1, 0},
		{"right token", "management", guarded, true, true, "002", audit.Pass, 0, 0},
		{"right token of a gateway", "gateway", guarded, true, true, "002", audit.Pass, 0, 0},
		{"other token on the server", "agent", status(401), true, true, "002", audit.Found, 1, 0},
		{"unset on the server", "admin-ui", status(500), true, true, "002", audit.Found, 1, 0},
		{"busy with the right token", "admin-ui", status(503), true, true, "002", audit.Unchecked, 0, 1},
		{"token not known", "admin-ui", guarded, false, true, "002", audit.Unchecked, 0, 1},
		{"token not to be sent", "admin-ui", guarded, true, false, "002", audit.Unchecked, 0, 1},
		{"token in the query", "admin-ui", inQuery, true, true, "003", audit.Found, 1, 0},
		{"token in the query refused", "admin-ui", guarded, true, true, "003", audit.Pass, 0, 0},
		{"token in the query not sent", "admin-ui", inQuery, true, false, "003", audit.Unchecked, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := deployed(t, c.component, c.answer)
			got := outcomes(t, time.Now(), []probe.Named{{Component: c.component, Address: server.URL}}, probe.Options{}, c.known, c.sends)[c.check]
			if got.Outcome != c.want || len(got.Findings) != c.faults || len(got.Gaps) != c.gap {
				t.Errorf("%s with %v and %v; want %s", got.Outcome, got.Findings, got.Gaps, c.want)
			}
		})
	}
}

// If this fails, the token of the deployment is sent where nobody allowed it, or in a URL to another machine.
func TestTokensStayHere(t *testing.T) {
	t.Parallel()
	server := deployed(t, "admin-ui", func(w http.ResponseWriter, r *http.Request, sent string) {
		if sent == token || r.URL.RawQuery != "" {
			t.Errorf("the token was sent to %s", r.URL.Path)
		}
		w.WriteHeader(http.StatusUnauthorized)
	})
	outcomes(t, time.Now(), []probe.Named{{Component: "admin-ui", Address: server.URL}}, probe.Options{}, true, false)
	elsewhere := outcomes(t, time.Now(), []probe.Named{{Component: "admin-ui", Address: "https://host.invalid:1"}}, probe.Options{}, true, true)
	if got := elsewhere["003"]; got.Outcome != audit.Unchecked || !strings.Contains(got.Gaps[0].Reason, "logs") {
		t.Errorf("a token in a URL to another machine: %s, %v", got.Outcome, got.Gaps)
	}
	if got := elsewhere["005"]; got.Outcome != audit.Unchecked {
		t.Errorf("the reach of another machine's server is %s", got.Outcome)
	}
	if got := elsewhere["006"]; got.Outcome != audit.Unchecked {
		t.Errorf("the TLS of a machine that does not answer is %s", got.Outcome)
	}
}

// If this fails, a port that the whole network reaches passes for one that only this machine does.
func TestReach(t *testing.T) {
	t.Parallel()
	server := deployed(t, "gateway", guarded) // on loopback alone
	if got := outcomes(t, time.Now(), []probe.Named{{Component: "gateway", Address: server.URL}}, probe.Options{}, true, false)["005"]; got.Outcome != audit.Pass {
		t.Errorf("a gateway on loopback is %s: %v", got.Outcome, got.Findings)
	}
	open, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	everywhere := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Second}
	go everywhere.Serve(open)
	defer everywhere.Close()
	_, port, _ := net.SplitHostPort(open.Addr().String())
	got := outcomes(t, time.Now(), []probe.Named{{Component: "gateway", Address: "http://127.0.0.1:" + port}}, probe.Options{}, false, false)["005"]
	if own, _ := net.InterfaceAddrs(); len(own) > 1 && got.Outcome != audit.Found {
		t.Errorf("a gateway on every address is %s", got.Outcome)
	}
}

// If this fails, a server that does not run passes for one that only this machine reaches.
func TestReachOfNothing(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	got := outcomes(t, time.Now(), []probe.Named{{Component: "admin-ui", Address: address}}, probe.Options{}, true, false)
	if reach := got["005"]; reach.Outcome != audit.Unchecked || !strings.Contains(reach.Gaps[0].Reason, "own address") {
		t.Errorf("a server that does not run is %s: %v", reach.Outcome, reach.Gaps)
	}
	// What is said to cure a gap must be a command that can be run.
	if sent := got["002"]; len(sent.Gaps) != 1 || sent.Gaps[0].Grant != "ocmt audit --endpoint admin-ui="+address+" --live" {
		t.Errorf("a token that was not sent: %+v", sent.Gaps)
	}
}

// certificate makes a certificate of its own issuer for loopback.
func certificate(t *testing.T, until time.Time) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: until,
		IPAddresses: []net.IP{net.ParseIP("127.0.0.1")}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// If this fails, a certificate that ends tomorrow, or one of somebody else, is found when clients fail.
func TestEndpointTLS(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		until   time.Duration
		trusted bool
		newest  uint16
		want    string // part of the finding; "" for none
	}{
		{"good", 90 * 24 * time.Hour, true, 0, ""},
		{"ends soon", 20 * 24 * time.Hour, true, 0, "within 30 days"},
		{"of nobody", 90 * 24 * time.Hour, false, 0, "not trusted"},
		{"old version", 90 * 24 * time.Hour, true, tls.VersionTLS11, "old version"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			own, root := certificate(t, time.Now().Add(c.until))
			server := httptest.NewUnstartedServer(http.NotFoundHandler())
			server.TLS = &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS10, MaxVersion: c.newest}
			if c.newest == 0 {
				server.TLS.MinVersion = tls.VersionTLS12
			}
			server.StartTLS()
			t.Cleanup(server.Close)
			options := probe.Options{}
			if c.trusted {
				options.CA = root
			}
			got := outcomes(t, time.Now(), []probe.Named{{Component: "management", Address: server.URL}}, options, false, false)["006"]
			switch {
			case c.want == "" && got.Outcome != audit.Pass:
				t.Errorf("%s: %v %v", got.Outcome, got.Findings, got.Gaps)
			case c.want != "" && (len(got.Findings) != 1 || !strings.Contains(got.Findings[0].Message, c.want)):
				t.Errorf("%s: %v %v; want one of %q", got.Outcome, got.Findings, got.Gaps, c.want)
			}
		})
	}
}
