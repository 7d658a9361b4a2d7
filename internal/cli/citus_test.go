package cli_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/sampledata"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/pkg/crypto"
	"github.com/ocmt/ocmt/testdata"
)

// citusURL names the address of a superuser on the coordinator of a Citus cluster with at least one worker. Its
// database has the extension, and the account reaches the workers with the same address but for host and port.
const citusURL = "OCMT_TEST_CITUS_URL"

// citusTables spreads the tables of OCMT in every way that Citus has: by the key of a row, by another column, whole
// on each node, and, without being told, on the coordinator.
const citusTables = `set client_min_messages = warning;
	alter table user_integrations drop constraint user_integrations_user_id_provider_key;
	alter table device_keys drop constraint device_keys_pkey;
	alter table device_keys add primary key (user_id, id);
	alter table sessions drop constraint sessions_token_key;
	select create_reference_table('tenants');
	select create_reference_table('users');
	select create_distributed_table('user_integrations', 'id');
	select create_distributed_table('device_keys', 'user_id');
	select create_distributed_table('sessions', 'id');
	select create_reference_table('alert_channels')`

// cluster is an OCMT deployment on a Citus cluster.
type cluster struct {
	*deployment
	workers []string // addresses of the database on the workers
}

// addressOf returns an address with another database, and with another host and port where they are given.
func addressOf(t *testing.T, address, host, database string) string {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal("the address cannot be read")
	}
	if host != "" {
		parsed.Host = host
	}
	parsed.Path = "/" + database
	return parsed.String()
}

// makeCluster is held while a cluster is made.
var makeCluster sync.Mutex

// newCluster makes a database of its own on all nodes, with so many users.
func newCluster(t *testing.T, users int) *cluster {
	t.Helper()
	given := os.Getenv(citusURL)
	if given == "" {
		t.Skipf("not run: %s is not set", citusURL)
	}
	ctx := context.Background()
	admin, err := pgx.Connect(ctx, given)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close(ctx) }()
	nodes := citusNodes(t, admin)
	// Citus writes to catalogs that all databases share, and two at once fail with "tuple concurrently updated".
	makeCluster.Lock()
	defer makeCluster.Unlock()
	name := fmt.Sprintf("ocmt_test_%d", time.Now().UnixNano())
	c := &cluster{deployment: &deployment{url: addressOf(t, given, "", name), dir: t.TempDir()}}
	for _, node := range append([]string{""}, nodes[1:]...) {
		server := addressOf(t, given, node, strings.TrimPrefix(mustParse(t, given).Path, "/"))
		if err := testenv.Exec(ctx, server, "create database "+name); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = testenv.Exec(ctx, server, "drop database "+name+" with (force)") })
		if err := testenv.Exec(ctx, addressOf(t, given, node, name), "create extension citus"); err != nil {
			t.Fatal(err)
		}
		if node != "" {
			c.workers = append(c.workers, addressOf(t, given, node, name))
		}
	}
	c.conn = c.connect(t)
	c.addNodes(t, nodes)
	for version := range c.keys {
		if c.keys[version], err = crypto.GenerateKey(rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	c.fillTables(t, users)
	return c
}

func mustParse(t *testing.T, address string) *url.URL {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal("the address cannot be read")
	}
	return parsed
}

// citusNodes returns the nodes as host:port, the coordinator first.
func citusNodes(t *testing.T, admin *pgx.Conn) []string {
	t.Helper()
	rows, err := admin.Query(context.Background(), "select nodename || ':' || nodeport from pg_dist_node where noderole = 'primary' order by groupid")
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(nodes) < 2 {
		t.Fatalf("the cluster has %d nodes, %v: it needs its coordinator and a worker", len(nodes), err)
	}
	return nodes
}

func (c *cluster) addNodes(t *testing.T, nodes []string) {
	t.Helper()
	for i, node := range nodes {
		host, port, _ := strings.Cut(node, ":")
		function := "citus_add_node"
		if i == 0 {
			function = "citus_set_coordinator_host"
		}
		c.exec(t, "select "+function+"($1, $2::text::int)", host, port)
	}
}

// fillTables makes the tables, puts secrets of version 0 into them, and spreads them.
func (c *cluster) fillTables(t *testing.T, users int) {
	t.Helper()
	ctx := context.Background()
	if err := testenv.Exec(ctx, c.url, testdata.Schema, testdata.AccessSchema); err != nil {
		t.Fatal(err)
	}
	if _, err := sampledata.Fill(ctx, c.url, c.ring(t, 0), users); err != nil {
		t.Fatal(err)
	}
	c.exec(t, "insert into sessions (user_id, token, expires_at) select id, md5(id::text), now() + interval '1 day' from users")
	if err := testenv.Exec(ctx, c.url, strings.Split(citusTables, ";")...); err != nil {
		t.Fatal(err)
	}
}

// ring returns both keys, with the version that is written.
func (c *cluster) ring(t *testing.T, version int) *crypto.Keyring {
	t.Helper()
	ring, err := crypto.NewKeyring(version, map[int]crypto.Key{0: c.keys[0], 1: c.keys[1]})
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// must runs ocmt, which must end with a code and say something.
func (c *cluster) must(t *testing.T, code int, says string, args ...string) string {
	t.Helper()
	p := c.run(t, args...)
	written := p.out.String() + p.errors.String()
	if p.code != code || !strings.Contains(written, says) {
		t.Fatalf("ocmt %s: code %d, want %d and %q\n%s", strings.Join(args, " "), p.code, code, says, written)
	}
	return written
}

// throughCoordinator makes ocmt use the socket of the coordinator, by which no other node is reached.
func (c *cluster) throughCoordinator(t *testing.T) {
	t.Helper()
	var folder, port string
	if err := c.conn.QueryRow(context.Background(), "select split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port')").Scan(&folder, &port); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(folder + "/.s.PGSQL." + port); err != nil {
		t.Skip("not run: the socket of the coordinator is not on this machine")
	}
	parsed := mustParse(t, c.url)
	parsed.RawQuery = url.Values{"host": {folder}, "port": {port}}.Encode()
	parsed.Host = ""
	c.url = parsed.String()
}

// If this fails, a deployment on a Citus cluster cannot change its key, or loses what its servers write meanwhile.
func TestCitusRotation(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*cluster, *testing.T){"on the nodes": nil, "through the coordinator": (*cluster).throughCoordinator} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, 400)
			address := c.url
			if prepare != nil {
				prepare(c, t)
			}
			plan := c.must(t, 0, "3,134 values in 2,334 rows", "migrate", "plan", "--from-version", "0")
			if said := strings.Contains(plan, "are moved on their nodes"); said != (prepare == nil) {
				t.Errorf("where the rows are moved: %s", plan)
			}
			c.must(t, 0, "nothing written", "rotate", "--from-version", "0", "--dry-run", "--yes")
			servers, err := sampledata.StartServers(context.Background(), address, c.ring(t, 1), 2, 20*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			c.must(t, 0, "ENCRYPTION_KEY_V0 may be removed", "rotate", "--from-version", "0", "--yes", "--pace", "full")
			if err := servers.Stop(); err != nil {
				t.Fatal(err)
			}
			if compared, lost, err := servers.Check(context.Background(), address, c.ring(t, 1)); err != nil || lost > 0 || compared == 0 {
				t.Errorf("%d of %d values that the servers wrote are lost, %v", lost, compared, err)
			}
			c.must(t, 0, "open with the key of version 1 alone", "migrate", "verify")
			c.must(t, 0, "None that nothing lists", "migrate", "columns", "--discover", "--full")
			c.must(t, 0, "", "rotate", "rollback", "--to-version", "0", "--yes", "--pace", "full")
			if left := c.labelled(t, 1); left > 0 {
				t.Errorf("%d values are under version 1 after the way back", left)
			}
		})
	}
}

// labelled counts the values of the tables that are spread under a version.
func (c *cluster) labelled(t *testing.T, version int) (count int) {
	t.Helper()
	for table, column := range map[string]string{"user_integrations": "access_token_encrypted", "device_keys": "encrypted_device_key", "alert_channels": "config_encrypted"} {
		count += c.number(t, fmt.Sprintf("select count(*) from %s where %s like 'v%d:%%'", table, column, version))
	}
	return count
}

// If this fails, a row that a server holds keeps the others of its batch under the old key, or a value that is not yet
// committed on one node is not waited for, and the key is given up too early.
func TestCitusOpenTransaction(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 40)
	c.throughCoordinator(t)
	end := c.hold(t, "update user_integrations set status = 'held' where id = (select id from user_integrations where access_token_encrypted is not null order by id limit 1)")
	written := c.run(t, "rotate", "--from-version", "0", "--yes", "--pace", "full", "--statement-timeout", "2s", "--lock-timeout", "200ms")
	if said := written.out.String() + written.errors.String(); written.code != 4 && written.code != 5 || strings.Contains(said, "may be removed") {
		t.Errorf("code %d: %s", written.code, said)
	}
	if left := c.labelled(t, 0); left > 1 {
		t.Errorf("%d values are left beside one row that is held", left)
	}
	end()
	c.must(t, 0, "ENCRYPTION_KEY_V0 may be removed", "rotate", "--from-version", "0", "--yes", "--pace", "full")
}

// If this fails, a transaction that is prepared on a worker and not committed hides a value under the old key from the
// proof: the coordinator's own locks do not show it.
func TestCitusPreparedOnAWorker(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 40)
	c.must(t, 0, "ENCRYPTION_KEY_V0 may be removed", "rotate", "--from-version", "0", "--yes", "--pace", "full")
	worker, err := pgx.Connect(context.Background(), c.workers[0])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = worker.Close(context.Background()) }()
	var part string
	if err := worker.QueryRow(context.Background(), `select shard_name(s.logicalrelid, s.shardid) from pg_dist_shard s join pg_dist_placement p using (shardid)
		where s.logicalrelid = 'user_integrations'::regclass and p.groupid = (select groupid from pg_dist_local_group) limit 1`).Scan(&part); err != nil {
		t.Fatal(err)
	}
	gid := fmt.Sprintf("ocmt_test_%d", time.Now().UnixNano())
	for _, sql := range []string{"begin", "set local citus.enable_manual_changes_to_shards = on", "update " + part + " set status = 'x'", "prepare transaction '" + gid + "'"} {
		if _, err := worker.Exec(context.Background(), sql); err != nil {
			t.Fatal(err)
		}
	}
	defer func() { _, _ = worker.Exec(context.Background(), "rollback prepared '"+gid+"'") }()
	c.waitForIdle(t)
	verify := c.start(t, c.environ("OCMT_STATEMENT_TIMEOUT=1s"), "migrate", "verify")
	<-verify.ended
	if said := verify.out.String() + verify.errors.String(); verify.code != 5 || !strings.Contains(said, gid) {
		t.Errorf("code %d, want 5 and the prepared transaction %s:\n%s", verify.code, gid, said)
	}
}

// If this fails, snapshots that the nodes took before and after a value moved between them pass for a proof that there
// is no such value.
func TestCitusNotOneMoment(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 40)
	c.must(t, 0, "ENCRYPTION_KEY_V0 may be removed", "rotate", "--from-version", "0", "--yes", "--pace", "full")
	ctx, stop := context.WithCancel(context.Background())
	var writers sync.WaitGroup
	for range 8 {
		busy, err := pgx.Connect(ctx, c.workers[0])
		if err != nil {
			t.Fatal(err)
		}
		writers.Go(func() {
			defer func() { _ = busy.Close(context.Background()) }()
			// The server itself goes on, so that a busy client leaves no moment of rest.
			_, _ = busy.Exec(ctx, "do $$ begin loop perform txid_current(); commit; end loop; end $$")
		})
	}
	p := c.start(t, c.environ(), "migrate", "verify")
	<-p.ended
	stop()
	writers.Wait()
	if said := p.out.String() + p.errors.String(); p.code != 1 || !strings.Contains(said, "could not be seen at one moment") {
		t.Errorf("code %d, want 1: %s", p.code, said)
	}
}

// If this fails, a run begins on a worker of a cluster beside one that the coordinator knows of.
func TestCitusWorkerRefused(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	c.url = c.workers[0]
	c.must(t, 5, "point DATABASE_URL at the coordinator", "rotate", "--from-version", "0", "--yes")
}

// If this fails, sessions that lie on the nodes of a cluster outlive an incident.
func TestCitusSessions(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 40)
	c.must(t, 0, "", "session-invalidate", "--all", "--yes")
	if alive := c.number(t, "select count(*) from sessions where revoked_at is null"); alive > 0 {
		t.Errorf("%d of 40 sessions are alive", alive)
	}
}
