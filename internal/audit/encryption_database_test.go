package audit_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/discover"
	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/postgres/pgaudit"
	"github.com/ocmt/ocmt/internal/postgres/pgdiscover"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/pkg/crypto"
	"github.com/ocmt/ocmt/testdata"
)

// encSettings are the settings of a server, by name.
type encSettings map[string]string

func (s encSettings) Text(name string) string { return s[name] }
func (s encSettings) Place(string) string     { return ".env" }
func (s encSettings) File(string) string      { return ".env" }
func (s encSettings) Names(prefix string) (names []string) {
	for name := range s {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// encDatabase is a fresh OCMT database, and the keys of its values: versions 0 and 1, of which 1 is the
// current one.
type encDatabase struct {
	t        *testing.T
	conn     *pgx.Conn
	url      string
	name     string
	keys     map[int]crypto.Key
	settings encSettings
	options  audit.EncryptionOptions
	reader   func(audit.ValueReader) audit.ValueReader // what the checks read through; nil for the database itself
}

func newEncDatabase(t *testing.T) *encDatabase {
	t.Helper()
	ctx := context.Background()
	name, err := testenv.Shared(t).CreateDatabase(ctx, testdata.Schema)
	if err != nil {
		t.Fatal(err)
	}
	d := &encDatabase{t: t, name: name, url: testenv.Shared(t).URL("postgres", name), keys: map[int]crypto.Key{0: newEncKey(t), 1: newEncKey(t)},
		options: audit.EncryptionOptions{Catalogue: ocmt.Catalogue(), Known: ocmt.KnownColumns(), Workers: 2, Folder: t.TempDir()}}
	d.settings = encSettings{"ENCRYPTION_KEY": d.keys[1].Reveal(), "ENCRYPTION_KEY_VERSION": "1", "ENCRYPTION_KEY_V0": d.keys[0].Reveal()}
	if d.conn, err = pgx.Connect(ctx, d.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.conn.Close(ctx) })
	return d
}

func newEncKey(t *testing.T) crypto.Key {
	t.Helper()
	key, err := crypto.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (d *encDatabase) exec(sql string, args ...any) {
	d.t.Helper()
	if _, err := d.conn.Exec(context.Background(), sql, args...); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
}

// seal seals a plaintext under a version, as OCMT does.
func (d *encDatabase) seal(version int, plaintext string) crypto.Ciphertext {
	d.t.Helper()
	ring, err := crypto.NewKeyring(version, map[int]crypto.Key{version: d.keys[version]})
	if err != nil {
		d.t.Fatal(err)
	}
	c, err := ring.Seal([]byte(plaintext), rand.Reader)
	if err != nil {
		d.t.Fatal(err)
	}
	return c
}

// sealWith seals under the current version with an IV.
func (d *encDatabase) sealWith(iv []byte, plaintext string) string {
	d.t.Helper()
	ring, err := crypto.NewKeyring(1, map[int]crypto.Key{1: d.keys[1]})
	if err != nil {
		d.t.Fatal(err)
	}
	c, err := ring.Seal([]byte(plaintext), strings.NewReader(string(iv)))
	if err != nil {
		d.t.Fatal(err)
	}
	return c.String()
}

// secret adds a row to the table secrets.
func (d *encDatabase) secret(key, text string) {
	d.t.Helper()
	d.exec("insert into secrets (key, value_encrypted) values ($1, $2)", key, text)
}

// user adds a user with a gateway token, and returns the id.
func (d *encDatabase) user(token string) (id string) {
	d.t.Helper()
	if err := d.conn.QueryRow(context.Background(), "insert into users (email, gateway_token) values ($1, $2) returning id::text", rand.Text()+"@example.org", token).Scan(&id); err != nil {
		d.t.Fatal(err)
	}
	return id
}

// sound adds a value of every form that is no fault.
func (d *encDatabase) sound() {
	d.t.Helper()
	d.secret("SOUND", d.seal(1, "sk-sound").String())
	d.user(d.seal(1, "a token of a user").String())
	d.exec("insert into alert_channels (name, channel_type, config_encrypted) values ('a', 'webhook', $1)", d.seal(1, `{"url":"https://hooks.example.org/a:b:c"}`).String())
}

// role makes an account with grants, and returns its name and the address to connect with.
func (d *encDatabase) role(grants ...string) (role, address string) {
	d.t.Helper()
	role = "auditor_" + hex.EncodeToString([]byte(d.name))
	d.exec("create role " + role + " login")
	d.t.Cleanup(func() {
		ctx := context.Background()
		_, _ = d.conn.Exec(ctx, "drop owned by "+role)
		_, _ = d.conn.Exec(ctx, "drop role "+role)
	})
	for _, grant := range grants {
		d.exec(grant + " to " + role)
	}
	return role, testenv.Shared(d.t).URL(role, d.name)
}

// quietRun is told how a run goes on.
type quietRun struct{}

func (quietRun) Checking(string, int, int) {}

// run asks checks as an account, and returns the results by the number of the check: "001".
func (d *encDatabase) run(address string, only ...string) map[string]audit.Result {
	d.t.Helper()
	ctx := d.t.Context()
	db, err := postgres.New(address, postgres.Options{ApplicationName: "ocmt-test", LockTimeout: time.Second, StatementTimeout: time.Minute})
	if err != nil {
		d.t.Fatal(err)
	}
	defer db.Close()
	snapshot, err := pgaudit.Open(ctx, db, time.Minute)
	if err != nil {
		d.t.Fatal(err)
	}
	defer snapshot.Close(context.Background())
	options := d.options
	options.Search = onlySnapshots{pgdiscover.New(db), d.t}
	var reader audit.ValueReader = snapshot.Values()
	if d.reader != nil {
		reader = d.reader(reader)
	}
	sources := &audit.Sources{Settings: audit.Available[audit.Settings](d.settings), Encryption: audit.Available(audit.NewEncryptionSource(reader, options))}
	if d.settings == nil {
		sources.Settings = audit.Absent[audit.Settings]("no settings")
	}
	if len(only) == 0 {
		only = []string{"ENC"}
	}
	report, err := audit.Run(ctx, sources, audit.Request{Only: only, Now: time.Unix(1_800_000_000, 0)}, quietRun{})
	if err != nil {
		d.t.Fatal(err)
	}
	results := map[string]audit.Result{}
	for _, result := range report.Results {
		results[strings.TrimPrefix(result.Check.ID, "OCMT-ENC-")] = result
		for _, found := range result.Findings {
			d.hidesSecrets(fmt.Sprintf("%+v", found))
		}
	}
	return results
}

// onlySnapshots fails where a search could write.
type onlySnapshots struct {
	*pgdiscover.Opener
	t *testing.T
}

func (o onlySnapshots) OpenSearcher(ctx context.Context) (discover.Searcher, error) {
	o.t.Error("the search does not only read")
	return o.Opener.OpenSearcher(ctx)
}

// hidesSecrets fails where a report has a key or a planted secret.
func (d *encDatabase) hidesSecrets(text string) {
	d.t.Helper()
	for _, key := range d.keys {
		if strings.Contains(text, key.Reveal()) {
			d.t.Errorf("a report has a key in it")
		}
	}
	if strings.Contains(text, "sk-") {
		d.t.Errorf("a report has a secret in it: %s", text)
	}
}
