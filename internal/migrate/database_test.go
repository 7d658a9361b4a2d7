package migrate_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/postgres/pgdiscover"
	"github.com/ocmt/ocmt/internal/postgres/pgmigrate"
	"github.com/ocmt/ocmt/internal/postgres/pgrecord"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// vectors are values that the OCMT server itself made.
type vectors struct {
	Keys map[string]string `json:"keys"`
	Odd  []struct {
		Name       string `json:"name"`
		Ciphertext string `json:"ciphertext"`
		Current    int    `json:"current_version"`
		Versions   []int  `json:"key_versions"`
	} `json:"odd"`
}

func readVectors(t *testing.T) vectors {
	t.Helper()
	text, err := os.ReadFile("../../testdata/vectors/encryption.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func (v vectors) ring(t *testing.T, current int, versions ...int) *crypto.Keyring {
	t.Helper()
	keys := map[int]crypto.Key{}
	for _, version := range versions {
		key, err := crypto.ParseKey(v.Keys[fmt.Sprint(version)])
		if err != nil {
			t.Fatal(err)
		}
		keys[version] = key
	}
	ring, err := crypto.NewKeyring(current, keys)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// database is an OCMT database of one test.
type database struct {
	t     *testing.T
	conn  *pgx.Conn
	db    *postgres.DB
	store *pgmigrate.Store
	url   string
}

func newDatabase(t *testing.T) *database {
	t.Helper()
	return newDatabaseOn(t, testenv.Shared(t))
}

// newServer starts a server that no other test uses.
func newServer(t *testing.T, settings ...string) *testenv.Postgres {
	t.Helper()
	server, err := testenv.StartPostgres(context.Background(), false, settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

func newDatabaseOn(t *testing.T, server *testenv.Postgres, before ...string) *database {
	t.Helper()
	ctx := context.Background()
	schema, err := os.ReadFile("../../testdata/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	name, err := server.CreateDatabase(ctx, append(before, string(schema))...)
	if err != nil {
		t.Fatal(err)
	}
	d := &database{t: t, url: server.URL("postgres", name)}
	if d.conn, err = pgx.Connect(ctx, d.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.conn.Close(ctx) })
	d.reach(d.url)
	return d
}

// reach makes runs use the database at an address.
func (d *database) reach(address string) {
	d.t.Helper()
	d.reachWith(address, postgres.Options{ApplicationName: "ocmt-test", LockTimeout: 5 * time.Second, StatementTimeout: time.Minute})
}

// reachWith makes runs use the database at an address, with other limits.
func (d *database) reachWith(address string, options postgres.Options) {
	d.t.Helper()
	db, err := postgres.New(address, options)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(db.Close)
	d.db, d.store = db, pgmigrate.New(db)
}

// as returns the database as another account has it.
func (d *database) as(account string) *postgres.DB {
	d.t.Helper()
	address, err := url.Parse(d.url)
	if err != nil {
		d.t.Fatal(err)
	}
	address.User = url.User(account)
	db, err := postgres.New(address.String(), postgres.Options{ApplicationName: "ocmt-test"})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(db.Close)
	return db
}

func (d *database) exec(sql string, args ...any) {
	d.t.Helper()
	if _, err := d.conn.Exec(context.Background(), sql, args...); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
}

// texts returns the rows of a query, their columns joined, as a set.
func (d *database) texts(sql string) []string {
	d.t.Helper()
	rows, err := d.conn.Query(context.Background(), sql)
	if err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
	return list
}

// silent is a Reporter that reports nothing.
type silent struct{}

func (silent) Phase(string)          {}
func (silent) Table(string)          {}
func (silent) Progress(int64, int64) {}
func (silent) Waiting(migrate.Wait)  {}

func (d *database) request() migrate.Request {
	from := 0
	return migrate.Request{From: &from, To: 1, Catalogue: ocmt.Catalogue(), Workers: 2, ChunkTarget: time.Second}
}

func (d *database) runner(ring *crypto.Keyring) migrate.Runner {
	return migrate.Runner{Conns: d.store, Locker: d.store, Tables: d.store, Holders: d.store, Replication: d.store, Ring: ring, Random: rand.Reader,
		Reporter: silent{}, Ledger: pgrecord.New(d.db, "tester").Ledger(), Clock: time.Now, Stop: make(chan struct{})}
}

func (d *database) verifySources() migrate.VerifySources {
	return migrate.VerifySources{Tables: d.store, Conns: d.store, Record: pgrecord.New(d.db, "tester"), Guard: d.store, Clock: time.Now}
}

func (d *database) plan(ring *crypto.Keyring, request migrate.Request) *migrate.Plan {
	d.t.Helper()
	plan, err := migrate.MakePlan(context.Background(), migrate.PlanSources{Tables: d.store, Conns: d.store,
		Record: pgrecord.New(d.db, "tester"), Searchers: pgdiscover.New(d.db)}, ring, request, silent{})
	if err != nil {
		d.t.Fatal(err)
	}
	return plan
}

// seal seals a value as the server would, or in the legacy form.
func seal(t *testing.T, ring *crypto.Keyring, version int, legacy bool, plaintext string) string {
	t.Helper()
	under, err := ring.WithCurrent(version)
	if err != nil {
		t.Fatal(err)
	}
	c, err := under.Seal([]byte(plaintext), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if legacy {
		c.Format = crypto.Legacy
	}
	return c.String()
}

// place identifies a value by table, column and row.
type place struct{ table, column, key string }

// inserts has one statement for every column of the catalogue that inserts a value.
var inserts = map[string]string{
	"users.gateway_token":                         "insert into users (email, gateway_token) values (gen_random_uuid(), $1) returning id::text",
	"secrets.value_encrypted":                     "insert into secrets (key, value_encrypted) values (gen_random_uuid(), $1) returning key",
	"user_integrations.access_token_encrypted":    "insert into user_integrations (user_id, provider, access_token_encrypted) select id, gen_random_uuid(), $1 from users limit 1 returning id::text",
	"user_integrations.refresh_token_encrypted":   "insert into user_integrations (user_id, provider, refresh_token_encrypted) select id, gen_random_uuid(), $1 from users limit 1 returning id::text",
	"user_integrations.api_key_encrypted":         "insert into user_integrations (user_id, provider, api_key_encrypted) select id, gen_random_uuid(), $1 from users limit 1 returning id::text",
	"group_resources.auth_config_encrypted":       "insert into group_resources (name, auth_config_encrypted) values ('r', $1) returning id::text",
	"org_resources.auth_config_encrypted":         "insert into org_resources (name, auth_config_encrypted) values ('r', $1) returning id::text",
	"device_keys.encrypted_device_key":            "insert into device_keys (device_name, encrypted_device_key) values ('d', $1) returning id::text",
	"recovery_methods.config_encrypted":           "insert into recovery_methods (method_type, config_encrypted) values ('m', $1) returning id::text",
	"recovery_contacts.shard_encrypted":           "insert into recovery_contacts (contact_email, shard_index, shard_encrypted) values ('c', 1, $1) returning id::text",
	"group_unlock_requests.session_key_encrypted": "insert into group_unlock_requests (session_key_encrypted) values ($1) returning id::text",
	"alert_channels.config_encrypted":             "insert into alert_channels (name, channel_type, config_encrypted) values ('n', 't', $1) returning id::text",
	"user_mfa.totp_secret_encrypted":              "with u as (insert into users (email, gateway_token) values (gen_random_uuid(), 'unknown') returning id) insert into user_mfa (user_id, totp_secret_encrypted) select id, $1 from u returning id::text",
}

func (d *database) insert(column, text string) place {
	d.t.Helper()
	var key string
	if err := d.conn.QueryRow(context.Background(), inserts[column], text).Scan(&key); err != nil {
		d.t.Fatalf("filling %s: %v", column, err)
	}
	table, name, _ := strings.Cut(column, ".")
	return place{table, name, key}
}

func (d *database) value(p place) string {
	d.t.Helper()
	keyColumn := "id"
	if p.table == "secrets" {
		keyColumn = "key"
	}
	var text string
	err := d.conn.QueryRow(context.Background(), fmt.Sprintf("select %s from %s where %s::text = $1", p.column, p.table, keyColumn), p.key).Scan(&text)
	if err != nil {
		d.t.Fatalf("reading %v: %v", p, err)
	}
	return text
}

// checksums returns a checksum of every table. It leaves out the encrypted columns and the
// three tables in which a run records itself.
func (d *database) checksums() []string {
	d.t.Helper()
	encrypted := map[string]bool{}
	for column := range inserts {
		encrypted[column] = true
	}
	columns := d.texts(`select table_name || '.' || column_name from information_schema.columns where table_schema = 'public'
		and table_name not in ('encryption_keys', 'encryption_migrations', 'audit_log') order by table_name, column_name`)
	byTable := map[string][]string{}
	for _, column := range columns {
		if table, name, _ := strings.Cut(column, "."); !encrypted[column] {
			byTable[table] = append(byTable[table], pgx.Identifier{name}.Sanitize())
		}
	}
	var sums []string
	for _, table := range slices.Sorted(maps.Keys(byTable)) {
		row := "row(" + strings.Join(byTable[table], ", ") + ")::text"
		sums = append(sums, table+" "+d.texts("select count(*) || ' ' || coalesce(md5(string_agg(" + row + ", ',' order by " + row + ")), '') from " + table)[0])
	}
	return sums
}
