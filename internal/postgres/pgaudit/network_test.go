package pgaudit_test

import (
	"bytes"
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
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/testenv"
)

// network is a server of its own that listens on TCP, and archives its log.
type network struct {
	*deployment
	server *testenv.Postgres
}

func startNetwork(t *testing.T) *network {
	t.Helper()
	server, err := testenv.StartPostgres(context.Background(), false, testenv.ListenTCP, "listen_addresses = '*'", "archive_mode = on", "archive_command = '/bin/true'")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return &network{deployment: newDeployment(t, server), server: server}
}

// write writes a file as the server, of mode 0600.
func (n *network) write(path, content string) {
	n.t.Helper()
	n.exec("create table if not exists pg_temp.lines (n serial, line text); truncate pg_temp.lines")
	for _, line := range strings.Split(strings.TrimSpace(content), "\n") {
		n.exec("insert into pg_temp.lines (line) values ($1)", line)
	}
	n.exec(fmt.Sprintf("copy (select line from pg_temp.lines order by n) to program 'umask 077; cat > %s'", path))
}

// reload makes the server read its files again, and waits until a new connection sees it.
func (n *network) reload(seen string) {
	n.t.Helper()
	n.exec("select pg_reload_conf()")
	eventually(n.t, func() bool {
		conn, err := pgconn.Connect(context.Background(), n.server.URL("postgres", n.name))
		if err != nil {
			return false
		}
		defer func() { _ = conn.Close(context.Background()) }()
		result := conn.ExecParams(context.Background(), seen, nil, nil, nil, nil).Read()
		return result.Err == nil && string(result.Rows[0][0]) == "t"
	})
}

// eventually asks until the answer is yes.
func eventually(t *testing.T, yes func() bool) {
	t.Helper()
	limit := time.NewTimer(3 * time.Minute)
	defer limit.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !yes() {
		select {
		case <-limit.C:
			t.Fatal("the server did not follow in 3 minutes")
		case <-again.C:
		}
	}
}

// rules replaces pg_hba.conf. The superuser keeps its way in. The marker makes the change visible.
func (n *network) rules(lines ...string) {
	n.t.Helper()
	n.write(n.value("show hba_file"), "local all postgres peer map=any\n"+strings.Join(lines, "\n"))
	n.write(n.value("show ident_file"), "any /^.*$ postgres")
	marker := "m" + strings.ToLower(rand.Text())
	n.exec("alter system set search_path = public, " + marker)
	n.reload("select current_setting('search_path') ~ '" + marker + "'")
}

// secure gives the server a certificate for an address, and returns the file of it.
func (n *network) secure(address string) string {
	n.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		n.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
		IPAddresses: []net.IP{net.ParseIP(address)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		n.t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		n.t.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	folder := filepath.Dir(n.value("show hba_file"))
	n.write(folder+"/server.crt", string(certificate))
	n.write(folder+"/server.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
	n.exec("alter system set ssl = on")
	n.reload("select current_setting('ssl') = 'on'")
	path := filepath.Join(n.t.TempDir(), "ca.crt")
	if err := os.WriteFile(path, bytes.Clone(certificate), 0o600); err != nil {
		n.t.Fatal(err)
	}
	return path
}

// at returns the address of the auditor at a host.
func (n *network) at(host, parameters string) string {
	return fmt.Sprintf("postgresql://%s:test-password@%s/%s?%s", n.auditor, net.JoinHostPort(host, fmt.Sprint(n.server.Port())), n.name, parameters)
}

// outside returns an address of this machine that is no loopback; "" where it has none.
func outside(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok && network.IP.To4() != nil && !network.IP.IsLoopback() {
			return network.IP.String()
		}
	}
	return ""
}

// What a server asks before anybody logs in is all that a stranger needs. An operator who is told that it
// asks for SCRAM within TLS, while it does not, gives every password away.
func TestNetwork(t *testing.T) {
	t.Parallel()
	n := startNetwork(t)
	one := func(url, id string) audit.Result { return n.audit(url, settings{}, id)[id] }
	loopback := n.at("127.0.0.1", "sslmode=disable")
	n.exec("alter role " + n.auditor + " password 'test-password'")
	n.passes("OCMT-PG-001")
	n.passes("OCMT-PG-003")
	wantFinding(t, one(loopback, "OCMT-PG-002"), audit.High, "logs in without a password")
	n.finds("OCMT-PG-002", audit.High, "logs in without a password")
	if r := n.one("OCMT-PG-008"); len(r.Findings) != 1 || r.Findings[0].Count != 6 {
		t.Errorf("trust everywhere: %+v", r)
	}
	wantGap(t, one(n.plain(n.server), "OCMT-PG-008"), "pg_hba_file_rules")
	wantGap(t, one(n.plain(n.server), "OCMT-PG-002"), "pg_hba_file_rules")
	wantGap(t, one(n.plain(n.server), "OCMT-PG-003"), "ocmt_audit.password_forms")

	n.rules("local all all scram-sha-256", "host all all 127.0.0.1/32 scram-sha-256", "host all all 172.17.0.0/16 scram-sha-256", "hostssl all all 192.0.2.0/24 scram-sha-256")
	wantOutcome(t, one(loopback, "OCMT-PG-002"), audit.Pass)
	wantOutcome(t, one(loopback, "OCMT-PG-008"), audit.Pass)
	n.rules("host all all 127.0.0.1/32 password", "host all all 192.0.2.0/24 scram-sha-256", "host all all 0.0.0.0/0 reject")
	wantFinding(t, one(loopback, "OCMT-PG-002"), audit.Medium, "clear text")
	wantFinding(t, one(loopback, "OCMT-PG-008"), audit.Medium, "host all all 192.0.2.0 255.255.255.0 scram-sha-256", "without TLS")
	n.rules("host all all 127.0.0.1/32 md5", "hostssl all all 0.0.0.0/0 scram-sha-256")
	wantFinding(t, one(loopback, "OCMT-PG-008"), audit.Medium, "lets every address in")
	n.exec("set password_encryption = 'md5'; alter role " + n.auditor + " password 'test-password'")
	wantFinding(t, one(loopback, "OCMT-PG-002"), audit.High, "proves its password with MD5")
	wantFinding(t, one(loopback, "OCMT-PG-003"), audit.Medium, "role "+n.auditor)
	// Without the right, the server's answer shows the verifier of the account itself.
	n.exec("drop view ocmt_audit.password_forms")
	if r := one(loopback, "OCMT-PG-003"); len(r.Gaps) != 1 || len(r.Findings) != 1 {
		t.Errorf("MD5 without a right: %+v", r)
	}
}

// A connection that anybody on the way can read is not noticed otherwise: it works.
func TestTransport(t *testing.T) {
	t.Parallel()
	n := startNetwork(t)
	one := func(url, id string) audit.Result { return n.audit(url, settings{}, id)[id] }
	n.exec("alter role " + n.auditor + " password 'test-password'")
	host := outside(t)
	n.rules("local all all scram-sha-256", "host all all 0.0.0.0/0 scram-sha-256")
	wantOutcome(t, one(n.at("127.0.0.1", "sslmode=disable"), "OCMT-PG-001"), audit.Pass)
	if host != "" {
		wantFinding(t, one(n.at(host, "sslmode=prefer"), "OCMT-PG-001"), audit.High, "the server offers none")
	}
	ca := "sslrootcert=" + url.QueryEscape(n.secure(orLoopback(host)))
	n.rules("local all all scram-sha-256", "hostssl all all 0.0.0.0/0 scram-sha-256")
	verified := n.at(orLoopback(host), "sslmode=verify-full&"+ca)
	wantOutcome(t, one(verified, "OCMT-PG-001"), audit.Pass)
	wantOutcome(t, one(verified, "OCMT-PG-002"), audit.Pass)
	if host != "" {
		wantFinding(t, one(n.at(host, "sslmode=no-verify"), "OCMT-PG-001"), audit.High, "takes any certificate")
		n.rules("host all all 0.0.0.0/0 trust")
		wantFinding(t, one(n.at(host, "sslmode=disable"), "OCMT-PG-001"), audit.High, "though the server offers it")
		wantFinding(t, one(verified, "OCMT-PG-002"), audit.Critical, "logs in without a password")
	}
}

// orLoopback returns an address, or that of the loopback where there is none.
func orLoopback(address string) string {
	if address == "" {
		return "127.0.0.1"
	}
	return address
}

func wantOutcome(t *testing.T, r audit.Result, want audit.Outcome) {
	t.Helper()
	if r.Outcome != want {
		t.Errorf("%s: %s, findings %+v, gaps %+v, absent %q; want %s", r.Check.ID, r.Outcome, r.Findings, r.Gaps, r.Absent, want)
	}
}

// A backup that has stopped being made is missed when it is needed.
func TestArchiving(t *testing.T) {
	t.Parallel()
	n := startNetwork(t)
	archived := func(column string) func() bool {
		return func() bool {
			n.exec("select pg_switch_wal()")
			n.exec("create table if not exists written (n int); insert into written values (1)")
			return n.value("select ("+column+" > 0)::text from pg_stat_archiver") == "true"
		}
	}
	eventually(t, archived("archived_count"))
	n.passes("OCMT-PG-011")
	n.exec("alter system set archive_command = '/bin/false'")
	n.reload("select current_setting('archive_command') = '/bin/false'")
	eventually(t, archived("failed_count"))
	n.finds("OCMT-PG-011", audit.Medium, "the last attempt failed")
	n.exec("alter system set archive_command = ''")
	n.reload("select current_setting('archive_command') in ('', '(disabled)')")
	n.finds("OCMT-PG-011", audit.Medium, "archive_command is empty")
	shared := newDeployment(t, testenv.Shared(t))
	shared.finds("OCMT-PG-011", audit.Low, "archive_mode = off")
}

// Behind a connection pool the audit sees the pool. If it said that all is well, nobody would look further.
func TestPool(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	shared := testenv.Shared(t)
	d := newDeployment(t, shared)
	bouncer, err := testenv.StartPgBouncer(ctx, shared, "transaction")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bouncer.Stop)
	results := d.audit(bouncer.URL(d.auditor, d.name), settings{}, "PG-001", "PG-002", "TOK")
	for _, id := range []string{"OCMT-PG-001", "OCMT-PG-002"} {
		if r := results[id]; len(r.Gaps) != 1 || !strings.Contains(r.Gaps[0].Reason, "pool") {
			t.Errorf("%s behind a pool: %+v", id, r)
		}
	}
	wantOutcome(t, results["OCMT-TOK-001"], audit.Pass)
}
