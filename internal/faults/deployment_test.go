package faults_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/pkg/crypto"
	"github.com/ocmt/ocmt/testdata"
)

// password stands in every address that ocmt is given. The servers ask for none.
const password = "MARKED-PASSWORD"

// account is who ocmt is for the server, unless a test says otherwise.
const account = "postgres:" + password

// deployment is an OCMT database, the keys of versions 0 and 1, the record of
// what it must hold, and a folder that ocmt runs in.
type deployment struct {
	t      *testing.T
	server *testenv.Postgres
	name   string // of the database
	url    string // what ocmt is given
	keys   [2]crypto.Key
	dir    string
	stored bool // the settings stand in the file .env of the folder alone, and not in the environment
	record *record
	more   []string // settings of ocmt beside those of environ
}

// newDeployment makes a database on a server; nil is the shared one.
func newDeployment(t *testing.T, server *testenv.Postgres, statements ...string) *deployment {
	t.Helper()
	if server == nil {
		server = testenv.Shared(t)
	}
	name, err := server.CreateDatabase(t.Context(), append([]string{testdata.Schema}, statements...)...)
	if err != nil {
		t.Fatal(err)
	}
	d := &deployment{t: t, server: server, name: name, url: server.URL(account, name), dir: t.TempDir(), record: newRecord()}
	for version := range d.keys {
		if d.keys[version], err = crypto.GenerateKey(rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// startServer starts a server of this test's own. It ends with the test.
func startServer(t *testing.T, durable bool, settings ...string) *testenv.Postgres {
	t.Helper()
	server, err := testenv.StartPostgres(t.Context(), durable, settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

// connect makes a connection that does not go through what the test breaks.
func (d *deployment) connect() *pgx.Conn {
	d.t.Helper()
	conn, err := pgx.Connect(context.Background(), d.server.URL("postgres", d.name))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func (d *deployment) exec(statements ...string) {
	d.t.Helper()
	if err := testenv.Exec(context.Background(), d.server.URL("postgres", d.name), statements...); err != nil {
		d.t.Fatal(err)
	}
}

// ask returns what a query gives, on a connection of its own: an older one may be
// dead by now.
func (d *deployment) ask(sql string, args ...any) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	config, err := pgx.ParseConfig(d.server.URL("postgres", d.name))
	if err != nil {
		return 0, err
	}
	config.RuntimeParams["default_transaction_isolation"] = "read committed" // whatever the deployment's is
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(ctx) }()
	var n int
	err = conn.QueryRow(ctx, sql, args...).Scan(&n)
	return n, err
}

func (d *deployment) number(sql string, args ...any) int {
	d.t.Helper()
	n, err := d.ask(sql, args...)
	if err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// moved counts the rows of the table secrets that are under version 1.
func (d *deployment) moved() int {
	d.t.Helper()
	return d.number("select count(*) from secrets where starts_with(value_encrypted, 'v1:')")
}

// seal returns a value as a server on that version would write it.
func (d *deployment) seal(version int, plaintext string) string {
	d.t.Helper()
	ring, err := crypto.NewKeyring(version, map[int]crypto.Key{version: d.keys[version]})
	if err != nil {
		d.t.Fatal(err)
	}
	c, err := ring.Seal([]byte(plaintext), rand.Reader)
	if err != nil {
		d.t.Fatal(err)
	}
	return c.String()
}

// plaintextOf is what a value is sealed from: so many bytes at least. Whatever
// shows it is caught by its first word.
func plaintextOf(name string, size int) string {
	text := "MARKED-PLAINTEXT of " + name
	return text + strings.Repeat(".", max(0, size-len(text)))
}

func secretName(n int) string { return fmt.Sprintf("secret %d", n) }

// fill puts so many values under version 0 into the table secrets.
func (d *deployment) fill(count, size int) {
	d.t.Helper()
	_, err := d.connect().CopyFrom(context.Background(), pgx.Identifier{"secrets"}, []string{"key", "value_encrypted"},
		pgx.CopyFromSlice(count, func(n int) ([]any, error) {
			plain := plaintextOf(secretName(n), size)
			d.record.set(place{"secrets", "value_encrypted", secretName(n)}, plain)
			return []any{secretName(n), d.seal(0, plain)}, nil
		}))
	if err != nil {
		d.t.Fatal(err)
	}
}

// through makes ocmt reach the server through a proxy.
func (d *deployment) through(p *proxy) {
	d.url = fmt.Sprintf("postgresql://%s@%s/%s?sslmode=disable", account, p.address(), d.name)
}

// socket returns the path of a server's socket.
func socket(t *testing.T, server *testenv.Postgres) string {
	t.Helper()
	parsed, err := url.Parse(server.URL("postgres", "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(parsed.Query().Get("host"), ".s.PGSQL."+parsed.Query().Get("port"))
}

func (d *deployment) write(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// eventually asks again and again until it is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(testTimeout); !so(); <-ticker.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain for %s", testTimeout, what)
		}
	}
}
