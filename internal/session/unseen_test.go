package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/postgres/pgsession"
	"github.com/ocmt/ocmt/internal/redis"
	"github.com/ocmt/ocmt/internal/redis/redissession"
	"github.com/ocmt/ocmt/internal/session"
)

// plan plans, and returns the error.
func (d *database) plan(sources session.Sources, asked session.Request) (*session.Plan, error) {
	return session.MakePlan(context.Background(), sources, asked, silent{})
}

// at returns the live access at an address of this database.
func (d *database) at(change func(*url.URL)) *pgsession.Store {
	d.t.Helper()
	address, err := url.Parse(d.url)
	if err != nil {
		d.t.Fatal(err)
	}
	change(address)
	db, err := postgres.New(address.String(), postgres.Options{ApplicationName: "ocmt-test", LockTimeout: time.Second, StatementTimeout: time.Minute})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(db.Close)
	return pgsession.New(db)
}

// as returns the live access as an account sees it, which may do everything with the tables.
func (d *database) as(settings string) (*pgsession.Store, string) {
	d.t.Helper()
	name := "role_" + strings.ToLower(fmt.Sprint(time.Now().UnixNano()))
	d.exec("create role " + name + " login")
	d.t.Cleanup(func() { d.exec("drop owned by " + name + "; drop role " + name) })
	d.exec("grant all on all tables in schema public to " + name)
	if settings != "" {
		d.exec("alter role " + name + " " + settings)
	}
	return d.at(func(u *url.URL) { u.User = url.User(name) }), name
}

func with(value string, u *url.URL) { u.RawQuery += "&" + value }

// If this fails, live sessions are taken for expired, or new ones for old, because their times have no
// zone and the connection has another than the servers.
func TestTimeZones(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.logIn(d.addUsers(1), 1)
	sources := d.sources()
	var zone *session.TimeZoneError
	sources.Database = d.at(func(u *url.URL) { with("timezone=Asia/Tokyo", u) })
	if _, err := d.plan(sources, request(session.Selection{All: true})); !errors.As(err, &zone) || zone.Ours != "Asia/Tokyo" || zone.Of != "" {
		t.Errorf("set by the address: %v", err)
	}
	store, name := d.as("in database " + d.texts("select current_database()")[0] + " set timezone = 'America/Lima'")
	sources.Database = d.store
	if _, err := d.plan(sources, request(session.Selection{All: true})); !errors.As(err, &zone) || zone.Of != name {
		t.Errorf("the account of a server has another: %v", err)
	}
	sources.Database = store
	if _, err := d.plan(sources, request(session.Selection{All: true})); err != nil {
		t.Errorf("as the account of the server: %v", err)
	}
}

// If this fails, a session that says that it begins later survives a log-out of everybody, unseen.
func TestSessionsFromTheFuture(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.logIn(d.addUsers(2), 2)
	d.exec("update sessions set created_at = now() + interval '2 hours' where id = (select id from sessions limit 1)")
	plan, result := d.end(d.sources(), request(session.Selection{All: true}))
	if plan.Counts[0].Selected+plan.Live() == 0 || result.Ended[session.Logins] != 4 || d.alive("true") != 0 {
		t.Errorf("planned %+v, ended %v, alive %d", plan.Counts, result.Ended, d.alive("true"))
	}
	d.logIn(d.addUsers(1), session.MaxEarly+1)
	d.exec("update sessions set created_at = now() + interval '2 hours' where revoked_at is null")
	var early *session.EarlyError
	if _, err := d.plan(d.sources(), request(session.Selection{All: true})); !errors.As(err, &early) {
		t.Errorf("with very many: %v", err)
	}
	asked := request(session.Selection{All: true})
	asked.IncludingNew = true
	if _, result := d.end(d.sources(), asked); result.Ended[session.Logins] != session.MaxEarly+1 {
		t.Errorf("with new ones: %v", result.Ended)
	}
}

// If this fails, a database in which sessions cannot be seen passes for one in which none is alive.
func TestSessionsThatAreNotSeen(t *testing.T) {
	t.Parallel()
	for name, hide := range map[string]string{
		"a view":         "alter table sessions rename to sessions_base; create view sessions as select * from sessions_base",
		"another schema": "create schema app; alter table sessions set schema app",
		"no table":       "drop table sessions",
	} {
		d := newDatabase(t)
		d.logIn(d.addUsers(1), 1)
		d.exec(hide)
		var missing *pgsession.MissingTableError
		if _, err := d.plan(d.sources(), request(session.Selection{All: true})); !errors.As(err, &missing) || (name == "no table") != (len(missing.Others) == 0) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d := newDatabase(t)
	d.logIn(d.addUsers(1), 1)
	sources := d.sources()
	sources.Database, _ = d.as("")
	d.exec("alter table sessions enable row level security")
	var hidden *pgsession.HiddenRowsError
	if _, err := d.plan(sources, request(session.Selection{All: true})); !errors.As(err, &hidden) {
		t.Errorf("hidden by row security: %v", err)
	}
	// A table that a deployment lacks is said.
	e := newDatabase(t)
	e.exec("drop table magic_links")
	plan, err := e.plan(e.sources(), request(session.Selection{All: true}))
	if err != nil || !slices.ContainsFunc(plan.Skipped, func(s session.Skip) bool { return s.Kind == session.MagicLinks }) {
		t.Errorf("%v, %+v", err, plan)
	}
}

// If this fails, an operator who finishes a work that failed is told that nothing is alive, while the
// vaults and links of those whose sessions have ended are.
func TestFinishedAfterAFailure(t *testing.T) {
	t.Parallel()
	d, v := newDatabase(t), newVaults(t)
	users := d.addUsers(3)
	d.logIn(users, 1)
	d.exec("update sessions set ip_address = '203.0.113.9' where user_id = $1", users[0])
	d.exec("insert into magic_links (email, token, expires_at) select email, id, now() + interval '1 hour' from users")
	d.exec(`create function refuse() returns trigger language plpgsql as $$ begin raise 'refused'; end $$; create trigger refuse before update on magic_links for each row execute function refuse()`)
	v.unlock("mine", users[0])
	link := startCut(t, "tcp", hostOf(t, v))
	sources := d.sources()
	sources.Cache = v.cache(link.through(t, v.server.URL()), "")
	asked := request(session.Selection{Networks: []netip.Prefix{netip.MustParsePrefix("203.0.113.9/32")}})
	try := func(asked session.Request) (*session.Result, error) {
		plan, err := d.plan(sources, asked)
		if err != nil {
			t.Fatal(err)
		}
		return session.End(context.Background(), sources, plan, nil, silent{})
	}
	// A table refuses: the session is left, so that it tells whose the rest is.
	if _, err := try(asked); err == nil || d.alive("true") != 3 {
		t.Fatalf("%v, %d alive", err, d.alive("true"))
	}
	d.exec("drop trigger refuse on magic_links")
	v.unlock("mine", users[0])
	link.set(true)
	result, err := try(asked)
	var down *session.CacheError
	if !errors.As(err, &down) || !slices.Equal(result.UsersLeft, users[:1]) || d.alive("true") != 2 {
		t.Fatalf("without Redis: %v, left %v", err, result.UsersLeft)
	}
	link.set(false)
	rest := request(session.Selection{Users: result.UsersLeft})
	rest.KeepLogins = true
	d.logIn(users[:1], 1)
	if result, err := try(rest); err != nil || result.Ended[session.Vaults] != 1 || v.get("vault:session:mine") != tombstone || d.alive("true") != 3 {
		t.Errorf("finished: %v, %v", err, result.Ended)
	}
}

// If this fails, whoever brings vaults back all the time keeps every session of everybody alive.
func TestVaultsThatComeBackKeepNothingElse(t *testing.T) {
	t.Parallel()
	d, v := newDatabase(t), newVaults(t)
	d.logIn(d.addUsers(2), 2)
	sources := d.sources()
	sources.Cache = v.cache(v.server.URL(), "")
	plan, err := d.plan(sources, request(session.Selection{All: true}))
	if err != nil {
		t.Fatal(err)
	}
	v.set("vault:session:a", `{"userId":"u"}`)
	result, err := session.End(context.Background(), sources, plan, nil, phases(func(string) { v.set("vault:session:a", `{"userId":"u"}`) }))
	var down *session.CacheError
	if !errors.As(err, &down) || !errors.Is(err, session.ErrStillAlive) || d.alive("true") != 0 || slices.Contains(result.Proven, session.Vaults) {
		t.Errorf("%v, %d sessions alive, proven %v", err, d.alive("true"), result.Proven)
	}
}

// phases does something at each phase.
type phases func(name string)

func (p phases) Phase(name string)     { p(name) }
func (p phases) Progress(int64, int64) {}
func (p phases) Waiting(string)        {}

// If this fails, sessions that come to new pages of the table while it is watched are never ended.
func TestTableGrowsMeanwhile(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	users := d.addUsers(2)
	d.logIn(users, 2)
	asked := request(session.Selection{All: true})
	asked.Watch = 1500 * time.Millisecond
	plan, err := d.plan(d.sources(), asked)
	if err != nil {
		t.Fatal(err)
	}
	grow := sync.OnceFunc(func() {
		d.exec(`insert into sessions (user_id, token, expires_at, created_at) select u::uuid, gen_random_uuid()::text, now() + interval '7 days', now() - interval '1 day' from unnest($1::text[]) u, generate_series(1, 5000)`, users)
	})
	if _, err := session.End(context.Background(), d.sources(), plan, nil, watching{revive: grow}); err != nil || d.alive("true") != 0 {
		t.Errorf("%v, %d alive", err, d.alive("true"))
	}
}

// If this fails, a server that says yes to everything is said to have closed WebSockets.
func TestServerThatLogsNobodyOut(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	users := d.addUsers(1)
	d.logIn(users, 1)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	sources := d.sources()
	sources.Servers = []session.Server{ask(t, server.URL)}
	asked := request(session.Selection{All: true})
	asked.CloseStreams = true
	plan, err := d.plan(sources, asked)
	if err != nil {
		t.Fatal(err)
	}
	result, err := session.End(context.Background(), sources, plan, nil, silent{})
	if !errors.Is(err, session.ErrNotLoggedOut) || result.StreamsClosed != 0 || len(d.texts("select id::text from sessions where revoked_at is null")) != 0 {
		t.Errorf("%v, %d closed", err, result.StreamsClosed)
	}
}

// If this fails, one Redis that is down keeps the vaults of the others open, or a replica is taken for
// what the servers write to.
func TestSeveralRedis(t *testing.T) {
	t.Parallel()
	d, up, down := newDatabase(t), newVaults(t), newVaults(t)
	up.unlock("a", "u")
	down.server.Stop()
	sources := d.sources()
	group := redissession.Group{down.cache(down.server.URL(), ""), up.cache(up.server.URL(), "")}
	sources.Cache = group
	plan, err := d.plan(sources, request(session.Selection{All: true}))
	if err != nil {
		t.Fatal(err)
	}
	var lost *session.CacheError
	if _, err := session.End(context.Background(), sources, plan, nil, silent{}); !errors.As(err, &lost) || up.get("vault:session:a") != tombstone {
		t.Errorf("%v; under the key stands %s", err, up.get("vault:session:a"))
	}
	replica := newVaults(t, "replicaof 127.0.0.1 1")
	if _, err := replica.cache(replica.server.URL(), "").Now(context.Background()); !errors.Is(err, redis.ErrReplica) {
		t.Errorf("of a replica: %v", err)
	}
}

// If this fails, one key that no server has made keeps the vaults of all others in the servers' memory.
func TestKeysThatAreNoTokens(t *testing.T) {
	t.Parallel()
	d, v := newDatabase(t), newVaults(t)
	server := v.startServer()
	server.unlock("a", "u")
	v.set("vault:session:b\nc", vaultText("u"))
	v.set("vault:session:", vaultText("u"))
	sources := d.sources()
	sources.Cache, sources.Servers = v.cache(v.server.URL(), ""), []session.Server{ask(t, server.URL)}
	if _, result := d.end(sources, request(session.Selection{All: true})); result.Locked != 1 || result.Ended[session.Vaults] != 3 || server.isInMemory("a") {
		t.Errorf("%+v", result)
	}
}

// If this fails, a clean-up of expired sessions locks the vaults of people who are at work.
func TestExpiredEndsNothingElse(t *testing.T) {
	t.Parallel()
	d, v := newDatabase(t), newVaults(t)
	users := d.addUsers(1)
	d.logIn(users, 1)
	d.exec("update sessions set expires_at = now() - interval '1 hour'")
	d.exec("insert into magic_links (email, token, expires_at) select email, id, now() + interval '1 hour' from users")
	v.unlock("a", users[0])
	sources := d.sources()
	sources.Cache = v.cache(v.server.URL(), "")
	asked := request(session.Selection{Expired: true})
	asked.Ending.Delete = true
	if _, result := d.end(sources, asked); result.Ended[session.Logins] != 1 || len(result.Ended) != 1 || v.get("vault:session:a") == tombstone {
		t.Errorf("ended %v", result.Ended)
	}
}

// If this fails, a link counts for one of two users whose addresses differ in case only, or a few
// hundred links take minutes.
func TestLinksByAddress(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.exec("insert into users (email, gateway_token) select n || '@example.org', 'x' from generate_series(1, 30000) n")
	d.exec("insert into users (email, gateway_token) values ('same@example.org', 'x'), ('SAME@example.org', 'x')")
	d.exec("insert into magic_links (email, token, expires_at) select 'nobody' || n || '@example.org', n, now() + interval '1 hour' from generate_series(1, 2000) n")
	d.exec("insert into magic_links (email, token, expires_at) values ('Same@example.org', 'same', now() + interval '1 hour')")
	// What one comparison of all with all by their hashes takes shows how busy this machine is.
	began := time.Now()
	d.texts("select count(*)::text from users u join magic_links l on lower(l.email) = lower(u.email)")
	limit := 20*time.Second + 200*time.Since(began)
	for _, user := range d.texts("select id::text from users where lower(email) = 'same@example.org'") {
		began := time.Now()
		d.exec("update magic_links set used_at = null")
		if _, result := d.end(d.sources(), request(session.Selection{Users: []string{user}})); result.Ended[session.MagicLinks] != 1 {
			t.Errorf("ended %v", result.Ended)
		}
		if took := time.Since(began); took > limit {
			t.Errorf("it took %s, and may take %s", took, limit)
		}
	}
}
