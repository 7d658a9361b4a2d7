package redispassword_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/redis"
)

// patience bounds what a test waits for. None waits for it.
const patience = 3 * time.Minute

// await polls until something is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(); {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain: " + what)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// server is a Redis with files of its own, so that it can restart from what it saved.
type server struct {
	t       *testing.T
	folder  string
	port    int
	ca      []byte // nil without TLS
	args    []string
	process *exec.Cmd
}

// freePort returns a port of 127.0.0.1 below those of outgoing connections.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		n, err := rand.Int(rand.Reader, big.NewInt(9000))
		if err != nil {
			t.Fatal(err)
		}
		port := 12000 + int(n.Int64())
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = listener.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

// start starts a Redis whose configuration has these lines.
func start(t *testing.T, lines ...string) *server {
	t.Helper()
	s := &server{t: t, folder: t.TempDir(), port: freePort(t)}
	text := fmt.Sprintf("bind 127.0.0.1\nport %d\ndir %s\nsave \"\"\nloglevel debug\nlogfile %s\nslowlog-log-slower-than 0\nslowlog-max-len 100000\n", s.port, s.folder, s.log())
	s.begin(text, lines...)
	return s
}

// startTLS starts a Redis that speaks TLS alone.
func startTLS(t *testing.T, lines ...string) *server {
	t.Helper()
	s := &server{t: t, folder: t.TempDir(), port: freePort(t)}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "redis"}, NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	raw, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	rawKey, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s.ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
	for name, content := range map[string][]byte{"cert": s.ca, "key": pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: rawKey})} {
		if err := os.WriteFile(filepath.Join(s.folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := fmt.Sprintf("bind 127.0.0.1\nport 0\ntls-port %d\ntls-cert-file %s/cert\ntls-key-file %s/key\ntls-auth-clients no\ndir %s\nsave \"\"\nlogfile %s\n",
		s.port, s.folder, s.folder, s.folder, s.log())
	s.begin(text, lines...)
	return s
}

// begin writes the configuration, and starts the server.
func (s *server) begin(text string, lines ...string) {
	s.t.Helper()
	if err := os.WriteFile(s.config(), []byte(text+strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(s.stop)
	s.run()
}

func (s *server) config() string  { return filepath.Join(s.folder, "redis.conf") }
func (s *server) log() string     { return filepath.Join(s.folder, "redis.log") }
func (s *server) address() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// run runs the server until it takes connections.
func (s *server) run() {
	s.t.Helper()
	s.process = exec.Command("redis-server", append([]string{s.config()}, s.args...)...)
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	await(s.t, "the start of Redis", func() bool {
		conn, err := net.Dial("tcp", s.address())
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// stop kills the server.
func (s *server) stop() {
	if s.process != nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait()
		s.process = nil
	}
}

// restart starts the server anew, from what it saved.
func (s *server) restart() {
	s.t.Helper()
	s.stop()
	s.run()
}

// url returns an address of the server.
func (s *server) url(user, written string) string {
	scheme := "redis"
	if s.ca != nil {
		scheme = "rediss"
	}
	return fmt.Sprintf("%s://%s:%s@%s/0", scheme, user, written, s.address())
}

// open returns a client of the server at an address.
func (s *server) open(address string) *redis.Client {
	s.t.Helper()
	client, err := redis.New(address, redis.Options{CA: s.ca})
	if err != nil {
		s.t.Fatal(err)
	}
	return client
}

// accepts tries a log-in as a program does.
func (s *server) accepts(user, password string) bool {
	s.t.Helper()
	of := s.open(s.url("", "x")).DialOptions()
	client := driver.NewClient(&driver.Options{Addr: s.address(), Dialer: of.Dialer, Username: user, Password: password, MaxRetries: -1})
	defer func() { _ = client.Close() }()
	return client.Ping(context.Background()).Err() == nil
}

// read returns a file of the server.
func (s *server) read(path string) string {
	s.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// monitor collects what MONITOR shows, until the test ends.
func (s *server) monitor(password string) func() string {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.address())
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "AUTH %s\r\nMONITOR\r\n", password); err != nil {
		s.t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	for range 2 {
		if answer, err := reader.ReadString('\n'); err != nil || !strings.HasPrefix(answer, "+OK") {
			s.t.Fatal("MONITOR does not begin: " + answer)
		}
	}
	lines := make(chan string)
	go func() {
		var all strings.Builder
		for {
			line, err := reader.ReadString('\n')
			all.WriteString(line)
			if err != nil {
				lines <- all.String()
				return
			}
		}
	}()
	return func() string {
		_ = conn.Close()
		return <-lines
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func portText(s *server) string { return fmt.Sprint(s.port) }

func contains(text, part string) bool { return strings.Contains(text, part) }
