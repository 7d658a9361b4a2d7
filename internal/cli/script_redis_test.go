package cli_test

import (
	"context"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	driver "github.com/redis/go-redis/v9"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ocmt/ocmt/internal/testenv"
)

// addAccess adds the tables of live access to the database, with some people in it.
//
//	access
func addAccess(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 0 {
		ts.Fatalf("usage: access")
	}
	schema, err := os.ReadFile("../../testdata/schema_access.sql")
	ts.Check(err)
	ctx := context.Background()
	conn, err := pgconn.Connect(ctx, ts.Getenv("DATABASE_URL"))
	ts.Check(err)
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, string(schema)+`;
		insert into tenants (id, name) values ('11111111-1111-4111-8111-111111111111', 'acme');
		insert into users (id, email, gateway_token, tenant_id) values
			('aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa', 'alice@example.org', 'x', '11111111-1111-4111-8111-111111111111'),
			('bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb', 'bob@example.org', 'x', null);
		insert into sessions (user_id, token, ip_address, user_agent, created_at, expires_at)
			select u.id, encode(sha256(('MARKED-TOKEN-' || u.email || n)::bytea), 'hex'), ('192.0.2.' || n)::inet, 'curl', now() - n * interval '1 hour', now() + interval '7 days'
			from users u, generate_series(1, 3) n;
		insert into api_keys (user_id, key_hash, key_prefix) select id, 'MARKED-HASH-' || email, 'opw_live_123' from users`).ReadAll()
	ts.Check(err)
}

// redisServers are the servers of the scripts, by their addresses.
var redisServers sync.Map

// redisCommand starts a Redis and points REDIS_URL at it, with a vault of each user; or looks at a key.
//
//	redis start
//	redis stop
//	redis get KEY
//	redis ping ADDRESS|FILE
//	redis hold ADDRESS
//	redis release
func redisCommand(ts *testscript.TestScript, negated bool, args []string) {
	ctx := context.Background()
	switch {
	case negated || len(args) == 0:
		ts.Fatalf("usage: redis start|stop|get KEY")
	case args[0] == "start":
		server, err := testenv.StartRedis(ctx)
		ts.Check(err)
		ts.Defer(server.Stop)
		ts.Setenv("REDIS_URL", server.URL())
		ts.Setenv("REDIS_SOCKET_URL", server.SocketURL())
		client := redisClient(ts, server.URL())
		defer func() { _ = client.Close() }()
		for token, user := range map[string]string{"MARKED-VAULT-a": "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa", "MARKED-VAULT-b": "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"} {
			ts.Check(client.Set(ctx, "vault:session:"+token, `{"userId":"`+user+`","unlockedAt":1,"expiresAt":9e15,"vaultKey":{"type":"Buffer","data":[77,65,82,75]}}`, time.Hour).Err())
		}
		ts.Check(client.Set(ctx, "oauth:state:MARKED-STATE", "{}", time.Hour).Err())
		ts.Check(client.Set(ctx, "ocmt:health:kept", "kept", time.Hour).Err())
		redisServers.Store(server.URL(), server)
	case args[0] == "stop":
		if server, ok := redisServers.Load(ts.Getenv("REDIS_URL")); ok {
			server.(*testenv.Redis).Stop()
		}
	case args[0] == "get" && len(args) == 2:
		client := redisClient(ts, ts.Getenv("REDIS_URL"))
		defer func() { _ = client.Close() }()
		text, err := client.Get(ctx, args[1]).Result()
		if err != nil {
			text = err.Error()
		}
		_, err = ts.Stdout().Write([]byte(text + "\n"))
		ts.Check(err)
	case args[0] == "ping" && len(args) == 2:
		pingRedis(ts, args[1])
	case args[0] == "hold" && len(args) == 2:
		client := redisClient(ts, args[1])
		ts.Check(client.Ping(ctx).Err())
		redisConnections.Store(ts.Getenv("WORK"), client)
		ts.Defer(func() { _ = client.Close() })
	case args[0] == "release":
		if client, ok := redisConnections.LoadAndDelete(ts.Getenv("WORK")); ok {
			ts.Check(client.(*driver.Client).Close())
		}
	default:
		ts.Fatalf("usage: redis start|stop|get KEY|ping ADDRESS|hold ADDRESS|release")
	}
}

// redisConnections are the connections that a script holds, by its folder.
var redisConnections sync.Map

// pingRedis prints what Redis answers at an address, or at the REDIS_URL of an env file.
func pingRedis(ts *testscript.TestScript, address string) {
	if !strings.Contains(address, "://") {
		for line := range strings.Lines(ts.ReadFile(address)) {
			if value, found := strings.CutPrefix(strings.TrimSpace(line), "REDIS_URL="); found {
				address = value
			}
		}
	}
	client := redisClient(ts, address)
	defer func() { _ = client.Close() }()
	text, err := client.Ping(context.Background()).Result()
	if err != nil {
		text = err.Error()
	}
	_, err = ts.Stdout().Write([]byte(text + "\n"))
	ts.Check(err)
}

// serverAdminToken is what the server of a script takes.
const serverAdminToken = "MARKED-ADMIN-TOKEN"

// serverCommand starts a management server on the Redis, which has each vault in memory too, and names
// it in ENDPOINT.
//
//	server start
func serverCommand(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) != 1 || args[0] != "start" {
		ts.Fatalf("usage: server start")
	}
	redis, ok := redisServers.Load(ts.Getenv("REDIS_URL"))
	if !ok {
		ts.Fatalf("start a Redis first")
	}
	server, err := testenv.StartVaultServer(redis.(*testenv.Redis), serverAdminToken)
	ts.Check(err)
	ts.Defer(server.Stop)
	ts.Setenv("ENDPOINT", server.URL)
	for token, user := range map[string]string{"MARKED-VAULT-a": "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa", "MARKED-VAULT-b": "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"} {
		answer, err := http.Post(server.URL+"/test/unlock?token="+token+"&user="+user, "", nil)
		ts.Check(err)
		ts.Check(answer.Body.Close())
	}
}

func redisClient(ts *testscript.TestScript, address string) *driver.Client {
	options, err := driver.ParseURL(address)
	ts.Check(err)
	return driver.NewClient(options)
}
