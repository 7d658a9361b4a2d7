package cli

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/redis"
	"github.com/ocmt/ocmt/internal/sampledata"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/pkg/crypto"
	"github.com/ocmt/ocmt/testdata"
)

// randomHex returns a secret of 64 hexadecimal characters.
func randomHex() string {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // it never fails
	return hex.EncodeToString(secret[:])
}

// liveServer is a PostgreSQL with an account for each way to log in, and sealed values.
type liveServer struct {
	*testenv.Postgres
	name, password string
	ca             string // file of the authority of its certificate
	keys           []string
}

// startLiveServer starts it. Its log has every statement and every log-in.
func startLiveServer(t *testing.T) *liveServer {
	t.Helper()
	ctx := context.Background()
	server, err := testenv.StartPostgres(ctx, false, testenv.ListenTCP, "log_statement = all", "log_connections = on", "log_error_verbosity = verbose")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	s := &liveServer{Postgres: server, password: randomHex(), keys: []string{randomHex(), randomHex()}}
	if s.name, err = server.CreateDatabase(ctx, testdata.Schema, testdata.AccessSchema); err != nil {
		t.Fatal(err)
	}
	s.seal(t)
	certificate, key := newCertificate(t)
	s.ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(s.ca, []byte(certificate), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := testenv.Exec(ctx, server.URL("postgres", s.name), "set log_statement = none; set log_min_error_statement = panic",
		"create role ocmt login superuser password '"+s.password+"'", "create role trusting login superuser", "create role secure login superuser password '"+s.password+"'",
		copyTo("server.crt", certificate), copyTo("server.key", key), "alter system set ssl = on",
		copyTo("pg_hba.conf", "local all all trust\nhost all trusting 127.0.0.1/32 trust\nhostssl all secure 127.0.0.1/32 scram-sha-256\nhost all ocmt 127.0.0.1/32 scram-sha-256\n"),
		"select pg_reload_conf()"); err != nil {
		t.Fatal(err)
	}
	limit := time.Now().Add(3 * time.Minute)
	for {
		conn, err := pgx.Connect(ctx, s.at("secure", s.password, "sslmode=verify-full&sslrootcert="+url.QueryEscape(s.ca)))
		if err == nil {
			_ = conn.Close(ctx)
			return s
		}
		if time.Now().After(limit) {
			t.Fatalf("the server did not take its new settings: %v", err)
		}
	}
}

// seal fills the database under version 0, and then with one value under version 1.
func (s *liveServer) seal(t *testing.T) {
	t.Helper()
	keys := map[int]crypto.Key{}
	for version, text := range s.keys {
		key, err := crypto.ParseKey(text)
		if err != nil {
			t.Fatal(err)
		}
		keys[version] = key
	}
	old, err := crypto.NewKeyring(0, keys)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sampledata.Fill(context.Background(), s.URL("postgres", s.name), old, 100); err != nil {
		t.Fatal(err)
	}
	current, err := old.WithCurrent(1)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := current.Seal([]byte("a secret"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := testenv.Exec(context.Background(), s.URL("postgres", s.name), "insert into secrets (key, value_encrypted) values ('live', '"+sealed.String()+"')"); err != nil {
		t.Fatal(err)
	}
}

// copyTo returns a statement that writes a file in the folder of the server, of mode 0600.
func copyTo(file, text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return fmt.Sprintf("copy (select unnest(array['%s'])) to program 'umask 077; rm -f %[2]s; cat > %[2]s'", strings.Join(lines, "','"), file)
}

// newCertificate returns a certificate of its own issuer for 127.0.0.1, and its key.
func newCertificate(t *testing.T) (certificate, key string) {
	t.Helper()
	made, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
		IPAddresses: []net.IP{net.ParseIP("127.0.0.1")}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, made.Public(), made)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(made)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

// at returns the address of an account over TCP.
func (s *liveServer) at(account, password, parameters string) string {
	return fmt.Sprintf("postgresql://%s:%s@127.0.0.1:%d/%s?%s", account, password, s.Port(), s.name, parameters)
}

// log returns what the server has logged.
func (s *liveServer) log(t *testing.T) string {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), s.URL("postgres", s.name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var text string
	if err := conn.QueryRow(context.Background(), "select pg_read_file(current_setting('data_directory') || '/../log')").Scan(&text); err != nil {
		t.Fatal(err)
	}
	return text
}

// liveResult is what ocmt validate --live wrote.
type liveResult struct {
	code     int
	live     map[string]string // results by setting
	text     map[string]string
	problems []string // "code name"
	unasked  []string // of those that were asked for
}

// runLive runs the command with an environment, and looks for secrets in what it writes.
func runLive(t *testing.T, secrets []string, args []string, environ ...string) liveResult {
	t.Helper()
	ran := runMain(t, append([]string{"validate", "--live", "--output", "json"}, args...), environ...)
	for _, secret := range secrets {
		if strings.Contains(ran.out+ran.errors, secret) {
			t.Error("a secret is in what the command writes")
		}
	}
	var document struct {
		Settings []validateSetting
		Problems []struct{ Code, Name string }
		Unasked  []validateUnasked
	}
	if err := json.Unmarshal([]byte(ran.out), &document); err != nil {
		t.Fatalf("%v: %s%s", err, ran.out, ran.errors)
	}
	got := liveResult{code: ran.code, live: map[string]string{}, text: map[string]string{}}
	for _, setting := range document.Settings {
		for _, one := range setting.Live {
			got.live[setting.Name], got.text[setting.Name] = one.Result, one.Text
		}
	}
	for _, problem := range document.Problems {
		got.problems = append(got.problems, problem.Code+" "+problem.Name)
	}
	slices.Sort(got.problems)
	for _, one := range document.Unasked {
		if one.Asked {
			got.unasked = append(got.unasked, one.What+": "+one.Reason)
		}
	}
	return got
}

// If this fails, an operator believes that a password or a key is the right one while nothing has shown it, or that
// a connection is protected while anybody reads it.
func TestValidateLivePostgreSQL(t *testing.T) {
	t.Parallel()
	s := startLiveServer(t)
	ca := "sslrootcert=" + url.QueryEscape(s.ca)
	wrongPassword, wrongKey := randomHex(), randomHex()
	secrets := []string{s.password, wrongPassword, wrongKey, s.keys[0], s.keys[1]}
	good := map[string]string{"ENCRYPTION_KEY": s.keys[1], "ENCRYPTION_KEY_VERSION": "1", "ENCRYPTION_KEY_V0": s.keys[0]}
	for _, c := range []struct {
		name, address string
		keys          map[string]string
		code          int
		live          string // of DATABASE_URL
		text          []string
		problems      []string
		unasked       int
		key, old      string // the results of the keys; "" where they were not tried
	}{
		{name: "scram over loopback", address: s.at("ocmt", s.password, "sslmode=disable"), live: "proven", text: []string{"a loopback address", "scram-sha-256"}, key: "proven", old: "proven"},
		{name: "scram within verified TLS", address: s.at("secure", s.password, "sslmode=verify-full&"+ca), live: "proven", text: []string{"TLS 1.3, certificate verified,", "scram-sha-256"}, key: "proven", old: "proven"},
		{name: "scram within TLS", address: s.at("secure", s.password, "sslmode=no-verify"), live: "proven", text: []string{"TLS 1.3, certificate not verified"}, key: "proven", old: "proven"},
		{name: "a certificate that is not trusted", address: s.at("secure", s.password, "sslmode=verify-full"), code: 1, live: "unknown", unasked: 2},
		{name: "a wrong password", address: s.at("ocmt", wrongPassword, "sslmode=disable"), code: 3, live: "refused", problems: []string{"refused_by_server DATABASE_URL"}, unasked: 1},
		{name: "trust", address: s.at("trusting", wrongPassword, "sslmode=disable"), code: 1, live: "unproven", text: []string{"does not ask for the password (trust)"},
			problems: []string{"not_asked_for DATABASE_URL"}, unasked: 1, key: "proven", old: "proven"},
		{name: "no rule lets the account in", address: s.at("secure", s.password, "sslmode=disable"), code: 1, live: "unknown", unasked: 2},
		{name: "nobody answers", address: "postgresql://ocmt:" + s.password + "@127.0.0.1:1/ocmt", code: 1, live: "unknown", unasked: 2},
		{name: "no such database", address: strings.Replace(s.at("ocmt", s.password, "sslmode=disable"), s.name, "nothing", 1), code: 1, live: "unknown", unasked: 2},
		{name: "an address that is none", address: "mysql://ocmt:" + s.password + "@127.0.0.1/ocmt", code: 1, live: "unknown", unasked: 2},
		{name: "a wrong old key", address: s.at("ocmt", s.password, "sslmode=disable"), keys: map[string]string{"ENCRYPTION_KEY_V0": wrongKey}, code: 3, live: "proven", key: "proven", old: "refused",
			problems: []string{"wrong_key ENCRYPTION_KEY_V0"}},
		{name: "no old key", address: s.at("ocmt", s.password, "sslmode=disable"), keys: map[string]string{"ENCRYPTION_KEY_V0": ""}, code: 3, live: "proven", key: "proven",
			problems: []string{"missing_version ENCRYPTION_KEY_V0"}},
		{name: "a wrong key", address: s.at("ocmt", s.password, "sslmode=disable"), keys: map[string]string{"ENCRYPTION_KEY": wrongKey}, code: 3, live: "proven", key: "refused", old: "proven",
			problems: []string{"wrong_key ENCRYPTION_KEY"}},
		{name: "exchanged keys", address: s.at("ocmt", s.password, "sslmode=disable"), keys: map[string]string{"ENCRYPTION_KEY": s.keys[0], "ENCRYPTION_KEY_V0": s.keys[1]}, code: 3, live: "proven",
			key: "refused", old: "refused", problems: []string{"mislabelled ENCRYPTION_KEY", "mislabelled ENCRYPTION_KEY_V0"}},
	} {
		environ := []string{"DATABASE_URL=" + c.address}
		for name, text := range good {
			if other, changed := c.keys[name]; changed {
				text = other
			}
			environ = append(environ, name+"="+text)
		}
		got := runLive(t, secrets, nil, environ...)
		problems := slices.Compact(got.problems)
		if got.code != c.code || got.live["DATABASE_URL"] != c.live || !slices.Equal(problems, c.problems) || len(got.unasked) != c.unasked ||
			got.live["ENCRYPTION_KEY"] != c.key || got.live["ENCRYPTION_KEY_V0"] != c.old {
			t.Errorf("%s: %+v, want code %d, %s, keys %q and %q, %v and %d unasked", c.name, got, c.code, c.live, c.key, c.old, c.problems, c.unasked)
		}
		for _, text := range c.text {
			if !strings.Contains(got.text["DATABASE_URL"], text) {
				t.Errorf("%s: %q lacks %q", c.name, got.text["DATABASE_URL"], text)
			}
		}
		if c.key == "proven" && !strings.Contains(got.text["ENCRYPTION_KEY"], "opened 1 of the 1 values tried, a sample of the 1 under version 1 in 1 column") {
			t.Errorf("%s: the key is said to have %q", c.name, got.text["ENCRYPTION_KEY"])
		}
	}
	log := s.log(t)
	for _, secret := range secrets {
		if strings.Contains(log, secret) {
			t.Error("a secret is in the log of the server")
		}
	}
	if !strings.Contains(log, "password authentication failed") {
		t.Error("the log of the server that was read is another one")
	}
}

// If this fails, a Redis that takes any password passes for one that knows it, or a wrong password is sent more than
// once, which fills the log of the server and locks accounts.
func TestValidateLiveRedis(t *testing.T) {
	t.Parallel()
	password, userPassword, wrong := randomHex(), randomHex(), randomHex()
	start := func(settings ...string) *testenv.Redis {
		server, err := testenv.StartRedis(context.Background(), settings...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Stop)
		return server
	}
	host := func(server *testenv.Redis) string {
		parsed, err := url.Parse(server.URL())
		if err != nil {
			t.Fatal(err)
		}
		return parsed.Host
	}
	server := start("requirepass "+password, "user app on >"+userPassword+" ~* +@all", "user any on nopass ~* +@all")
	guarded := host(server)
	open := host(start("user default on nopass ~* &* +@all"))
	for _, c := range []struct {
		name, address string
		code          int
		live          string
		problems      []string
		unasked       int
	}{
		{name: "requirepass", address: "redis://:" + password + "@" + guarded, live: "proven"},
		{name: "an ACL user", address: "redis://app:" + userPassword + "@" + guarded, live: "proven"},
		{name: "a wrong password", address: "redis://:" + wrong + "@" + guarded, code: 3, live: "refused", problems: []string{"refused_by_server REDIS_URL"}},
		{name: "the password of another user", address: "redis://app:" + password + "@" + guarded, code: 3, live: "refused", problems: []string{"refused_by_server REDIS_URL"}},
		{name: "a user who takes any password", address: "redis://any:" + wrong + "@" + guarded, code: 3, live: "unproven", problems: []string{"accepts_any REDIS_URL"}},
		{name: "a password that is missing", address: "redis://" + guarded, code: 3, live: "refused", problems: []string{"refused_by_server REDIS_URL"}},
		{name: "a password that nobody asks for", address: "redis://:" + password + "@" + open, code: 3, live: "unproven", problems: []string{"accepts_any REDIS_URL"}},
		{name: "no password at all", address: "redis://" + open, code: 3, live: "unproven", problems: []string{"accepts_any REDIS_URL"}},
		{name: "nobody answers", address: "redis://:" + password + "@127.0.0.1:1", code: 1, live: "unknown", unasked: 1},
		{name: "TLS that the server does not speak", address: "rediss://:" + password + "@" + guarded, code: 1, live: "unknown", unasked: 1},
		{name: "an address that is none", address: "http://:" + password + "@" + guarded, code: 1, live: "unknown", unasked: 1},
	} {
		got := runLive(t, []string{password, userPassword, wrong}, []string{"--component", "agent"}, "REDIS_URL="+c.address, "AUTH_TOKEN="+randomHex())
		if got.code != c.code || got.live["REDIS_URL"] != c.live || !slices.Equal(got.problems, c.problems) || len(got.unasked) != c.unasked {
			t.Errorf("%s: %+v, want code %d, %s, %v and %d unasked", c.name, got, c.code, c.live, c.problems, c.unasked)
		}
	}
	client, err := redis.New(server.URL(), redis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if err := client.ACLLogReset(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
	ran := runMain(t, []string{"validate", "--live", "--component", "agent"}, "REDIS_URL="+server.URL(), "AUTH_TOKEN="+randomHex())
	if !strings.Contains(ran.out, "live: proven at Redis at "+guarded+": logs in as default over a loopback address; a wrong password is refused") {
		t.Errorf("the table: %s", ran.out)
	}
	attempts := int64(0)
	entries, err := client.ACLLog(context.Background(), 100).Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		attempts += entry.Count
	}
	if attempts != 1 {
		t.Errorf("the server has logged %d wrong log-ins, want 1", attempts)
	}
}
