package session_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/redis"
	"github.com/ocmt/ocmt/internal/redis/redissession"
	"github.com/ocmt/ocmt/internal/session"
)

// certificates makes an authority and a certificate for 127.0.0.1, which server and client use.
func certificates(t *testing.T) (folder string, options redis.Options) {
	t.Helper()
	folder = t.TempDir()
	for _, path := range []string{filepath.Dir(folder), folder} { // the server may run as another account
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, kind string, bytes []byte) []byte {
		text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes})
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
		return text
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ocmt test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	options.Certificate, options.Key = write("cert.pem", "CERTIFICATE", certificate), write("key.pem", "PRIVATE KEY", private)
	options.CA = options.Certificate
	return folder, options
}

// freePort returns a port that nobody uses now.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}

// rights are those that docs/session-invalidate.md gives the account of Redis.
func rights(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/session-invalidate.md")
	if err != nil {
		t.Fatal(err)
	}
	_, line, found := strings.Cut(string(page), "    ACL SETUSER ocmt-sessions on >password ")
	if !found {
		t.Fatal("the page names no rights")
	}
	line, _, _ = strings.Cut(line, "\n")
	return line
}

// If this fails, an account with the rights that the page asks for ends no vault, or Redis with TLS
// cannot be reached, and whoever is asked for a certificate that is not his is let in.
func TestRedisOverTLSWithFewRights(t *testing.T) {
	t.Parallel()
	folder, options := certificates(t)
	port := freePort(t)
	v := newVaults(t, fmt.Sprintf("tls-port %d", port), "tls-cert-file "+filepath.Join(folder, "cert.pem"), "tls-key-file "+filepath.Join(folder, "key.pem"),
		"tls-ca-cert-file "+filepath.Join(folder, "cert.pem"), "user ocmt on >few "+strings.NewReplacer("~vault:", "~p:vault:", "~oauth:", "~p:oauth:").Replace(rights(t)))
	v.set("p:vault:session:a", vaultText("u"))
	v.set("vault:session:a", vaultText("u")) // of another deployment
	v.set("p:oauth:pkce:b", "{}")
	address := fmt.Sprintf("rediss://ocmt:few@127.0.0.1:%d/0", port)
	d := newDatabase(t)
	look := func(address string, options redis.Options) (*session.Result, error) {
		client, err := redis.New(address, options)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = client.Close() }()
		sources := d.sources()
		sources.Cache = redissession.New(client, redissession.Options{Prefix: "p:"})
		plan, err := session.MakePlan(context.Background(), sources, request(session.Selection{All: true}), silent{})
		if err != nil {
			t.Fatal(err)
		}
		return session.End(context.Background(), sources, plan, nil, silent{})
	}
	var down *session.CacheError
	if _, err := look(address, redis.Options{}); !errors.As(err, &down) {
		t.Errorf("without the authority: %v", err)
	}
	if _, err := look(strings.Replace(address, "few", "wrong", 1), options); !errors.Is(err, redis.ErrRefused) || strings.Contains(err.Error(), "wrong") {
		t.Errorf("with a wrong password: %v", err)
	}
	result, err := look(address, options)
	if err != nil || result.Ended[session.Vaults] != 1 || result.Ended[session.OAuthFlows] != 1 {
		t.Fatalf("%v: %+v", err, result)
	}
	if v.get("p:vault:session:a") != tombstone || v.get("vault:session:a") == tombstone {
		t.Error("the vault of the other deployment was ended, or that of this one was not")
	}
	for range rounds(1) {
		const count = 2500
		for n := range count {
			v.set(fmt.Sprint("p:vault:session:many", n), vaultText("u"))
		}
		if result, err := look(address, options); err != nil || result.Ended[session.Vaults] != count {
			t.Fatalf("%v: %+v", err, result)
		}
		for n := range count {
			if v.get(fmt.Sprint("p:vault:session:many", n)) != tombstone {
				t.Fatalf("vault %d is open", n)
			}
		}
	}
	_ = v.client.Do(context.Background(), "acl", "setuser", "ocmt", "-set").Err()
	v.set("p:vault:session:c", vaultText("u"))
	if _, err := look(address, options); !errors.Is(err, redis.ErrRights) {
		t.Errorf("without the right to write: %v", err)
	}
}

// If this fails, an address that is none is dialled, or shown with its password.
func TestRedisAddresses(t *testing.T) {
	t.Parallel()
	for address, good := range map[string]bool{"redis://a:secret@h:1/2": true, "rediss://h": true, "unix:///run/redis.sock?db=1": true,
		"redis://s:26379?master_name=m&addr=t:26379": true, "http://a:secret@h": false, "secret": false, "redis://a:secret@h:port": false, "redis://h/secret": false} {
		client, err := redis.New(address, redis.Options{})
		if (err == nil) != good || err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", address, err)
		}
		if err == nil {
			_ = client.Close()
		}
	}
	if _, err := redis.New("rediss://h", redis.Options{CA: []byte("no PEM")}); !errors.Is(err, redis.ErrCertificates) {
		t.Errorf("certificates that are none: %v", err)
	}
}
