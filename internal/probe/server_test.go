package probe_test

import (
	"context"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/probe"
)

func text(of string) func() string { return func() string { return of } }

// If this fails, a token goes to whoever an answer names, or a server is asked in a way that it answers
// otherwise than it does its clients.
func TestWhatIsSent(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer elsewhere.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "POST" || r.URL.Path != "/behind/api/vault/lock" || r.Header.Get("X-Vault-Session") != "vault" || r.Header.Get("Authorization") != "Bearer admin" ||
			r.Header.Get("Accept") != "application/json" || r.Header.Get("X-Forwarded-Proto") != "https" || r.URL.RawQuery != "" {
			t.Errorf("%s %s with %v", r.Method, r.URL, r.Header)
		}
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	asked, err := probe.New(server.URL+"/behind/", probe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var status *probe.StatusError
	if err := asked.LockVault(context.Background(), text("vault"), text("admin")); !errors.As(err, &status) || status.Status != 307 {
		t.Errorf("a redirect is %v", err)
	}
}

// If this fails, a token goes where none is needed, or a server that is not up passes for one that is.
func TestHealth(t *testing.T) {
	t.Parallel()
	var answer atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/health" || r.Header.Get("Authorization") != "" || r.Header.Get("Accept") != "application/json" {
			t.Errorf("%s %s with %v", r.Method, r.URL, r.Header)
		}
		w.WriteHeader(int(answer.Load()))
	}))
	defer server.Close()
	asked, err := probe.New(server.URL, probe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, status := range []int{200, 204, 301, 404, 429, 500, 503} {
		answer.Store(int64(status))
		if err := asked.CheckHealth(context.Background()); (err == nil) != (status == 200) {
			t.Errorf("answered with %d: %v", status, err)
		}
	}
	server.Close()
	if err := asked.CheckHealth(context.Background()); !errors.Is(err, probe.ErrNoAnswer) {
		t.Errorf("of a server that is gone: %v", err)
	}
}

// If this fails, an answer that leaves open whether a session is alive is taken for a refusal.
func TestAnswers(t *testing.T) {
	t.Parallel()
	var answer atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(int(answer.Load()))
	}))
	defer server.Close()
	asked, err := probe.New(server.URL, probe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []struct {
		status         int
		accepted, open bool
	}{{200, true, false}, {401, false, false}, {403, false, true}, {429, false, true}, {301, false, true}, {500, false, true}, {204, false, true}} {
		answer.Store(int64(one.status))
		accepted, err := asked.Accepts(context.Background(), text("the secret"))
		var status *probe.StatusError
		if accepted != one.accepted || (err != nil) != one.open || err != nil && (!errors.As(err, &status) || status.RetryAfter != time.Minute || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%d: accepted %v, %v", one.status, accepted, err)
		}
	}
}

// If this fails, a token is sent to a server that is not who its certificate says.
func TestCertificates(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	if asked, err := probe.New(server.URL, probe.Options{}); err != nil {
		t.Error(err)
	} else if _, err := asked.Accepts(context.Background(), text("secret")); !errors.Is(err, probe.ErrNoAnswer) || strings.Contains(err.Error(), "secret") {
		t.Errorf("without its authority: %v", err)
	}
	asked, err := probe.New(server.URL, probe.Options{CA: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})})
	if err != nil {
		t.Fatal(err)
	}
	if accepted, err := asked.Accepts(context.Background(), text("secret")); !accepted || err != nil {
		t.Errorf("with its authority: %v, %v", accepted, err)
	}
	if _, err := probe.New(server.URL, probe.Options{CA: []byte("no PEM")}); !errors.Is(err, probe.ErrCertificates) {
		t.Errorf("certificates that are none: %v", err)
	}
}

// If this fails, an address with a password in it is shown, or one that is none is asked.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]struct{ good, exposed bool }{
		"http://127.0.0.1:3000": {true, false}, "http://[::1]:1": {true, false}, "http://localhost": {true, false}, "https://a.example": {true, false},
		"http://a.example": {true, true}, "http://10.0.0.1": {true, true},
		"https://user:secret@a.example": {}, "ftp://a": {}, "a.example": {}, "https://": {}, "https://a?x=secret": {}, "https://a#b": {}, "http://a:port": {},
	} {
		server, err := probe.New(address, probe.Options{})
		if (err == nil) != want.good || err != nil && (!errors.Is(err, probe.ErrAddress) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: %v", address, err)
		}
		if err == nil && server.IsExposed() != want.exposed {
			t.Errorf("%s is exposed: %v", address, server.IsExposed())
		}
	}
}
