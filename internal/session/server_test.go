package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/probe"
	"github.com/ocmt/ocmt/internal/session"
	"github.com/ocmt/ocmt/internal/testenv"
)

const adminToken = "the token of the servers"

// asked is a server at an endpoint, asked with the admin token.
type asked struct{ *probe.Server }

func (a asked) LockVault(ctx context.Context, vault session.Token) error {
	return a.Server.LockVault(ctx, vault, session.NewToken(adminToken))
}

func ask(t *testing.T, address string) session.Server {
	t.Helper()
	server, err := probe.New(address, probe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return asked{server}
}

// vaultServer is a process that keeps vaults in memory too.
type vaultServer struct {
	t *testing.T
	*testenv.VaultServer
}

func (v *vaults) startServer() vaultServer {
	v.t.Helper()
	server, err := testenv.StartVaultServer(v.server, adminToken)
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(server.Stop)
	return vaultServer{v.t, server}
}

// request sends a request of a user about a vault, and returns the status.
func (s vaultServer) request(method, path, user, token string) int {
	s.t.Helper()
	request, err := http.NewRequest(method, s.URL+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer user "+user)
	request.Header.Set("X-Vault-Session", token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

func (s vaultServer) unlock(token, user string) {
	s.t.Helper()
	s.request("POST", "/test/unlock?token="+token+"&user="+user, "", "")
}

// isOpen reports whether a vault is unlocked for its user, and isInMemory whether the routes that look
// at memory alone take it for that.
func (s vaultServer) isOpen(token, user string) bool {
	s.t.Helper()
	return s.request("GET", "/api/vault/status", user, token) == 200
}

func (s vaultServer) isInMemory(token string) bool {
	s.t.Helper()
	return s.request("GET", "/api/internal/vault", "", token) == 200
}

// If this fails, a vault is open after it has ended: the server takes it from its memory, or somebody
// else's vault from Redis.
func TestWhatAServerTakesARedisValueFor(t *testing.T) {
	t.Parallel()
	d, v := newDatabase(t), newVaults(t)
	server := v.startServer()
	// What stands under a key, and whether the vault is open at a first and a second look.
	for n, one := range []struct {
		value         string
		first, second bool
	}{
		{"deleted", true, true}, {`{"expiresAt":1}`, false, true}, {"{}", false, true}, {"0", false, true},
		{"no JSON", true, true}, {"null", true, true}, {"", true, true}, {tombstone, false, false},
	} {
		token := fmt.Sprintf("v%d", n)
		server.unlock(token, "u")
		if one.value == "deleted" {
			v.client.Del(context.Background(), "vault:session:"+token)
		} else {
			v.set("vault:session:"+token, one.value)
		}
		if first, second := server.isOpen(token, "u"), server.isOpen(token, "u"); first != one.first || second != one.second {
			t.Errorf("with %q in Redis the vault is open: %v, then %v", one.value, first, second)
		}
	}
	// Whatever stood there, the tool ends it for every reader that asks Redis.
	server.unlock("x", "u")
	sources := d.sources()
	sources.Cache = v.cache(v.server.URL(), "")
	d.end(sources, request(session.Selection{All: true}))
	if server.isOpen("x", "u") || server.request("POST", "/api/vault/extend", "u", "x") != 401 || server.isOpen("x", "u") {
		t.Error("the vault is open, or was extended")
	}
	if !server.isInMemory("x") {
		t.Error("the test is void: the server has forgotten the vault by itself")
	}
	// What a server has extended stands for nobody as before, and nothing is left to do.
	if _, result := d.end(sources, request(session.Selection{All: true})); result.Ended[session.Vaults] != 0 {
		t.Errorf("ended again: %v", result.Ended)
	}
}

// If this fails, a vault that has ended is open in the memory of a server that was asked to forget it,
// or of another one because its tombstone is gone.
func TestServersForgetVaults(t *testing.T) {
	t.Parallel()
	d, v := newDatabase(t), newVaults(t)
	servers := []vaultServer{v.startServer(), v.startServer(), v.startServer()}
	users := d.addUsers(2)
	const count = 30
	for n := range count {
		for _, server := range servers { // each has used it once
			server.unlock(fmt.Sprintf("t%d", n), users[n%2])
		}
	}
	sources := d.sources()
	sources.Cache, sources.Servers = v.cache(v.server.URL(), ""), []session.Server{ask(t, servers[0].URL), ask(t, servers[1].URL)}
	_, result := d.end(sources, request(session.Selection{All: true}))
	if result.Locked != count || result.Ended[session.Vaults] != count {
		t.Errorf("%d locked, %v ended, of %d", result.Locked, result.Ended, count)
	}
	for n := range count {
		token, user := fmt.Sprintf("t%d", n), users[n%2]
		for i, server := range servers {
			if server.isOpen(token, user) || server.isInMemory(token) != (i == 2) {
				t.Fatalf("vault %d at server %d: open %v, in memory %v", n, i, server.isOpen(token, user), server.isInMemory(token))
			}
		}
	}
	// The servers are not asked again for what they have forgotten; a third one is.
	if _, result := d.end(sources, request(session.Selection{All: true})); result.Locked != 0 {
		t.Errorf("%d locked again", result.Locked)
	}
	sources.Servers = append(sources.Servers, ask(t, servers[2].URL))
	if _, result := d.end(sources, request(session.Selection{All: true})); result.Locked != count {
		t.Errorf("%d locked at the third server", result.Locked)
	}
	if removed, err := sources.Cache.Restore(context.Background()); err != nil || removed != count {
		t.Errorf("%d tombstones removed: %v", removed, err)
	}
	for n := range count {
		for _, server := range servers {
			if server.isOpen(fmt.Sprintf("t%d", n), users[n%2]) {
				t.Fatal("without the tombstones a vault is open, and no server was to have it")
			}
		}
	}
}

// If this fails, a work that was cut off while servers were asked leaves a vault open at the others: a
// server removes the tombstone, and the tool must put it back.
func TestCutOffWhileServersAreAsked(t *testing.T) {
	t.Parallel()
	d, v := newDatabase(t), newVaults(t)
	first, second := v.startServer(), v.startServer()
	first.unlock("a", "u")
	second.unlock("a", "u")
	sources := d.sources()
	sources.Cache = v.cache(v.server.URL(), "")
	// The first server has locked the vault. The second has ended before its answer came, and with it
	// the work.
	ended := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer ended.Close()
	sources.Servers = []session.Server{ask(t, first.URL), ask(t, ended.URL)}
	plan, err := session.MakePlan(context.Background(), sources, request(session.Selection{All: true}), silent{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = session.End(context.Background(), sources, plan, nil, silent{})
	var failure *session.ServerError
	if !errors.As(err, &failure) || failure.Left != 1 || !errors.Is(err, probe.ErrNoAnswer) {
		t.Fatalf("the end is %v", err)
	}
	if second.isOpen("a", "u") {
		t.Error("the vault is open at the second server")
	}
	// Killed between the answer of the first server and the tombstone: only the mark of what is in hand
	// is there.
	v.client.Del(context.Background(), "vault:session:a")
	v.set("vault:session:ocmt-in-hand:a", tombstone)
	if !second.isOpen("a", "u") {
		t.Fatal("the test is void: the vault is closed without a tombstone")
	}
	sources.Servers = []session.Server{ask(t, first.URL), ask(t, second.URL)}
	if _, result := d.end(sources, request(session.Selection{All: true})); result.Locked != 1 {
		t.Errorf("%d locked by the next run", result.Locked)
	}
	if second.isOpen("a", "u") || second.isInMemory("a") || v.client.Exists(context.Background(), "vault:session:ocmt-in-hand:a").Val() != 0 {
		t.Error("the vault is open, or the mark is left")
	}
}

// If this fails, a server that takes no more requests, or another service, is taken for one that has
// locked a vault.
func TestServersThatDoNotLock(t *testing.T) {
	t.Parallel()
	d, v := newDatabase(t), newVaults(t)
	var status atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "1800")
		w.WriteHeader(int(status.Load()))
	}))
	defer other.Close()
	for _, user := range d.addUsers(3) {
		v.unlock("t"+user, user)
	}
	sources := d.sources()
	sources.Cache, sources.Servers = v.cache(v.server.URL(), ""), []session.Server{ask(t, other.URL)}
	plan, err := session.MakePlan(context.Background(), sources, request(session.Selection{All: true}), silent{})
	if err != nil {
		t.Fatal(err)
	}
	for code, check := range map[int]func(error) bool{
		429: func(err error) bool {
			var status *probe.StatusError
			return errors.As(err, &status) && status.IsBusy() && status.RetryAfter == 30*time.Minute
		},
		401: func(err error) bool {
			var status *probe.StatusError
			return errors.As(err, &status) && status.IsRefusal()
		},
		301: func(err error) bool {
			var status *probe.StatusError
			return errors.As(err, &status) && status.Status == 301
		},
		// These say that it is done, and the key in Redis is there.
		200: func(err error) bool { return errors.Is(err, session.ErrKept) },
		500: func(err error) bool { return errors.Is(err, session.ErrKept) },
	} {
		status.Store(int64(code))
		result, err := session.End(context.Background(), sources, plan, nil, silent{})
		var failure *session.ServerError
		if !errors.As(err, &failure) || failure.Left != 3 || !check(err) || result.Locked != 0 || strings.Contains(err.Error(), "t"+plan.Moment.Database) {
			t.Errorf("%d: %v, %d locked", code, err, result.Locked)
		}
	}
	for _, key := range v.client.Keys(context.Background(), "*").Val() {
		if v.get(key) != tombstone || strings.Contains(key, "in-hand") {
			t.Errorf("under %s stands %s", key, v.get(key))
		}
	}
}

// streamServer closes the WebSockets of a user at his log-out, and deletes the session, as the
// management server does.
type streamServer struct {
	*httptest.Server
	mu     sync.Mutex
	closed []string // users
	fails  atomic.Bool
}

func (d *database) startStreamServer() *streamServer {
	s := &streamServer{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/auth/logout", func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		s.mu.Lock()
		defer s.mu.Unlock()
		users := d.texts("select user_id::text from sessions where token = $1 and expires_at > now() and revoked_at is null", digest(token))
		if s.fails.Load() || len(users) == 0 {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		s.closed = append(s.closed, users[0])
		d.exec("delete from sessions where token = $1", digest(token))
	})
	mux.HandleFunc("GET /api/auth/sessions", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(d.texts("select id::text from sessions where token = $1 and expires_at > now() and revoked_at is null", digest(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")))) == 0 {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	s.Server = httptest.NewServer(mux)
	d.t.Cleanup(s.Close)
	return s
}

// If this fails, whoever is put out goes on reading over a WebSocket that is open, or a session that
// the tool made is left, or others are thrown out of theirs.
func TestWebSocketsAreClosed(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	server := d.startStreamServer()
	users := d.addUsers(3)
	d.logIn(users, 2)
	d.exec("update sessions set revoked_at = now() where user_id = $1", users[1]) // long ago, and his WebSocket is open
	sources := d.sources()
	sources.Servers = []session.Server{ask(t, server.URL)}
	one := request(session.Selection{Users: users[:1]})
	one.CloseStreams = true
	if _, result := d.end(sources, one); result.StreamsClosed != 1 || fmt.Sprint(server.closed) != fmt.Sprint(users[:1]) {
		t.Errorf("%d closed: %v", result.StreamsClosed, server.closed)
	}
	server.closed = nil
	all := request(session.Selection{All: true, ExceptUsers: users[2:]})
	all.CloseStreams = true
	if _, result := d.end(sources, all); result.StreamsClosed != 2 || len(server.closed) != 2 || strings.Contains(strings.Join(server.closed, " "), users[2]) {
		t.Errorf("%d closed: %v", result.StreamsClosed, server.closed)
	}
	server.fails.Store(true)
	plan, err := session.MakePlan(context.Background(), sources, one, silent{})
	if err != nil {
		t.Fatal(err)
	}
	var failure *session.ServerError
	if _, err := session.End(context.Background(), sources, plan, nil, silent{}); !errors.As(err, &failure) || failure.Left != 1 {
		t.Errorf("with a server that refuses: %v", err)
	}
	if left := d.texts("select user_agent from sessions where user_agent like 'ocmt%'"); len(left) != 0 || d.alive("true") != 2 {
		t.Errorf("%d sessions of the tool are left, and %d alive", len(left), d.alive("true"))
	}
}

// If this fails, a session that a server still takes is called refused, or one that proves nothing is
// taken for a proof.
func TestProof(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	server, users := d.startStreamServer(), d.addUsers(2)
	for n, user := range users {
		d.exec("insert into sessions (user_id, token, expires_at) values ($1, $2, now() + interval '1 hour')", user, digest(fmt.Sprintf("mine%d", n)))
	}
	sources := d.sources()
	sources.Servers = []session.Server{ask(t, server.URL)}
	ctx := context.Background()
	plan, err := session.MakePlan(ctx, sources, request(session.Selection{Users: users[:1]}), silent{})
	if err != nil {
		t.Fatal(err)
	}
	check := func(token string) error {
		return plan.CheckProof(ctx, sources, session.NewToken(token), session.DigestOf(token))
	}
	if err := check("mine1"); !errors.Is(err, session.ErrNotSelected) {
		t.Errorf("a session of another user: %v", err)
	}
	if err := check("nobody's"); !errors.Is(err, session.ErrNotSelected) {
		t.Errorf("no session: %v", err)
	}
	if err := check("mine0"); err != nil {
		t.Errorf("a session that is selected: %v", err)
	}
	if _, err := session.ProveRefusal(ctx, sources.Servers, session.NewToken("mine0")); !errors.Is(err, session.ErrStillAccepted) {
		t.Errorf("before it has ended: %v", err)
	}
	d.end(sources, plan.Request)
	if refused, err := session.ProveRefusal(ctx, sources.Servers, session.NewToken("mine0")); err != nil || len(refused) != 1 {
		t.Errorf("after it has ended: %v, %v", refused, err)
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	if refused, err := session.ProveRefusal(ctx, append(sources.Servers, ask(t, gone.URL)), session.NewToken("mine0")); len(refused) != 1 || !errors.Is(err, probe.ErrNoAnswer) {
		t.Errorf("with a server that does not answer: %v, %v", refused, err)
	}
}
