package deployed_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	driver "github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/testenv"
)

// TestMain lets the program of the tests play a server, which waits until its input ends.
func TestMain(m *testing.M) {
	if os.Getenv("OCMT_TEST_WAITS") != "" {
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	m.Run()
}

// authority is a certificate for addresses of this machine, with its key. It is its own issuer.
type authority struct{ certificate, key []byte }

// newAuthority makes one that is good for some days.
func newAuthority(t *testing.T, days int, addresses ...string) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 0, days),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	for _, address := range addresses {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(address))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return authority{pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})}
}

// pair returns the certificate for a server of this process.
func (a authority) pair(t *testing.T) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(a.certificate, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// outside returns an address of this machine that is no loopback, and 127.0.0.1 where it has none.
func outside(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range addresses {
		if network, is := one.(*net.IPNet); is && network.IP.To4() != nil && !network.IP.IsLoopback() {
			return network.IP.String()
		}
	}
	return "127.0.0.1"
}

// writeAs writes a file into the folder of a server, as the account that owns the folder.
func writeAs(t *testing.T, folder, name, text string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(folder)
	if err != nil {
		t.Fatal(err)
	}
	owner, is := info.Sys().(*syscall.Stat_t)
	if !is {
		t.Fatal("the owner of a folder is not known")
	}
	if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
		t.Fatal(err)
	}
	return path
}

// postgres is a PostgreSQL of its own, on TCP.
type postgres struct {
	t      *testing.T
	server *testenv.Postgres
	admin  *pgx.Conn // of the superuser
	name   string    // of the database
	host   string
}

// startPostgres starts a server with a database. The superuser comes in by the socket.
func startPostgres(t *testing.T, settings ...string) *postgres {
	t.Helper()
	ctx := context.Background()
	server, err := testenv.StartPostgres(ctx, false, append([]string{testenv.ListenTCP, "listen_addresses = '*'"}, settings...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	name, err := server.CreateDatabase(ctx, "revoke create on schema public from public")
	if err != nil {
		t.Fatal(err)
	}
	p := &postgres{t: t, server: server, name: name, host: outside(t)}
	if p.admin, err = pgx.Connect(ctx, server.URL("postgres", name)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.admin.Close(ctx) })
	return p
}

func (p *postgres) exec(sql string, args ...any) {
	p.t.Helper()
	if _, err := p.admin.Exec(context.Background(), sql, args...); err != nil {
		p.t.Fatalf("%.200s: %v", sql, err)
	}
}

func (p *postgres) value(sql string) (text string) {
	p.t.Helper()
	if err := p.admin.QueryRow(context.Background(), sql).Scan(&text); err != nil {
		p.t.Fatalf("%s: %v", sql, err)
	}
	return text
}

// configure replaces pg_hba.conf, makes settings, and waits until new connections have both.
func (p *postgres) configure(rules []string, settings ...string) {
	p.t.Helper()
	writeAs(p.t, p.value("show data_directory"), "pg_hba.conf", strings.Join(rules, "\n")+"\n")
	writeAs(p.t, p.value("show data_directory"), "pg_ident.conf", "any /^.*$ postgres\n")
	for _, setting := range append(settings, "search_path = public, reloaded") {
		p.exec("alter system set " + setting)
	}
	p.exec("select pg_reload_conf()")
	eventually(p.t, func() bool {
		conn, err := pgx.Connect(context.Background(), p.server.URL("postgres", p.name))
		if err != nil {
			return false
		}
		defer conn.Close(context.Background())
		path := ""
		return conn.QueryRow(context.Background(), "show search_path").Scan(&path) == nil && strings.Contains(path, "reloaded")
	})
	p.exec("alter system reset search_path; ")
	p.exec("select pg_reload_conf()")
}

// eventually asks until the answer is yes.
func eventually(t *testing.T, yes func() bool) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(3 * time.Minute); !yes(); <-again.C {
		if time.Now().After(deadline) {
			t.Fatal("the server did not follow in 3 minutes")
		}
	}
}

// secure gives the server a certificate.
func (p *postgres) secure(of authority) {
	p.t.Helper()
	folder := p.value("show data_directory")
	writeAs(p.t, folder, "server.crt", string(of.certificate))
	writeAs(p.t, folder, "server.key", string(of.key))
	p.exec("alter system set ssl = on")
}

// url returns the address for an account over the network.
func (p *postgres) url(account, password, query string) string {
	return fmt.Sprintf("postgresql://%s:%s@%s/%s?%s", account, password, net.JoinHostPort(p.host, fmt.Sprint(p.server.Port())), p.name, query)
}

// redis is a Redis of its own.
type redis struct {
	t       *testing.T
	admin   *driver.Client
	address string // host and port
	folder  string
}

// startRedis starts a server.
func startRedis(t *testing.T, settings ...string) *redis {
	t.Helper()
	server, err := testenv.StartRedis(context.Background(), settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	options, err := driver.ParseURL(server.SocketURL())
	if err != nil {
		t.Fatal(err)
	}
	overTCP, err := driver.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	options.PoolSize = 1 // one connection stays logged in when its user is switched off
	r := &redis{t: t, admin: driver.NewClient(options), address: overTCP.Addr}
	t.Cleanup(func() { _ = r.admin.Close() })
	r.folder = filepath.Dir(options.Addr)
	return r
}

func (r *redis) do(args ...string) {
	r.t.Helper()
	list := make([]any, len(args))
	for i, arg := range args {
		list[i] = arg
	}
	if err := r.admin.Do(context.Background(), list...).Err(); err != nil {
		r.t.Fatalf("%s: %v", args[0], err)
	}
}

// secure has the server speak TLS alone, on its port, at an address beside loopback.
func (r *redis) secure(of authority, host string) {
	r.t.Helper()
	certificate, key := writeAs(r.t, r.folder, "redis.crt", string(of.certificate)), writeAs(r.t, r.folder, "redis.key", string(of.key))
	_, port, _ := net.SplitHostPort(r.address)
	r.do("config", "set", "port", "0")
	r.do("config", "set", "tls-cert-file", certificate, "tls-key-file", key, "tls-ca-cert-file", certificate, "tls-auth-clients", "no", "bind", "127.0.0.1 "+host)
	r.do("config", "set", "tls-port", port)
	r.address = net.JoinHostPort(host, port)
}

// startServer starts a process that looks like a server of OCMT, in a folder, until the test ends.
func startServer(t *testing.T, dir string, environment []string, arguments ...string) {
	t.Helper()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "node")
	if err := os.Link(own, path); err != nil { // it is on another file system
		text, err := os.ReadFile(own)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.CommandContext(t.Context(), path, arguments...)
	command.Dir, command.Env = dir, append([]string{"OCMT_TEST_WAITS=1"}, environment...)
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = input.Close()
		_ = command.Wait()
	})
}
