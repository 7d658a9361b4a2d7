package cli_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	driver "github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/testdata"
)

const (
	sessionKills   = 25
	killedSessions = 20_000
	killedVaults   = 2_000
)

// If this fails, an operator whose machine dies while everybody is put out cannot finish it with the
// same command, or something else has changed.
func TestSessionInvalidateKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	server := testenv.Shared(t)
	name, err := server.CreateDatabase(ctx, testdata.Schema+testdata.AccessSchema+fmt.Sprintf(`;
		insert into users (email, gateway_token) select n || '@example.org', 'x' from generate_series(1, 100) n;
		insert into sessions (user_id, token, expires_at) select u.id, encode(sha256((u.id::text || k)::bytea), 'hex'), now() + interval '6 days' from users u, generate_series(1, %d) k;
		insert into sessions (user_id, token, expires_at, created_at) select id, 'expired' || id, now() - interval '1 day', now() - interval '2 days' from users`, killedSessions/100))
	if err != nil {
		t.Fatal(err)
	}
	redis, err := testenv.StartRedis(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer redis.Stop()
	options, err := driver.ParseURL(redis.URL())
	if err != nil {
		t.Fatal(err)
	}
	client := driver.NewClient(options)
	defer func() { _ = client.Close() }()
	if _, err := client.Pipelined(ctx, func(pipe driver.Pipeliner) error {
		for n := range killedVaults {
			pipe.Set(ctx, fmt.Sprint("vault:session:", n), `{"userId":"u","unlockedAt":1,"expiresAt":9999999999999,"vaultKey":{}}`, time.Hour)
		}
		pipe.Set(ctx, "ocmt:ratelimit:kept", "kept", time.Hour)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	url := server.URL("postgres", name)
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	const untouched = `select md5(string_agg(md5((s.id, s.user_id, s.token, s.created_at, s.expires_at, s.ip_address)::text), '' order by s.id))
		|| (select md5(string_agg(md5(u::text), '' order by u.id)) from users u) || (select count(*) from sessions where token like 'expired%' and revoked_at is null) from sessions s`
	before := askText(t, conn, untouched)

	invalidate := func() *exec.Cmd {
		command := exec.Command("ocmt", "session-invalidate", "--all", "--yes", "--quiet", "--pace", "gentle")
		command.Env, command.Dir = append(os.Environ(), "DATABASE_URL="+url, "REDIS_URL="+redis.URL()), t.TempDir()
		return command
	}
	const alive = "select count(*)::text from sessions where revoked_at is null and expires_at > now()"
	between, last := 0, fmt.Sprint(killedSessions)
	window := 200 * time.Millisecond
	for round := range sessionKills {
		if last == "0" { // once more from the beginning
			for _, sql := range []string{
				// what the killed program has sent may still be at work
				"select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = current_database() and application_name = 'ocmt'",
				"update sessions set revoked_at = null, revoke_reason = null",
			} {
				if _, err := conn.Exec(ctx, sql); err != nil {
					t.Fatal(err)
				}
			}
			last = fmt.Sprint(killedSessions)
		}
		command := invalidate()
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		// The moment is what is tested: it must fall anywhere. Every other one falls behind the first write that is
		// seen, however slow the machine is.
		killAt(t, command, round%2 == 0, window, func() bool { return askText(t, conn, alive) != last })
		now := askText(t, conn, alive)
		if now == last {
			window += window / 2
		} else {
			window -= window / 5
		}
		if now != last && now != "0" {
			between++
		}
		last = now
	}
	t.Logf("%d of %d were killed while they wrote", between, sessionKills)
	if between == 0 {
		t.Error("none was killed while it wrote: the test proves nothing")
	}
	if output, err := invalidate().CombinedOutput(); err != nil {
		t.Fatalf("running again: %v\n%s", err, output)
	}
	if now := askText(t, conn, alive); now != "0" {
		t.Errorf("%s sessions are alive", now)
	}
	if now := askText(t, conn, untouched); now != before {
		t.Error("something else than the mark of live sessions has changed")
	}
	for n := range killedVaults {
		if text := client.Get(ctx, fmt.Sprint("vault:session:", n)).Val(); text != `{"userId":"-","expiresAt":1e308}` {
			t.Fatalf("vault %d is open", n)
		}
	}
	if client.Get(ctx, "ocmt:ratelimit:kept").Val() != "kept" {
		t.Error("another key has changed")
	}
}

func askText(t *testing.T, conn *pgx.Conn, sql string) (text string) {
	t.Helper()
	if err := conn.QueryRow(context.Background(), sql).Scan(&text); err != nil {
		t.Fatal(err)
	}
	return text
}
