package migrate_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// withoutPages gives the tables of a database an access method without page ranges, as on other
// servers.
var withoutPages = []string{"create access method withoutPages type table handler heap_tableam_handler",
	"set default_table_access_method = withoutPages"}

// spellings are beginnings of keys. Collations order them differently than their bytes, and
// treat some of them as almost equal.
var spellings = []string{"a", "A", "ä", "Ä", "á", "z", "Z", "é", "e", "E", "ß", "ss", "1", "10", "9", "_", "-", " ", "Ω", "ø"}

// tenantSecrets makes a table of two partitions, whose keys have a natural-language collation,
// and returns its values by name. The account may use one partition by its own name.
func (d *database) tenantSecrets(ring *crypto.Keyring, account string, rows int) map[string]string {
	d.t.Helper()
	d.exec(`create table tenant_secrets (name varchar(60) collate "und-x-icu" not null, region text not null, value text, primary key (name, region)) partition by list (region)`)
	d.exec("create table tenant_secrets_east partition of tenant_secrets for values in ('east')")
	d.exec("create table tenant_secrets_west partition of tenant_secrets for values in ('west')")
	d.exec("create role " + account + " login")
	d.exec("grant select, insert, update on all tables in schema public to " + account)
	d.exec("grant usage on all sequences in schema public to " + account)
	d.exec("revoke all on tenant_secrets_west from " + account)
	plain := map[string]string{}
	for n := range rows {
		name := fmt.Sprintf("%s%d%s", spellings[n%len(spellings)], n/7, spellings[n%11])
		plain[name] = "the secret of " + name
		d.exec("insert into tenant_secrets values ($1, $2, $3)", name, []string{"east", "west"}[n%2], seal(d.t, ring, 0, false, plain[name]))
	}
	return plain
}

// rewrite writes every third value again, under the new version as a server would,
// and returns how many it wrote before the end of the run.
func (d *database) rewrite(ring *crypto.Keyring, plain map[string]string, ended <-chan struct{}) (written int) {
	conn, err := pgx.Connect(context.Background(), d.url)
	if err != nil {
		d.t.Error(err)
		return 0
	}
	defer func() { _ = conn.Close(context.Background()) }()
	names := []string{}
	for name := range plain {
		names = append(names, name)
	}
	for n, name := range names {
		if n%3 > 0 {
			continue
		}
		text := "written meanwhile to " + name
		c, err := ring.Seal([]byte(text), rand.Reader)
		if err == nil {
			_, err = conn.Exec(context.Background(), "update tenant_secrets set value = $2 where name = $1", name, c.String())
		}
		if err != nil {
			d.t.Errorf("writing meanwhile: %v", err)
			return written
		}
		plain[name] = text
		select {
		case <-ended:
		default:
			written++
		}
	}
	return written
}

// If this fails, an operator whose account may use a partitioned table and not
// its partitions, or whose server has no page ranges, leaves secrets under the
// old key, loses what servers write meanwhile, or waits for one worker.
func TestMovesInOrderOfKeys(t *testing.T) {
	t.Parallel()
	d, ring := newDatabase(t), readVectors(t).ring(t, 1, 0, 1)
	account := d.texts("select current_database()::text")[0]
	plain := d.tenantSecrets(ring, account, 3000)
	address, err := url.Parse(d.url)
	if err != nil {
		t.Fatal(err)
	}
	address.User = url.User(account)
	d.reach(address.String())

	request := d.request()
	request.Catalogue = []ocmt.Table{{Name: "tenant_secrets", Key: "name", Columns: []ocmt.Column{{Name: "value", Required: true}}}}
	request.Workers, request.ChunkTarget = 3, time.Nanosecond // batches of the smallest size
	plan := d.plan(ring, request)
	if leaves := plan.Tables[0].Leaves; !plan.Tables[0].ByKey || !leaves[0].ByPages || leaves[1].ByPages {
		t.Fatalf("want one partition by pages and one by key: %+v", plan.Tables[0])
	}
	writing, ended := sync.WaitGroup{}, make(chan struct{})
	var meanwhile int
	writing.Go(func() { meanwhile = d.rewrite(ring, plain, ended) })
	result, err := d.runner(ring).Run(context.Background(), plan)
	close(ended)
	writing.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if meanwhile == 0 {
		t.Error("nothing was written meanwhile")
	}
	if result.Passes != 2 || result.Left != 0 {
		t.Errorf("%d passes and %d left, want each row met in the first of two", result.Passes, result.Left)
	}
	d.checkSecrets(plain, readVectors(t).ring(t, 1, 1))
}

func (d *database) checkSecrets(plain map[string]string, alone *crypto.Keyring) {
	d.t.Helper()
	for name, want := range plain {
		var text string
		if err := d.conn.QueryRow(context.Background(), "select value from tenant_secrets where name = $1", name).Scan(&text); err != nil {
			d.t.Fatalf("%s: %v", name, err)
		}
		c, err := crypto.Parse(text)
		if err != nil {
			d.t.Errorf("%s cannot be read: %v", name, err)
			continue
		}
		if got, err := alone.Open(c); err != nil || string(got) != want {
			d.t.Errorf("%s does not open to what was written last: %v", name, err)
		}
	}
}

// If this fails, a run in the order of keys that was stopped, or that meets
// values that it must leave, does not go on behind them.
func TestKeysGoOnBehindWhatIsDone(t *testing.T) {
	t.Parallel()
	d, v := newDatabaseOn(t, testenv.Shared(t), withoutPages...), readVectors(t)
	ring := v.ring(t, 1, 0, 1)
	for n := range 600 {
		text := seal(t, ring, 1, false, "done")
		switch {
		case n%100 == 0:
			text = "v0:damaged"
		case n >= 500:
			text = seal(t, ring, 0, false, "not done")
		}
		d.exec("insert into secrets (key, value_encrypted) values ($1, $2)", fmt.Sprintf("%04d", n), text)
	}
	request := d.request()
	request.ChunkTarget = time.Nanosecond
	result, err := d.runner(ring).Run(context.Background(), d.plan(ring, request))
	if err != nil {
		t.Fatal(err)
	}
	if result.Passes != 2 || result.Rows != 99 || result.SetAside != 6 || result.Left != 0 {
		t.Errorf("%d passes, %d rows, %d set aside, %d left; want 2, 99, 6, 0", result.Passes, result.Rows, result.SetAside, result.Left)
	}
}

// If this fails, each read of a table without an index in the order of its keys
// sorts the whole of it, and a rotation takes days.
func TestReadsByKeyOnlyInOrderOfIndex(t *testing.T) {
	t.Parallel()
	d, ring := newDatabaseOn(t, testenv.Shared(t), withoutPages...), readVectors(t).ring(t, 1, 0, 1)
	d.exec(`create table far (region text, id uuid default gen_random_uuid(), value text, primary key (region, id)) partition by list (region)`)
	d.exec("create table far_east partition of far for values in ('east')")
	d.exec("create table near (key text collate \"C\" primary key, value text) using withoutPages")
	request := d.request()
	value := []ocmt.Column{{Name: "value"}}
	request.Catalogue = []ocmt.Table{{Name: "far", Key: "id", Columns: value}, {Name: "near", Key: "key", Columns: value}}
	for range 30 {
		d.exec("insert into far (region, value) values ('east', $1)", seal(t, ring, 0, false, "far"))
	}
	plan := d.plan(ring, request)
	got := []bool{plan.Tables[0].ByKey, plan.Tables[1].ByKey, plan.Tables[1].Leaves[0].ByPages}
	if !slices.Equal(got, []bool{false, true, false}) {
		t.Errorf("by key, by key, by pages: %v, want false, true, false", got)
	}
	result, err := d.runner(ring).Run(context.Background(), plan)
	if err != nil {
		t.Fatal(err)
	}
	if result.Rows != 30 || result.Left != 0 {
		t.Errorf("%d rows and %d left, want all moved by the later passes", result.Rows, result.Left)
	}
}

// If this fails, a deployment behind a pool and without page ranges is not rotated:
// nothing that a run sets or prepares lasts there.
func TestMovesInOrderOfKeysThroughPool(t *testing.T) {
	t.Parallel()
	server := testenv.Shared(t)
	d, ring := newDatabaseOn(t, server, withoutPages...), readVectors(t).ring(t, 1, 0, 1)
	name := d.texts("select current_database()::text")[0]
	d.exec("alter database " + name + " set default_transaction_isolation = 'serializable'")
	for range 300 {
		d.insert("secrets.value_encrypted", seal(t, ring, 0, false, "behind a pool"))
	}
	pool, err := testenv.StartPgBouncer(t.Context(), server, "transaction")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Stop)
	d.reach(pool.URL("postgres", name))
	result, err := d.runner(ring).Run(context.Background(), d.plan(ring, d.request()))
	if err != nil {
		t.Fatal(err)
	}
	if result.Passes != 2 || result.Rows != 300 || result.Left != 0 {
		t.Errorf("%d passes, %d rows, %d left; want 2, 300, 0", result.Passes, result.Rows, result.Left)
	}
}
