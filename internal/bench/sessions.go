package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	driver "github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/testdata"
)

// Sessions compares the time of ending every session with one plain UPDATE, and the time of ending
// every vault in Redis with redis-cli, in seconds.
type Sessions struct {
	Rows  int       `json:"sessions"`
	Users int       `json:"users"`
	Plain []float64 `json:"plain_update_seconds"`
	Ocmt  []float64 `json:"ocmt_session_invalidate_seconds"`
	Ratio float64   `json:"ratio_to_plain_update"` // median of the rounds
	// Longest is the longest transaction of the program.
	Longest Longest `json:"longest_transaction"`
	// Alone and Beside are the server's own lookups of a session.
	Alone  Latency `json:"lookups_alone"`
	Beside Latency `json:"lookups_beside"`

	Vaults     int       `json:"vaults"`
	Keys       int       `json:"keys"`
	CLI        []float64 `json:"redis_cli_seconds"`
	OcmtVaults []float64 `json:"ocmt_vaults_seconds"`
	VaultRatio float64   `json:"ratio_to_redis_cli"`
	// RedisBeside is the reads of another client while the vaults end.
	RedisBeside Latency `json:"redis_reads_beside"`

	PeakBytes int64 `json:"peak_memory_bytes"`
}

// Longest is a transaction, in milliseconds, with the beginning of its last statement.
type Longest struct {
	Ms        float64 `json:"ms"`
	Statement string  `json:"statement"`
}

// The sizes, and how often a session is looked up meanwhile.
const (
	sessionUsers = 200_000
	vaultCount   = 200_000
	otherKeys    = 2_000_000
	lookupEvery  = 2 * time.Millisecond
	lookupAlone  = 10 * time.Second
	vaultRounds  = 3
)

// fillSessions makes the users and the sessions of them.
const fillSessions = `insert into users (email, gateway_token) select n || '@example.org', 'x' from generate_series(1, %[1]d) n;
	insert into sessions (user_id, token, expires_at, created_at, last_activity_at, ip_address, user_agent, device_info)
		select u.id, encode(sha256((u.id::text || k)::bytea), 'hex'), now() + interval '6 days', now() - k * interval '1 hour', now() - k * interval '1 minute',
			'10.0.0.0'::inet + (random() * 60000)::int, 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36', '{"os": "Linux", "browser": "Chrome"}'
		from users u, generate_series(1, %[2]d) k`

// plainSessionUpdate is what ends every session in one statement.
const plainSessionUpdate = "update sessions set revoked_at = now(), revoke_reason = 'operator' where expires_at > now() and revoked_at is null"

// measureSessions ends so many sessions in copies of one database, and vaults in a Redis that is
// filled anew each time.
func (b *bench) measureSessions(ctx context.Context) (s Sessions, err error) {
	b.note("filling a database of %d sessions", b.sessions)
	s.Rows, s.Users = b.sessions, max(1, min(sessionUsers, b.sessions/5))
	template := database{rows: b.sessions, warm: "select count(*), sum(length(token)) from sessions"}
	if template.name, err = b.server.CreateDatabase(ctx, testdata.Schema, testdata.AccessSchema); err != nil {
		return s, err
	}
	template.url = b.server.URL("postgres", template.name)
	if err := testenv.Exec(ctx, template.url, fmt.Sprintf(fillSessions, s.Users, b.sessions/s.Users), "vacuum (freeze, analyze)"); err != nil {
		return s, err
	}
	if err := b.measureSessionRows(ctx, template, &s); err != nil {
		return s, err
	}
	if err := b.measureLookups(ctx, template, &s); err != nil {
		return s, err
	}
	return s, b.measureVaults(ctx, &s)
}

// measureSessionRows compares the program with one plain UPDATE, in turns.
func (b *bench) measureSessionRows(ctx context.Context, template database, s *Sessions) error {
	var ratios []float64
	for n := range b.pairs {
		b.note("round %d of %d: one plain UPDATE of all sessions, and ocmt session-invalidate", n+1, b.pairs)
		plain, err := b.timeOnCopy(ctx, template, func(db database) error { return testenv.Exec(ctx, db.url, plainSessionUpdate) })
		if err != nil {
			return err
		}
		var longest Longest
		ours, err := b.timeOnCopy(ctx, template, func(db database) error {
			done, err := watchTransactions(ctx, db.url, &longest, func() (cost, error) { return b.invalidateAll(ctx, db) })
			s.PeakBytes = max(s.PeakBytes, done.peak)
			return err
		})
		if err != nil {
			return err
		}
		if longest.Ms > s.Longest.Ms {
			s.Longest = longest
		}
		s.Plain, s.Ocmt = append(s.Plain, plain.Seconds()), append(s.Ocmt, ours.Seconds())
		ratios = append(ratios, ratio(ours.Seconds(), plain.Seconds()))
	}
	s.Ratio = median(ratios)
	return nil
}

// timeOnCopy takes the time of work on a fresh copy of a database.
func (b *bench) timeOnCopy(ctx context.Context, template database, work func(database) error) (time.Duration, error) {
	db, err := b.makeCopy(ctx, template)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	err = work(db)
	return time.Since(began), err
}

// invalidateAll runs the program as an operator does, from its start to its end.
func (b *bench) invalidateAll(ctx context.Context, db database) (cost, error) {
	return b.runProgram(ctx, db, 0, "session-invalidate", "--all", "--yes", "--quiet")
}

// watchTransactions notes the longest transaction of the program while it works. It has the name of
// the program, which else would give way to it as to a live server.
func watchTransactions(ctx context.Context, url string, longest *Longest, work func() (cost, error)) (done cost, err error) {
	conn, err := pgx.Connect(ctx, url+"&application_name=ocmt")
	if err != nil {
		return done, err
	}
	defer func() { _ = conn.Close(ctx) }()
	ended := make(chan error, 1)
	go func() {
		var workErr error
		done, workErr = work()
		ended <- workErr
	}()
	for {
		select {
		case err := <-ended:
			return done, err
		case <-time.After(25 * time.Millisecond):
		}
		var now float64
		var statement string
		err := conn.QueryRow(ctx, `select extract(epoch from clock_timestamp() - xact_start)::float8 * 1000, left(query, 60) from pg_stat_activity
			where datname = current_database() and application_name = 'ocmt' and pid <> pg_backend_pid() and state <> 'idle' and xact_start is not null order by 1 desc limit 1`).Scan(&now, &statement)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
		case err != nil:
			return done, errors.Join(err, <-ended)
		case now > longest.Ms:
			*longest = Longest{now, statement}
		}
	}
}

// lookupSQL is how the server finds the session of a request (contract, section 3).
const lookupSQL = "select s.id, u.id from sessions s join users u on u.id = s.user_id where s.token = $1 and s.expires_at > now() and s.revoked_at is null"

// measureLookups measures the server's own lookup of a session, alone and beside the program.
func (b *bench) measureLookups(ctx context.Context, template database, s *Sessions) error {
	for _, one := range []struct {
		name string
		into *Latency
		work func(database) error
	}{
		{"alone", &s.Alone, func(database) error { time.Sleep(lookupAlone); return nil }},
		{"beside ocmt session-invalidate", &s.Beside, func(db database) error { _, err := b.invalidateAll(ctx, db); return err }},
	} {
		b.note("lookups of sessions, %s", one.name)
		if _, err := b.timeOnCopy(ctx, template, func(db database) error {
			return lookBeside(ctx, db.url, one.into, func() error { return one.work(db) })
		}); err != nil {
			return err
		}
	}
	return nil
}

// lookBeside looks sessions up while work is done.
func lookBeside(ctx context.Context, url string, into *Latency, work func() error) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	var tokens []string
	if err := conn.QueryRow(ctx, "select array_agg(token) from (select token from sessions limit 20000) t").Scan(&tokens); err != nil {
		return err
	}
	*into, err = repeatBeside(lookupEvery, work, func() error {
		rows, err := conn.Query(ctx, lookupSQL, tokens[rand.IntN(len(tokens))])
		if err == nil {
			rows.Close()
			err = rows.Err()
		}
		return err
	})
	return err
}

// repeatBeside does one thing again and again while work is done, and returns how long it took.
func repeatBeside(every time.Duration, work, one func() error) (Latency, error) {
	ended := make(chan error, 1)
	go func() { ended <- work() }()
	var all []time.Duration
	for {
		select {
		case err := <-ended:
			return latencyOf(all), err
		case <-time.After(every):
		}
		began := time.Now()
		if err := one(); err != nil {
			return Latency{}, errors.Join(err, <-ended)
		}
		all = append(all, time.Since(began))
	}
}

// measureVaults compares the program with redis-cli, in turns, on a Redis with many other keys.
func (b *bench) measureVaults(ctx context.Context, s *Sessions) error {
	scale := float64(b.sessions) / 1e6
	s.Vaults, s.Keys = int(vaultCount*scale), int((vaultCount+otherKeys)*scale)
	server, err := testenv.StartRedis(ctx)
	if err != nil {
		return err
	}
	defer server.Stop()
	options, err := driver.ParseURL(server.URL())
	if err != nil {
		return err
	}
	client := driver.NewClient(options)
	defer func() { _ = client.Close() }()
	b.note("filling a Redis of %d keys", s.Keys)
	if err := fillKeys(ctx, client, "ocmt:ratelimit:api:", s.Keys-s.Vaults, `{"count":3,"resetAt":1}`); err != nil {
		return err
	}
	empty := database{redis: server.URL()}
	if empty.name, err = b.server.CreateDatabase(ctx, testdata.Schema, testdata.AccessSchema); err != nil {
		return err
	}
	empty.url = b.server.URL("postgres", empty.name)
	var ratios []float64
	for n := range vaultRounds {
		b.note("round %d of %d: redis-cli, and ocmt session-invalidate, on %d vaults", n+1, vaultRounds, s.Vaults)
		if err := fillVaults(ctx, client, s.Vaults); err != nil {
			return err
		}
		began := time.Now()
		if err := unlinkWithCLI(ctx, server); err != nil {
			return err
		}
		plain := time.Since(began)
		if err := fillVaults(ctx, client, s.Vaults); err != nil {
			return err
		}
		done, err := b.invalidateAll(ctx, empty)
		if err != nil {
			return err
		}
		s.PeakBytes = max(s.PeakBytes, done.peak)
		s.CLI, s.OcmtVaults = append(s.CLI, plain.Seconds()), append(s.OcmtVaults, done.elapsed.Seconds())
		ratios = append(ratios, ratio(done.elapsed.Seconds(), plain.Seconds()))
	}
	s.VaultRatio = median(ratios)
	b.note("reads of Redis, beside ocmt session-invalidate")
	if err := fillVaults(ctx, client, s.Vaults); err != nil {
		return err
	}
	s.RedisBeside, err = repeatBeside(time.Millisecond, func() error {
		_, err := b.invalidateAll(ctx, empty)
		return err
	}, func() error {
		return client.Get(ctx, "ocmt:ratelimit:api:"+strconv.Itoa(rand.IntN(s.Keys-s.Vaults))).Err()
	})
	return err
}

// fillVaults writes unlocked vaults as the server does.
func fillVaults(ctx context.Context, client *driver.Client, count int) error {
	now := time.Now().UnixMilli()
	return fillKeys(ctx, client, "vault:session:", count, fmt.Sprintf(`{"userId":"0b7d3c52-6d1f-4a53-9c0e-2f6f6a1d7e01","unlockedAt":%d,"expiresAt":%d,"vaultKey":{"type":"Buffer","data":[%s255]}}`,
		now, now+3600_000, bytes.Repeat([]byte("128,"), 31)))
}

// fillKeys writes keys with one value.
func fillKeys(ctx context.Context, client *driver.Client, prefix string, count int, value string) error {
	const atOnce = 10_000
	for from := 0; from < count; from += atOnce {
		if _, err := client.Pipelined(ctx, func(pipe driver.Pipeliner) error {
			for n := from; n < min(count, from+atOnce); n++ {
				pipe.Set(ctx, prefix+strconv.Itoa(n), value, time.Hour)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// unlinkWithCLI removes the vaults as a script with redis-cli does.
func unlinkWithCLI(ctx context.Context, server *testenv.Redis) error {
	cli, err := exec.LookPath("redis-cli")
	if err != nil {
		return err
	}
	options, err := driver.ParseURL(server.URL())
	if err != nil {
		return err
	}
	host, port, _ := strings.Cut(options.Addr, ":")
	command := exec.CommandContext(ctx, "/bin/sh", "-c", `"$0" -h "$1" -p "$2" --scan --pattern 'vault:session:*' | xargs "$0" -h "$1" -p "$2" unlink >/dev/null`, cli, host, port)
	command.Env = append(os.Environ(), "REDISCLI_AUTH="+options.Password)
	var output bytes.Buffer
	command.Stderr = &output
	if err := command.Run(); err != nil {
		return fmt.Errorf("running redis-cli: %w: %s", err, output.String())
	}
	return nil
}

func (s *Sessions) section() section {
	return section{
		title: fmt.Sprintf("Ending %s sessions of %s users, and %s vaults among %s keys of Redis", groupDigits(s.Rows), groupDigits(s.Users), groupDigits(s.Vaults), groupDigits(s.Keys)),
		head:  []string{"", "seconds"},
		rows: [][]string{
			{"one plain UPDATE of the sessions", fmt.Sprintf("%.2f", median(s.Plain))},
			{"ocmt session-invalidate --all", fmt.Sprintf("%.2f", median(s.Ocmt))},
			{"redis-cli --scan, and UNLINK of the vaults", fmt.Sprintf("%.2f", median(s.CLI))},
			{"ocmt session-invalidate --all", fmt.Sprintf("%.2f", median(s.OcmtVaults))},
		},
		notes: []string{
			fmt.Sprintf("Sessions: %s the plain UPDATE, no transaction above %.0f ms (%s…). The server's lookup of a session: p99 %.2f ms alone, %.2f ms beside.",
				formatTimes(s.Ratio), s.Longest.Ms, s.Longest.Statement, s.Alone.P99, s.Beside.P99),
			fmt.Sprintf("Vaults: %s redis-cli, with the look that proves it. Reads of another client beside: p99 %.2f ms. At most %.1f MiB.",
				formatTimes(s.VaultRatio), s.RedisBeside.P99, float64(s.PeakBytes)/(1<<20)),
		},
	}
}
