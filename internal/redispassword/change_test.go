package redispassword_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/redis/redisacl"
	"github.com/ocmt/ocmt/internal/redispassword"
	"github.com/ocmt/ocmt/pkg/secret"
)

// deployment is a Redis with the store that its servers read.
type deployment struct {
	t       *testing.T
	servers []*server
	user    string // as AUTH names it
	old     string
	store   *store
	finder  redispassword.Finder
	enter   redispassword.Enter
	admin   func() string // what a new process logs in with; nil where that is the address of the store
	options redispassword.Options
	// failsAtSentinels lets what is planned fail at Sentinels alone.
	failsAtSentinels bool
}

// deploy puts a deployment together. The admin is who changes the password.
func deploy(t *testing.T, servers []*server, admin, user, old string) *deployment {
	t.Helper()
	finder := redisacl.New(servers[0].open(admin))
	t.Cleanup(finder.Close)
	name := user
	if name == "default" {
		name = ""
	}
	enter := func(ctx context.Context, address secret.Value) (string, error) {
		client := servers[0].open(address.Reveal())
		defer func() { _ = client.Close() }()
		return redisacl.Enter(ctx, client)
	}
	return &deployment{t: t, servers: servers, user: user, old: old, finder: finder, enter: enter, store: newStore(servers[0].url(name, redispassword.Encode(old).Reveal()) + "?dial_timeout=5s")}
}

func (d *deployment) sources() redispassword.Sources {
	return redispassword.Sources{Store: d.store, Finder: d.finder, Enter: d.enter, Pause: pause, Generate: func() (string, error) { return rand.Text() + rand.Text(), nil }}
}

func pause(context.Context) error { <-time.After(20 * time.Millisecond); return nil }

func (d *deployment) plan() *redispassword.Plan {
	d.t.Helper()
	plan, err := redispassword.MakePlan(context.Background(), d.sources(), d.options)
	if err != nil {
		d.t.Fatal(err)
	}
	return plan
}

func (d *deployment) begin() *redispassword.Result {
	d.t.Helper()
	result, err := redispassword.Begin(context.Background(), d.sources(), d.plan())
	if err != nil {
		d.t.Fatal(err)
	}
	if result.Stage != redispassword.Switched {
		d.t.Fatalf("the stage is %s", result.Stage)
	}
	return result
}

func (d *deployment) finish() *redispassword.Result {
	d.t.Helper()
	result, err := redispassword.Finish(context.Background(), d.sources(), d.plan(), d.options)
	if err != nil {
		d.t.Fatal(err)
	}
	return result
}

// password returns the password in the address of the store.
func (d *deployment) password() string {
	d.t.Helper()
	address, err := redispassword.ParseAddress(d.store.get("REDIS_URL"))
	if err != nil {
		d.t.Fatal(err)
	}
	return address.Password().Reveal()
}

// expect checks what every server accepts.
func (d *deployment) expect(when, accepted, refused string) {
	d.t.Helper()
	for _, server := range d.servers {
		if accepted != "" && !server.accepts(d.user, accepted) {
			d.t.Errorf("%s: %s refuses the password that it should accept", when, server.address())
		}
		if refused != "" && server.accepts(d.user, refused) {
			d.t.Errorf("%s: %s accepts the password that it should refuse", when, server.address())
		}
	}
}

// clients reconnect to every server every 50 ms.
type clients struct {
	mu       sync.Mutex
	password func() string
	failed   []string
	tries    int
	stop     func()
}

// connect starts clients with the password that a function returns.
func (d *deployment) connect(password func() string) *clients {
	c := &clients{password: password}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticks := time.NewTicker(50 * time.Millisecond)
		defer ticks.Stop()
		for {
			c.mu.Lock()
			password := c.password()
			for _, server := range d.servers {
				c.tries++
				if !server.accepts(d.user, password) {
					c.failed = append(c.failed, time.Now().String()+" "+server.address())
				}
			}
			c.mu.Unlock()
			select {
			case <-done:
				return
			case <-ticks.C:
			}
		}
	}()
	c.stop = sync.OnceFunc(func() { close(done); <-ended })
	d.t.Cleanup(c.stop)
	return c
}

// restart gives the clients the password that they have from now on.
func (c *clients) restart(password string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.password = func() string { return password }
}

// changeWithoutFailure makes the whole change under clients, restarts the servers of Redis, and
// looks at what they saved.
func changeWithoutFailure(t *testing.T, d *deployment) {
	t.Helper()
	url := d.store.get("REDIS_URL")
	old := d.old
	running := d.connect(func() string { return old })
	fresh := d.connect(d.password)
	if plan := d.plan(); plan.Check() != nil || plan.Mode != redispassword.Overlap {
		t.Fatalf("the plan refuses: %v, %s", plan.Check(), plan.Mode)
	}
	d.begin()
	made := d.password()
	if made == old || d.store.get(redispassword.NamePrevious) == "" || d.store.get(redispassword.NamePending) != "" {
		t.Error("the store has not got both passwords")
	}
	if d.store.get("REDIS_URL") != strings.Replace(url, redispassword.Encode(old).Reveal(), made, 1) {
		t.Error("the store's address differs in more than the password")
	}
	d.expect("between", old, "")
	d.expect("between", made, "")
	running.restart(made)
	if result := d.finish(); !result.Done || len(result.Unsaved) > 0 {
		t.Errorf("finished: %+v", result)
	}
	running.stop()
	fresh.stop()
	for _, c := range []*clients{running, fresh} {
		if len(c.failed) > 0 || c.tries < 10 {
			t.Errorf("%d of %d log-ins failed, the first at %s", len(c.failed), c.tries, c.failed[0])
		}
	}
	d.expect("at the end", made, old)
	if names, _ := d.store.Names(context.Background()); len(names) != 2 {
		t.Errorf("the store still has %v", names)
	}
	for _, server := range d.servers {
		server.restart()
	}
	d.expect("after a restart of Redis", made, old)
}

// If this fails, a routine change of the password of Redis cuts servers off, or a restart of Redis
// undoes it.
func TestChange(t *testing.T) {
	t.Parallel()
	t.Run("requirepass", func(t *testing.T) {
		t.Parallel()
		s := start(t, "requirepass old-password")
		changeWithoutFailure(t, deploy(t, []*server{s}, s.url("", "old-password"), "default", "old-password"))
		if strings.Contains(s.read(s.config()), "old-password") {
			t.Error("the file of the configuration still has the old password")
		}
	})
	t.Run("user in the configuration", func(t *testing.T) {
		t.Parallel()
		s := start(t, "requirepass of-the-admin", `user ocmt on ">a@b:c/d?e#f%g" ~* +@all`)
		changeWithoutFailure(t, deploy(t, []*server{s}, s.url("", "of-the-admin"), "ocmt", "a@b:c/d?e#f%g"))
	})
	t.Run("file of users, with few rights", func(t *testing.T) {
		t.Parallel()
		s := &server{t: t, folder: t.TempDir(), port: freePort(t)}
		writeFile(t, s.folder+"/users.acl", "user default off\nuser ocmt on >old-password >of-another ~* +@all\n"+
			"user few on >of-few -@all +info +acl|getuser +acl|setuser +acl|save +config|get +client|list +client|id +time +multi +discard\n")
		s.begin("bind 127.0.0.1\nport "+portText(s)+"\ndir "+s.folder+"\nsave \"\"\naclfile "+s.folder+"/users.acl\n", "")
		changeWithoutFailure(t, deploy(t, []*server{s}, s.url("few", "of-few"), "ocmt", "old-password"))
		if !s.accepts("ocmt", "of-another") {
			t.Error("another password of the user was taken away")
		}
	})
	t.Run("TLS", func(t *testing.T) {
		t.Parallel()
		s := startTLS(t, "requirepass old-password")
		changeWithoutFailure(t, deploy(t, []*server{s}, s.url("", "old-password"), "default", "old-password"))
	})
}

// If this fails, the old password is taken away from a server that still needs it.
func TestConnectionsFromBefore(t *testing.T) {
	t.Parallel()
	s := start(t, "requirepass old-password")
	d := deploy(t, []*server{s}, s.url("", "old-password"), "default", "old-password")
	held := s.open(s.url("", "old-password"))
	defer func() { _ = held.Close() }()
	if err := held.Ping(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
	d.begin()
	var left *redispassword.LeftError
	_, err := redispassword.Finish(context.Background(), d.sources(), d.plan(), d.options)
	if !errors.As(err, &left) || len(left.Clients) != 1 || left.Clients[0].From != "127.0.0.1" || left.Clients[0].Count != 1 {
		t.Fatalf("the connection from before the change is not named: %v %+v", err, left)
	}
	d.expect("refused", "old-password", "")
	_ = held.Close()
	restarted := s.open(s.url("", d.password()))
	defer func() { _ = restarted.Close() }()
	if err := restarted.Ping(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
	await(t, "the end of the old connection", func() bool { return len(d.plan().Clients) == 0 })
	if result := d.finish(); !result.Done {
		t.Error("it is not done")
	}
}
