package redisaudit_test

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
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/redis"
	"github.com/ocmt/ocmt/internal/redis/redisaudit"
)

// freePort returns a port that nobody uses now.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// certificate makes a certificate for an address, which is its own authority, and returns the settings of a server.
func certificate(t *testing.T, address string, port int) (settings []string, authority []byte) {
	t.Helper()
	folder := t.TempDir()
	for _, path := range []string{filepath.Dir(folder), folder} { // the server may run as another account
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ocmt test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.ParseIP(address)}}
	made, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	authority = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made})
	for name, text := range map[string][]byte{"cert.pem": authority, "key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return []string{fmt.Sprintf("tls-port %d", port), "tls-auth-clients no", "tls-cert-file " + filepath.Join(folder, "cert.pem"), "tls-key-file " + filepath.Join(folder, "key.pem"), "tls-ca-cert-file " + filepath.Join(folder, "cert.pem")}, authority
}

// If this fails, passwords and tokens cross the network in clear and nobody is told, or a certificate that
// nobody verifies passes.
func TestTLS(t *testing.T) {
	t.Parallel()
	own, port := outside(t), freePort(t)
	settings, authority := certificate(t, own, port)
	i := start(t, append(settings, "requirepass tls", "bind 0.0.0.0")...)
	secure, plain := net.JoinHostPort(own, fmt.Sprint(port)), net.JoinHostPort(own, i.port())
	for name, one := range map[string]struct {
		address string
		ca      []byte
		want    expect
	}{
		"TLS":               {"rediss://:tls@" + secure, authority, expect{audit.Pass, 0, "", ""}},
		"unknown authority": {"rediss://:tls@" + secure, nil, expect{audit.Unchecked, 0, "certificate", ""}},
		"not verified":      {"rediss://:tls@" + secure + "?skip_verify=true", authority, expect{audit.Found, audit.High, "skip_verify", ""}},
		"plain":             {"redis://:tls@" + plain, authority, expect{audit.Found, audit.High, "redis:// over the network ", ""}},
		"plain, though TLS": {"redis://:tls@" + secure, authority, expect{audit.Found, audit.High, "and the port speaks TLS", ""}},
		"loopback":          {i.server.URL(), authority, expect{audit.Pass, 0, "", ""}},
		"socket":            {i.server.SocketURL(), authority, expect{audit.Pass, 0, "", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hold(t, ask(t, source(t, redisaudit.Options{}, redis.Options{CA: one.ca}, one.address), "RDS-002"), "RDS-002", one.want)
		})
	}
}

// If this fails, a replica with the keys of every vault and without a password passes, because only its primary was
// asked; or one Redis of two.
func TestReplicasAndSeveralAddresses(t *testing.T) {
	t.Parallel()
	const password = "of-both"
	primary := start(t, "requirepass "+password)
	replica := start(t, "requirepass "+password, "masterauth "+password, "replicaof 127.0.0.1 "+primary.port())
	other := start(t)
	awaitReplica(t, primary, replica)
	check := func(want expect, places int, addresses ...string) {
		t.Helper()
		report := ask(t, source(t, redisaudit.Options{}, redis.Options{}, addresses...), "RDS-001")
		hold(t, report, "RDS-001", want)
		if looked := report.Results[0].Looked; !strings.HasPrefix(looked, fmt.Sprint(places)) {
			t.Errorf("it looked at %s, want %d", looked, places)
		}
	}
	check(expect{audit.Pass, 0, "", ""}, 2, primary.owner())
	check(expect{audit.Pass, 0, "", ""}, 3, primary.owner(), other.owner())
	check(expect{audit.Pass, 0, "", ""}, 2, replica.owner())
	replica.do("config", "set", "requirepass", "")
	check(expect{audit.Found, audit.Critical, "127.0.0.1:" + replica.port(), ""}, 2, primary.owner())
	check(expect{audit.Found, audit.Critical, replica.address, ""}, 2, replica.owner())
	other.do("config", "set", "requirepass", "")
	check(expect{audit.Found, audit.Critical, other.address, ""}, 3, primary.owner(), other.owner())
	primary.do("acl", "setuser", "few", "on", ">few", "+acl|whoami")
	check(expect{audit.Unchecked, 0, "has replicas", "ACL SETUSER few +info"}, 1, primary.url("few", "few"))
	other.do("config", "set", "requirepass", "again")
	check(expect{audit.Unchecked, 0, "no answer", ""}, 2, other.owner()+"?", "redis://127.0.0.1:1")
	report := ask(t, source(t, redisaudit.Options{}, redis.Options{}, "redis://:wrong@"+primary.address), "RDS-001", "RDS-006")
	hold(t, report, "RDS-006", expect{audit.Unchecked, 0, "the password or the user is refused", ""})
	if strings.Contains(fmt.Sprintf("%+v", report), "wrong") {
		t.Error("the report has a password")
	}
}

// awaitReplica waits until a primary knows its replica.
func awaitReplica(t *testing.T, primary, replica *instance) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !strings.Contains(primary.admin.Info(context.Background(), "replication").Val(), "port="+replica.port()+",state=online") {
		if time.Now().After(deadline) {
			t.Fatal("the replica does not connect")
		}
	}
}

// If this fails, what Sentinels stand for is not asked, or an audit passes where no Sentinel answers.
func TestSentinel(t *testing.T) {
	t.Parallel()
	const password = "behind-sentinel"
	primary := start(t, "requirepass "+password, "masterauth "+password)
	replica := start(t, "requirepass "+password, "masterauth "+password, "replicaof 127.0.0.1 "+primary.port())
	awaitReplica(t, primary, replica)
	port := freePort(t)
	config := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf("bind 127.0.0.1\nport %d\nsentinel monitor ocmt 127.0.0.1 %s 1\nsentinel auth-pass ocmt %s\nrequirepass of-the-sentinel\n", port, primary.port(), password)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	process := exec.Command("redis-server", config, "--sentinel")
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = process.Process.Kill(); _ = process.Wait() })
	watcher := driver.NewSentinelClient(&driver.Options{Addr: fmt.Sprintf("127.0.0.1:%d", port), Password: "of-the-sentinel"})
	defer watcher.Close()
	deadline := time.Now().Add(time.Minute)
	for len(watcher.Replicas(context.Background(), "ocmt").Val()) == 0 {
		if time.Now().After(deadline) {
			t.Fatal("the Sentinel does not find the replica")
		}
	}
	sentinel := record(t, fmt.Sprintf("127.0.0.1:%d", port))
	address := fmt.Sprintf("redis://:%s@%s/0?master_name=ocmt&sentinel_password=", password, sentinel.address)
	servers, err := source(t, redisaudit.Options{}, redis.Options{}, address+"of-the-sentinel").Servers(context.Background())
	if err != nil || len(servers) != 2 || servers[0].Place().Replica || !servers[1].Place().Replica {
		t.Fatalf("%d servers: %v", len(servers), err)
	}
	replica.do("config", "set", "requirepass", "")
	report := ask(t, source(t, redisaudit.Options{}, redis.Options{}, address+"of-the-sentinel"), "RDS-001", "RDS-008")
	hold(t, report, "RDS-001", expect{audit.Found, audit.Critical, "127.0.0.1:" + replica.port(), ""})
	hold(t, report, "RDS-008", expect{audit.Pass, 0, "", ""})
	hold(t, ask(t, source(t, redisaudit.Options{}, redis.Options{}, address+"none"), "RDS-001"), "RDS-001", expect{audit.Unchecked, 0, "the Sentinel at " + sentinel.address, ""})
}

// If this fails, a vault in a part of a cluster is not seen.
func TestCluster(t *testing.T) {
	t.Parallel()
	const password = "of-the-cluster"
	var nodes []*instance
	for range 3 {
		nodes = append(nodes, start(t, "requirepass "+password, "masterauth "+password, "cluster-enabled yes", fmt.Sprintf("cluster-port %d", freePort(t)), "cluster-node-timeout 30000",
			"user few on >few +info", "user ocmt-audit on >audit "+auditor))
	}
	command := exec.Command("redis-cli", "--cluster", "create", "127.0.0.1:"+nodes[0].port(), "127.0.0.1:"+nodes[1].port(), "127.0.0.1:"+nodes[2].port(), "--cluster-replicas", "0", "--cluster-yes")
	command.Env = append(command.Environ(), "REDISCLI_AUTH="+password)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	deadline := time.Now().Add(time.Minute)
	for slices.ContainsFunc(nodes, func(i *instance) bool {
		return !strings.Contains(i.admin.ClusterInfo(context.Background()).Val(), "cluster_state:ok")
	}) {
		if time.Now().After(deadline) {
			t.Fatal("the cluster does not come up")
		}
	}
	report := ask(t, source(t, redisaudit.Options{Application: "default"}, redis.Options{}, nodes[0].url("ocmt-audit", "audit")), "RDS-008", "RDS-009")
	hold(t, report, "RDS-008", expect{audit.Pass, 0, "", ""})
	if looked := report.Results[0].Looked; !strings.HasPrefix(looked, "3 ") {
		t.Errorf("it looked at %s", looked)
	}
	client := driver.NewClusterClient(&driver.ClusterOptions{Addrs: []string{"127.0.0.1:" + nodes[0].port()}, Password: password})
	defer client.Close()
	for n := range 30 {
		if err := client.Set(context.Background(), fmt.Sprint("vault:session:", n), "x", 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	report = ask(t, source(t, redisaudit.Options{Application: "default"}, redis.Options{}, nodes[0].url("ocmt-audit", "audit")), "RDS-008")
	hold(t, report, "RDS-008", expect{audit.Found, audit.High, "vault:session:*", ""})
	if found := report.Results[0].Findings[0]; found.Count != 30 || len(found.Places) != 3 {
		t.Errorf("%+v", found)
	}
	hold(t, ask(t, source(t, redisaudit.Options{}, redis.Options{}, nodes[0].url("few", "few")), "RDS-001"), "RDS-001", expect{audit.Unchecked, 0, "the nodes of the cluster", "ACL SETUSER few +cluster|nodes"})
}

// If this fails, an address that is none is dialled, or shown with its password.
func TestAddresses(t *testing.T) {
	t.Parallel()
	if _, err := redisaudit.New([]string{"redis://h", "http://a:secret@h"}, redis.Options{}, redisaudit.Options{}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}

// If this fails, an operator who ends the program waits for a server that does not answer.
func TestCancelledContext(t *testing.T) {
	t.Parallel()
	i := start(t)
	ctx, cancel := context.WithCancel(context.Background())
	made := source(t, redisaudit.Options{}, redis.Options{}, i.owner())
	servers, err := made.Servers(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := servers[0].Keys(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := servers[0].Greet(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := servers[0].DangerousCommands(ctx, "default"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// If this fails, a server that takes connections and says nothing holds the whole audit up, or passes.
func TestServerThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() // nobody accepts: the system takes the connections
	begun := time.Now()
	report := ask(t, source(t, redisaudit.Options{Timeout: 50 * time.Millisecond}, redis.Options{}, "redis://u:p@"+listener.Addr().String()))
	// A certificate, which is of no interest on loopback, needs no answer.
	if report.Counts.Unchecked != 10 || report.Counts.Pass != 1 || time.Since(begun) > 3*time.Minute {
		t.Errorf("after %s: %+v", time.Since(begun), report.Counts)
	}
}
