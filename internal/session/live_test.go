package session_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ocmt/ocmt/internal/postgres"
	"github.com/ocmt/ocmt/internal/postgres/pgsession"
	"github.com/ocmt/ocmt/internal/session"
)

// If this fails, somebody who uses his vault and logs in all the time while everybody is put out stays
// in with what he had before, or is put out of what he has made after it.
func TestLiveServersMeanwhile(t *testing.T) {
	t.Parallel()
	d, v := newDatabase(t), newVaults(t)
	server := v.startServer()
	users := d.addUsers(8)
	d.logIn(users, 400)
	const each = 40
	for n := range each * len(users) {
		server.unlock(fmt.Sprintf("old%d", n), users[n%len(users)])
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var working sync.WaitGroup
	var madeNew, extended atomic.Int64
	for worker := range 4 {
		working.Add(1)
		go func() { // a browser that extends its vaults all the time
			defer working.Done()
			for n := worker; ctx.Err() == nil; n = (n + 4) % (each * len(users)) {
				if server.request("POST", "/api/vault/extend", users[n%len(users)], fmt.Sprintf("old%d", n)) == 200 {
					extended.Add(1)
				}
			}
		}()
	}
	working.Add(1)
	go func() { // people who log in anew, and unlock
		defer working.Done()
		conn, err := pgx.Connect(context.Background(), d.url)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close(context.Background()) }()
		for n := 0; ctx.Err() == nil; n++ {
			if _, err := conn.Exec(context.Background(), "insert into sessions (user_id, token, expires_at) values ($1, 'new' || $2::text, now() + interval '1 day')", users[n%len(users)], fmt.Sprint(n)); err != nil {
				t.Error(err)
			}
			madeNew.Add(1)
		}
	}()
	sources := d.sources()
	sources.Cache = v.cache(v.server.URL(), "")
	before := d.texts("select clock_timestamp()::timestamp::text")[0]
	_, result := d.end(sources, request(session.Selection{All: true}))
	after := d.texts("select clock_timestamp()::timestamp::text")[0]
	stop()
	working.Wait()
	if alive := d.alive("created_at <= '" + before + "'"); alive != 0 {
		t.Errorf("%d log-ins from before the start are alive", alive)
	}
	// What began between the two clocks may be either; what began after the end of the work is not in it.
	if ended := d.texts("select count(*)::text from sessions where revoked_at is not null and created_at > '" + after + "'")[0]; ended != "0" {
		t.Errorf("%s log-ins were ended that began after the work", ended)
	}
	for n := range each * len(users) {
		if server.isOpen(fmt.Sprintf("old%d", n), users[n%len(users)]) {
			t.Fatalf("vault %d is open after the end", n)
		}
	}
	if madeNew.Load() == 0 || result.Ended[session.Vaults] < int64(each*len(users)) {
		t.Errorf("the test is void: %d new log-ins, %d extended, %d vaults ended", madeNew.Load(), extended.Load(), result.Ended[session.Vaults])
	}
}

// cut is a connection to a server that can be cut off.
type cut struct {
	listener net.Listener
	network  string
	target   string
	mu       sync.Mutex
	broken   bool
	open     []net.Conn
}

func startCut(t *testing.T, network, target string) *cut {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cut{listener: listener, network: network, target: target}
	t.Cleanup(func() { _ = listener.Close(); c.set(true) })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			c.serve(client)
		}
	}()
	return c
}

func (c *cut) serve(client net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	server, err := net.Dial(c.network, c.target)
	if c.broken || err != nil {
		_ = client.Close()
		return
	}
	c.open = append(c.open, client, server)
	for _, pair := range [][2]net.Conn{{client, server}, {server, client}} {
		go func() {
			_, _ = io.Copy(pair[0], pair[1])
			_ = pair[0].Close()
		}()
	}
}

// set cuts every connection off and takes no more, or takes them again.
func (c *cut) set(broken bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = broken
	for _, conn := range c.open {
		_ = conn.Close()
	}
	c.open = nil
}

// through returns an address with the host of the cut.
func (c *cut) through(t *testing.T, address string) string {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	parsed.Host = c.listener.Addr().String()
	if c.network == "unix" {
		parsed.RawQuery = "sslmode=disable"
	}
	return parsed.String()
}

// after does something once so much has ended.
type after struct {
	silent
	count int64
	then  func()
}

func (a after) Progress(done, _ int64) {
	if done >= a.count {
		a.then()
	}
}

// If this fails, a Redis or a PostgreSQL that is lost in the middle leaves access alive that is counted
// as ended, or the same command does not finish it.
func TestStoresLostInTheMiddle(t *testing.T) {
	t.Parallel()
	const users, each, vaults = 20, 300, 3000
	for name, lost := range map[string]func(redis, database *cut) *cut{
		"Redis":      func(redis, _ *cut) *cut { return redis },
		"PostgreSQL": func(_, database *cut) *cut { return database },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for round := range rounds(3) {
				d, v := newDatabase(t), newVaults(t)
				people := d.addUsers(users)
				d.logIn(people, each)
				for n := range vaults {
					v.unlock(fmt.Sprint("t", n), people[n%users])
				}
				address, err := url.Parse(v.server.URL())
				if err != nil {
					t.Fatal(err)
				}
				server, err := url.Parse(d.url)
				if err != nil {
					t.Fatal(err)
				}
				socket := server.Query().Get("host") + "/.s.PGSQL." + server.Query().Get("port")
				redis, database := startCut(t, "tcp", address.Host), startCut(t, "unix", socket)
				db, err := postgres.New(database.through(t, d.url), postgres.Options{ApplicationName: "ocmt-test", LockTimeout: time.Second, StatementTimeout: time.Minute})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(db.Close)
				sources := d.sources()
				sources.Database, sources.Cache = pgsession.New(db), v.cache(redis.through(t, v.server.URL()), "")
				plan, err := session.MakePlan(context.Background(), sources, request(session.Selection{All: true}), silent{})
				if err != nil {
					t.Fatal(err)
				}
				link := lost(redis, database)
				at := int64(vaults / 2)
				if link == database {
					at = vaults + users*each/2
				}
				result, err := session.End(context.Background(), sources, plan, nil, after{count: at + int64(round)*37, then: sync.OnceFunc(func() { link.set(true) })})
				if err == nil {
					t.Fatal("the loss was not noticed")
				}
				var down *session.CacheError
				if isDown := errors.As(err, &down); isDown != (link == redis) {
					t.Errorf("the error is %v", err)
				}
				if link == redis && d.alive("true") != 0 {
					t.Error("without Redis, sessions are left in PostgreSQL")
				}
				cutOff := session.Logins
				if link == redis {
					cutOff = session.Vaults
				}
				if slices.Contains(result.Proven, cutOff) {
					t.Errorf("%s are called proven", cutOff)
				}
				link.set(false)
				if _, again := d.end(sources, request(session.Selection{All: true})); again.Ended[session.Vaults] > vaults {
					t.Errorf("%v ended by the second run", again.Ended)
				}
				if d.alive("true") != 0 {
					t.Errorf("%d sessions are alive", d.alive("true"))
				}
				for n := range vaults {
					if text := v.get(fmt.Sprint("vault:session:t", n)); text != tombstone {
						t.Fatalf("vault %d is open", n)
					}
				}
			}
		})
	}
}
