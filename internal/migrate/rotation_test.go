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

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/migrate"
	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/internal/postgres"
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
	store *postgres.Store
	url   string
}

func newDatabase(t *testing.T) *database {
	t.Helper()
	return newDatabaseOn(t, testenv.Shared(t))
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

// reach makes runs use an address.
func (d *database) reach(address string) {
	d.t.Helper()
	var err error
	d.store, err = postgres.NewStore(address, postgres.Options{ApplicationName: "ocmt-test", Operator: "tester",
		LockTimeout: 5 * time.Second, StatementTimeout: time.Minute})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(d.store.Close)
}

// as returns the database as another account has it.
func (d *database) as(account string) *postgres.Store {
	d.t.Helper()
	address, err := url.Parse(d.url)
	if err != nil {
		d.t.Fatal(err)
	}
	address.User = url.User(account)
	store, err := postgres.NewStore(address.String(), postgres.Options{ApplicationName: "ocmt-test"})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(store.Close)
	return store
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

// silent is a Reporter that tells nobody.
type silent struct{}

func (silent) Phase(string)          {}
func (silent) Progress(int64, int64) {}
func (silent) Waiting(string)        {}

func (d *database) request() migrate.Request {
	from := 0
	return migrate.Request{From: &from, To: 1, Catalogue: ocmt.Catalogue(), Workers: 2, ChunkTarget: time.Second}
}

func (d *database) runner(ring *crypto.Keyring) migrate.Runner {
	return migrate.Runner{Store: d.store, Ring: ring, Random: rand.Reader, Reporter: silent{},
		Ledger: d.store.Ledger(), Clock: time.Now, Stop: make(chan struct{})}
}

func (d *database) plan(ring *crypto.Keyring, request migrate.Request) *migrate.Plan {
	d.t.Helper()
	plan, err := migrate.MakePlan(context.Background(), d.store, ring, request, silent{})
	if err != nil {
		d.t.Fatal(err)
	}
	return plan
}

// seal makes a value as the server would, legacy where that is asked for.
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

// place names a value: table, column, row.
type place struct{ table, column, key string }

// columnRows fills every catalogue column: what stands between the first columns
// and the value differs by table.
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

// checksums covers every column of every table but the encrypted ones and the
// three in which a run records itself.
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

// If this fails, an operator has lost secrets: a value that the new key does not
// open, a damaged one that was written over, or something else that changed.
func TestEveryValueMovesOrStaysAsItIs(t *testing.T) {
	t.Parallel()
	for name, before := range map[string][]string{"by pages": nil, "by key": placeless} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everyValueMoves(t, newDatabaseOn(t, testenv.Shared(t), before...))
		})
	}
}

func everyValueMoves(t *testing.T, d *database) {
	t.Helper()
	ctx := context.Background()
	d.exec("create table org_resources (like group_resources including all)")
	v := readVectors(t)
	ring := v.ring(t, 1, 0, 1)

	moved, untouched := map[place]string{}, map[place]string{}
	d.exec("insert into users (email, gateway_token) values ('first', 'unknown')")
	for column := range inserts {
		for n := range 20 {
			plain := fmt.Sprintf("plaintext %d of %s", n, column)
			moved[d.insert(column, seal(t, ring, 0, n%2 == 0, plain))] = plain
		}
		moved[d.insert(column, seal(t, ring, 1, false, "already there"))] = "already there"
	}
	odd := oddValues(t, d, v, ring, moved, untouched)
	plainToken := d.insert("users.gateway_token", strings.Repeat("0123456789abcdef", 4))
	untouched[plainToken] = d.value(plainToken)
	before := d.checksums()

	plan := d.plan(ring, d.request())
	result, err := d.runner(ring).Run(ctx, plan)
	if err != nil {
		t.Fatal(err)
	}
	if result.SetAside != int64(odd) || result.Left != 0 {
		t.Errorf("%d set aside and %d left, want %d and 0", result.SetAside, result.Left, odd)
	}
	if result.Passes != 2 {
		t.Errorf("%d passes, want all moved in the first and the second to find nothing", result.Passes)
	}
	d.checkOpens(moved, v.ring(t, 1, 1))
	for p, text := range untouched {
		if d.value(p) != text {
			t.Errorf("%v was changed, and must not be", p)
		}
	}
	if diff := cmp.Diff(before, d.checksums()); diff != "" {
		t.Errorf("something else changed (-before +after):\n%s", diff)
	}
	verified, err := migrate.Verify(ctx, d.store, ring, d.request(), silent{})
	if err != nil {
		t.Fatal(err)
	}
	if verified.Opened != int64(len(moved)) || verified.Proven() {
		t.Errorf("verify opened %d values and says proven=%v, want %d and false", verified.Opened, verified.Proven(), len(moved))
	}
}

// oddValues puts every odd vector into a column, and returns how many of them a
// run from version 0 to 1 must set aside.
func oddValues(t *testing.T, d *database, v vectors, ring *crypto.Keyring, moved, untouched map[place]string) (aside int) {
	t.Helper()
	for _, odd := range v.Odd {
		p := d.insert("group_resources.auth_config_encrypted", odd.Ciphertext)
		c, err := crypto.Parse(odd.Ciphertext)
		var plain []byte
		if err == nil {
			plain, err = ring.Open(c)
		}
		switch {
		case err == nil && c.Version == 0:
			moved[p] = string(plain)
		case err == nil:
			untouched[p] = odd.Ciphertext // under version 1 already
			moved[p] = string(plain)
		case strings.HasPrefix(odd.Ciphertext, "v1:"):
			untouched[p] = odd.Ciphertext // labelled as done; verify names it
		default:
			untouched[p] = odd.Ciphertext
			aside++
		}
	}
	return aside
}

func (d *database) checkOpens(want map[place]string, alone *crypto.Keyring) {
	d.t.Helper()
	for p, plain := range want {
		c, err := crypto.Parse(d.value(p))
		if err != nil {
			d.t.Errorf("%v cannot be read: %v", p, err)
			continue
		}
		got, err := alone.Open(c)
		if err != nil {
			d.t.Errorf("%v does not open with the new key alone: %v", p, err)
		} else if string(got) != plain {
			d.t.Errorf("%v opens to another plaintext than it was made from", p)
		}
	}
}

// If this fails, an operator with the wrong key overwrites what the right one
// would still have opened.
func TestRefusesUnfitKeys(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	right := v.ring(t, 1, 0, 1)
	zero, _ := right.Key(0)
	one, _ := right.Key(1)
	strange, err := crypto.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		keys map[int]crypto.Key
		code string
	}{
		"wrong":   {map[int]crypto.Key{0: strange, 1: one}, "wrong_key"},
		"swapped": {map[int]crypto.Key{0: one, 1: zero}, "swapped_keys"},
		"missing": {map[int]crypto.Key{1: one}, "missing_version"},
		"relabel": {map[int]crypto.Key{0: zero, 1: strange}, "wrong_key"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			for n := range 10 {
				d.insert("secrets.value_encrypted", seal(t, right, 0, n%2 == 0, "zero"))
				d.insert("alert_channels.config_encrypted", seal(t, right, 1, false, "one"))
			}
			before := d.texts("select value_encrypted from secrets order by key")
			ring, err := crypto.NewKeyring(1, c.keys)
			if err != nil {
				t.Fatal(err)
			}
			plan := d.plan(ring, d.request())
			codes := map[string]bool{}
			for _, obstacle := range plan.Obstacles {
				codes[obstacle.Code] = true
			}
			if !codes[c.code] {
				t.Errorf("obstacles %v, want %s among them", codes, c.code)
			}
			if _, err := d.runner(ring).Run(context.Background(), plan); err == nil {
				t.Error("the run was not refused")
			}
			if diff := cmp.Diff(before, d.texts("select value_encrypted from secrets order by key")); diff != "" {
				t.Error("values were changed by a run that should have been refused")
			}
		})
	}
}
