package session_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	driver "github.com/redis/go-redis/v9"

	"github.com/ocmt/ocmt/internal/redis"
	"github.com/ocmt/ocmt/internal/redis/redissession"
	"github.com/ocmt/ocmt/internal/session"
	"github.com/ocmt/ocmt/internal/testenv"
)

// vaults is a Redis with unlocked vaults.
type vaults struct {
	t      *testing.T
	client *driver.Client // with all rights
	server *testenv.Redis
}

func newVaults(t *testing.T, settings ...string) *vaults {
	t.Helper()
	server, err := testenv.StartRedis(context.Background(), settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	options, err := driver.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	v := &vaults{t: t, client: driver.NewClient(options), server: server}
	t.Cleanup(func() { _ = v.client.Close() })
	return v
}

// cache returns the live access at an address.
func (v *vaults) cache(address, prefix string) *redissession.Cache {
	v.t.Helper()
	client, err := redis.New(address, redis.Options{})
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { _ = client.Close() })
	return redissession.New(client, redissession.Options{Prefix: prefix})
}

// unlock writes a vault as the server does.
func (v *vaults) unlock(token, user string) {
	v.t.Helper()
	v.set("vault:session:"+token, vaultText(user))
}

func vaultText(user string) string {
	now := time.Now().UnixMilli()
	text, _ := json.Marshal(map[string]any{"userId": user, "unlockedAt": now, "expiresAt": now + 3600_000, "vaultKey": map[string]any{"type": "Buffer", "data": make([]int, 32)}})
	// the order in which the server writes the fields
	return fmt.Sprintf(`{"userId":%q,"unlockedAt":%d,"expiresAt":%d,%s`, user, now, now+3600_000, string(text[strings.Index(string(text), `"vaultKey"`):]))
}

func (v *vaults) set(key, value string) {
	v.t.Helper()
	if err := v.client.Set(context.Background(), key, value, time.Hour).Err(); err != nil {
		v.t.Fatal(err)
	}
}

// get returns what stands under a key.
func (v *vaults) get(key string) string {
	text, err := v.client.Get(context.Background(), key).Result()
	if err != nil {
		return err.Error()
	}
	return text
}

const tombstone = `{"userId":"-","expiresAt":1e308}`

// If this fails, a vault stays open after everybody was to be locked out, or the servers' other data
// is gone.
func TestVaultsAreOverwritten(t *testing.T) {
	t.Parallel()
	d, v := newDatabase(t), newVaults(t)
	user := d.addUsers(2)
	d.logIn(user, 3)
	v.unlock("aaa", user[0])
	v.unlock("bbb", user[1])
	for token, text := range map[string]string{"ccc": "no JSON", "ddd": "null", "eee": `{"expiresAt":1}`, "fff": `{"biometric":true,"expiresAt":9e15,"pad":"` + strings.Repeat("x", 300) + `","userId":"` + user[0] + `"}`} {
		v.set("vault:session:"+token, text)
	}
	v.client.RPush(context.Background(), "vault:session:ggg", "a list")
	v.set("oauth:pkce:1", `{"userId":"`+user[0]+`","vaultSessionToken":"aaa"}`)
	v.set("oauth:state:2", `{}`)
	v.set("ocmt:ratelimit:a", "kept")
	v.set("vault:other", "kept")
	sources := d.sources()
	sources.Cache = v.cache(v.server.URL(), "")

	// One user: what does not tell its user is left.
	plan, result := d.end(sources, request(session.Selection{Users: user[:1]}))
	if result.Ended[session.Vaults] != 2 || result.Ended[session.OAuthFlows] != 1 || result.Ended[session.Logins] != 3 || plan.Live() != 6 {
		t.Errorf("of one user ended %v, planned %+v", result.Ended, plan.Counts)
	}
	if v.get("vault:session:aaa") != tombstone || v.get("vault:session:fff") != tombstone || v.get("vault:session:bbb") == tombstone || v.get("vault:session:ccc") != "no JSON" {
		t.Error("other vaults than those of the user were ended")
	}
	// Everybody.
	_, result = d.end(sources, request(session.Selection{All: true}))
	if result.Ended[session.Vaults] != 5 || result.Ended[session.OAuthFlows] != 1 || result.Ended[session.Logins] != 3 {
		t.Errorf("ended %v", result.Ended)
	}
	for _, token := range []string{"aaa", "bbb", "ccc", "ddd", "eee", "fff", "ggg"} {
		if v.get("vault:session:"+token) != tombstone {
			t.Errorf("under %s stands something else", token)
		}
		if left := v.client.TTL(context.Background(), "vault:session:"+token).Val(); left < 90*time.Minute {
			t.Errorf("the tombstone stays for %s only, and a server's memory holds a vault for an hour", left)
		}
	}
	if v.get("ocmt:ratelimit:a") != "kept" || v.get("vault:other") != "kept" || v.client.Exists(context.Background(), "oauth:pkce:1", "oauth:state:2").Val() != 0 {
		t.Error("other keys were touched, or flows left")
	}
	if d.alive("true") != 0 {
		t.Error("sessions are alive")
	}
	// There is nothing to do any more, and after a restart of the servers no tombstone is needed.
	if plan, result := d.end(sources, request(session.Selection{All: true})); plan.Live() != 0 || len(result.Proven) == 0 || result.Again != 0 {
		t.Errorf("once more: %+v, %+v", plan.Counts, result)
	}
	if removed, err := sources.Cache.Restore(context.Background()); removed != 7 || err != nil {
		t.Errorf("%d tombstones removed: %v", removed, err)
	}
}

// If this fails, whoever uses a vault all the time keeps it: the server writes its value again after
// each use.
func TestVaultsThatAreExtended(t *testing.T) {
	t.Parallel()
	for range rounds(1) {
		extendMeanwhile(t)
	}
}

func extendMeanwhile(t *testing.T) {
	t.Helper()
	d, v := newDatabase(t), newVaults(t)
	users := d.addUsers(4)
	const count = 400
	for n := range count {
		v.unlock(fmt.Sprintf("t%d", n), users[n%4])
	}
	ctx, stop := context.WithCancel(context.Background())
	var working sync.WaitGroup
	for worker := range 4 {
		working.Add(1)
		go func() { // as the server's extend route: it reads, and writes again what is the user's own
			defer working.Done()
			for n := worker; ctx.Err() == nil; n = (n + 4) % count {
				key := fmt.Sprintf("vault:session:t%d", n)
				if text := v.get(key); strings.Contains(text, users[n%4]) {
					v.client.Set(ctx, key, text, time.Hour)
				}
			}
		}()
	}
	sources := d.sources()
	sources.Cache = v.cache(v.server.SocketURL(), "")
	_, result := d.end(sources, request(session.Selection{All: true}))
	stop()
	working.Wait()
	if result.Looks < 2 {
		t.Errorf("%d looks prove nothing", result.Looks)
	}
	for n := range count {
		if text := v.get(fmt.Sprintf("vault:session:t%d", n)); text != tombstone {
			t.Errorf("vault %d is open", n)
		}
	}
}

// If this fails, somebody who logs in while everybody is put out stays in although he had a session
// before, or is put out although he has logged in anew.
func TestLoginsMeanwhile(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	users := d.addUsers(20)
	d.logIn(users, 50)
	other, err := pgx.Connect(context.Background(), d.url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close(context.Background()) }()
	// A log-in that has begun and not ended: it is old, and not visible yet.
	if _, err := other.Exec(context.Background(), "begin"); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exec(context.Background(), "insert into sessions (user_id, token, expires_at) values ($1, 'begun before', now() + interval '1 day')", users[0]); err != nil {
		t.Fatal(err)
	}
	plan, err := session.MakePlan(context.Background(), d.sources(), request(session.Selection{All: true}), silent{})
	if err != nil {
		t.Fatal(err)
	}
	waiting := waits{reason: make(chan string, 1)}
	ended := make(chan error, 1)
	var result *session.Result
	go func() {
		result, err = session.End(context.Background(), d.sources(), plan, nil, waiting)
		ended <- err
	}()
	<-waiting.reason
	d.exec("insert into sessions (user_id, token, expires_at) values ($1, 'begun after', now() + interval '1 day')", users[1])
	if _, err := other.Exec(context.Background(), "commit"); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if d.alive("token = 'begun after'") != 1 || d.alive("true") != 1 {
		t.Errorf("%d are alive, of those begun after %d", d.alive("true"), d.alive("token = 'begun after'"))
	}
	if result.Ended[session.Logins] != 1001 || result.Again != 1 {
		t.Errorf("ended %v, again %d", result.Ended, result.Again)
	}
}

// waits tells the first reason to wait.
type waits struct {
	silent
	reason chan string
}

func (w waits) Waiting(reason string) {
	if reason != "" {
		select {
		case w.reason <- reason:
		default:
		}
	}
}

// If this fails, an incident in which Redis is down ends with everybody still logged in.
func TestRedisIsDown(t *testing.T) {
	t.Parallel()
	d, v := newDatabase(t), newVaults(t)
	d.logIn(d.addUsers(3), 2)
	sources := d.sources()
	sources.Cache = v.cache(v.server.URL(), "")
	v.server.Stop()
	plan, err := session.MakePlan(context.Background(), sources, request(session.Selection{All: true}), silent{})
	if err != nil || len(plan.Skipped) == 0 {
		t.Fatalf("%v: %+v", err, plan)
	}
	result, err := session.End(context.Background(), sources, plan, nil, silent{})
	var down *session.CacheError
	if !errors.As(err, &down) || result.Ended[session.Logins] != 6 || d.alive("true") != 0 {
		t.Errorf("%v, ended %v", err, result.Ended)
	}
}

// If this fails, what is like a session lets somebody in who was put out.
func TestOtherKindsEnd(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	users := d.addUsers(2)
	for _, sql := range []string{
		"insert into oauth_states (state, user_id, expires_at) select gen_random_uuid(), u.id, now() + interval '1 hour' from users u",
		"insert into magic_links (email, token, expires_at) select u.email, gen_random_uuid(), now() + interval '1 hour' from users u",
		"insert into pending_mfa_sessions (user_id, session_token, expires_at) select u.id, gen_random_uuid(), now() + interval '1 hour' from users u",
		"insert into group_invites (email, token, expires_at) select u.email, gen_random_uuid(), now() + interval '1 hour' from users u",
		"insert into admin_action_confirmations (admin_id, token, expires_at) select u.id, gen_random_uuid(), now() + interval '1 hour' from users u",
		"insert into emergency_access_tokens (user_id, token_hash, expires_at) select u.id, gen_random_uuid(), now() + interval '1 hour' from users u",
		"insert into api_keys (user_id, key_hash, key_prefix) select u.id, gen_random_uuid(), 'x' from users u",
		"insert into group_vault_tokens (user_id, token_hash, expires_at) select u.id, gen_random_uuid(), now() + interval '1 hour' from users u",
		"insert into capability_approvals (user_id, token, expires_at) select u.id, gen_random_uuid(), now() + interval '1 hour' from users u",
		"insert into recovery_requests (user_id, token_hash, expires_at) select u.id, gen_random_uuid(), now() + interval '1 hour' from users u",
	} {
		d.exec(sql)
	}
	usual := []session.Kind{session.OAuthStates, session.MagicLinks, session.PendingMFA, session.GroupInvites, session.AdminConfirmations, session.EmergencyTokens}
	check := func(result *session.Result, want int64, kinds []session.Kind) {
		t.Helper()
		for _, kind := range kinds {
			if result.Ended[kind] != want {
				t.Errorf("%s: ended %d, want %d", kind, result.Ended[kind], want)
			}
		}
	}
	_, result := d.end(d.sources(), request(session.Selection{Users: users[:1]}))
	check(result, 1, usual)
	check(result, 0, session.OptionalKinds())
	asked := request(session.Selection{All: true})
	asked.Include = session.OptionalKinds()
	_, result = d.end(d.sources(), asked)
	check(result, 1, usual)
	check(result, 2, session.OptionalKinds())
	if n := d.texts("select count(*)::text from admin_action_confirmations where confirmed_at is not null")[0]; n != "0" {
		t.Errorf("%s confirmations were confirmed", n)
	}
}

// If this fails, access that somebody brings back during an incident stays, although the operator
// watches.
func TestWatchEndsWhatComesBack(t *testing.T) {
	t.Parallel()
	d, v := newDatabase(t), newVaults(t)
	users := d.addUsers(1)
	d.logIn(users, 3)
	v.unlock("a", users[0])
	sources := d.sources()
	sources.Cache = v.cache(v.server.URL(), "")
	asked := request(session.Selection{All: true})
	asked.Watch = 1500 * time.Millisecond
	plan, err := session.MakePlan(context.Background(), sources, asked, silent{})
	if err != nil {
		t.Fatal(err)
	}
	revive := sync.OnceFunc(func() {
		d.exec("update sessions set revoked_at = null")
		v.unlock("a", users[0])
		d.exec("insert into sessions (user_id, token, expires_at) values ($1, 'new', now() + interval '1 day')", users[0])
	})
	result, err := session.End(context.Background(), sources, plan, nil, watching{revive: revive})
	if err != nil {
		t.Fatal(err)
	}
	if result.Again != 4 || d.alive("token <> 'new'") != 0 || v.get("vault:session:a") != tombstone {
		t.Errorf("came back %d, alive %d", result.Again, d.alive("token <> 'new'"))
	}
	if d.alive("token = 'new'") != 1 {
		t.Error("a log-in made during the watch was ended")
	}
}

// watching does something when a watch begins.
type watching struct {
	silent
	revive func()
}

func (w watching) Phase(name string) {
	if strings.HasPrefix(name, "watching") {
		w.revive()
	}
}

// If this fails, whoever stops the work in the middle does not know how far it came, or cannot go on.
func TestStoppedAndGoneOn(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	const count = 30_000 // more pages than are in hand at once
	d.logIn(d.addUsers(50), count/50)
	plan, err := session.MakePlan(context.Background(), d.sources(), request(session.Selection{All: true}), silent{})
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	halt := sync.OnceFunc(func() { close(stop) })
	result, err := session.End(context.Background(), d.sources(), plan, stop, stopping{halt: halt})
	ended := result.Ended[session.Logins]
	if !errors.Is(err, session.ErrStopped) || ended == 0 || ended == count || int(ended) != count-d.alive("true") {
		t.Errorf("%v: ended %d, alive %d", err, ended, d.alive("true"))
	}
	if _, result := d.end(d.sources(), request(session.Selection{All: true})); result.Ended[session.Logins] != count-ended || d.alive("true") != 0 {
		t.Errorf("gone on: ended %d", result.Ended[session.Logins])
	}
}

// stopping stops the work after its first rows.
type stopping struct {
	silent
	halt func()
}

func (s stopping) Progress(done, _ int64) {
	if done > 0 {
		s.halt()
	}
}
