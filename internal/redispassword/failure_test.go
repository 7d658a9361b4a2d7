package redispassword_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ocmt/ocmt/internal/redis/redisacl"
	"github.com/ocmt/ocmt/internal/redispassword"
	"github.com/ocmt/ocmt/pkg/secret"
)

// failure fails one of the steps that change something.
type failure struct {
	at    int  // the number of the step; 0 for none
	after bool // the step is made, and the process ends before it knows
	seen  int
}

// do counts a step, and fails it where it is planned.
func (f *failure) do(work func() error) error {
	f.seen++
	if f.seen == f.at && !f.after {
		return errPlanned
	}
	err := work()
	if f.seen == f.at && err == nil {
		return errPlanned
	}
	return err
}

// failingFinder hands out servers whose steps can fail, and whose clocks run ahead, so that no test waits until Redis
// can tell ages.
type failingFinder struct {
	redispassword.Finder
	failure     *failure
	atSentinels *failure
	asked       *int
}

// Find implements redispassword.Finder.
func (f failingFinder) Find(ctx context.Context) (redispassword.Servers, error) {
	found, err := f.Finder.Find(ctx)
	for i, node := range found.Nodes {
		found.Nodes[i] = failingNode{node, f.failure, f.asked}
	}
	for i, watcher := range found.Watchers {
		found.Watchers[i] = failingWatcher{watcher, f.atSentinels}
	}
	return found, err
}

type failingWatcher struct {
	redispassword.Watcher
	failure *failure
}

func (w failingWatcher) SetAuthPass(ctx context.Context, password secret.Value) error {
	return w.failure.do(func() error { return w.Watcher.SetAuthPass(ctx, password) })
}

type failingNode struct {
	redispassword.Node
	failure *failure
	asked   *int
}

func (n failingNode) AddPassword(ctx context.Context, user string, digest redispassword.Digest) error {
	return n.failure.do(func() error { return n.Node.AddPassword(ctx, user, digest) })
}

func (n failingNode) RemovePassword(ctx context.Context, user string, digest redispassword.Digest) error {
	return n.failure.do(func() error { return n.Node.RemovePassword(ctx, user, digest) })
}

func (n failingNode) SetRequirePass(ctx context.Context, password secret.Value) error {
	return n.failure.do(func() error { return n.Node.SetRequirePass(ctx, password) })
}

func (n failingNode) SetMasterAuth(ctx context.Context, password secret.Value) error {
	return n.failure.do(func() error { return n.Node.SetMasterAuth(ctx, password) })
}

func (n failingNode) SaveUsers(ctx context.Context) error {
	return n.failure.do(func() error { return n.Node.SaveUsers(ctx) })
}

func (n failingNode) SaveConfig(ctx context.Context) error {
	return n.failure.do(func() error { return n.Node.SaveConfig(ctx) })
}

func (n failingNode) Clients(ctx context.Context) (time.Time, []redispassword.Client, error) {
	now, clients, err := n.Node.Clients(ctx)
	*n.asked++
	return now.Add(time.Duration(*n.asked) * 3 * time.Second), clients, err
}

// anotherProcess gives the deployment what a process has that knows nothing of the one before: the address in
// the store.
func (d *deployment) anotherProcess(planned *failure) {
	d.t.Helper()
	address := d.store.get("REDIS_URL")
	if d.admin != nil {
		address = d.admin()
	}
	finder := redisacl.New(d.servers[0].open(address))
	d.t.Cleanup(finder.Close)
	elsewhere := planned
	if d.failsAtSentinels {
		elsewhere = &failure{}
	}
	d.finder = failingFinder{finder, elsewhere, planned, new(int)}
	d.store.fail = func() error { return elsewhere.do(func() error { return nil }) }
}

// makeAll makes a whole change, as far as it goes.
func (d *deployment) makeAll() error {
	d.t.Helper()
	plan, err := redispassword.MakePlan(context.Background(), d.sources(), d.options)
	if err != nil {
		return err
	}
	if _, err := redispassword.Begin(context.Background(), d.sources(), plan); err != nil {
		return err
	}
	_, err = redispassword.Finish(context.Background(), d.sources(), plan, d.options)
	return err
}

// passwords returns what the store has: the password in the address, and another one where there is one.
func (d *deployment) passwords() (current string, others []string) {
	for _, name := range []string{redispassword.NamePending, redispassword.NamePrevious} {
		if text := d.store.get(name); text != "" {
			others = append(others, text)
		}
	}
	return d.password(), others
}

// checkNotLockedOut wants each server to take a password that the store has: in the mode Overlap, that of the
// address.
func (d *deployment) checkNotLockedOut(when string, mode redispassword.Mode) {
	d.t.Helper()
	current, others := d.passwords()
	for _, server := range d.servers {
		accepted := server.accepts(d.user, current)
		for _, other := range others {
			accepted = accepted || mode == redispassword.Replace && server.accepts(d.user, other)
		}
		if !accepted {
			d.t.Fatalf("%s: %s takes none of the passwords of the store", when, server.address())
		}
	}
}

// brokenSentinels hands out Sentinels that fail after they were given a password.
type brokenSentinels struct{ redispassword.Finder }

// Find implements redispassword.Finder.
func (f brokenSentinels) Find(ctx context.Context) (redispassword.Servers, error) {
	found, err := f.Finder.Find(ctx)
	for i, watcher := range found.Watchers {
		found.Watchers[i] = brokenSentinel{watcher}
	}
	return found, err
}

type brokenSentinel struct{ redispassword.Watcher }

func (w brokenSentinel) SetAuthPass(ctx context.Context, password secret.Value) error {
	return errors.Join(w.Watcher.SetAuthPass(ctx, password), errPlanned)
}

// failEverywhere lets each step of a change fail, before and after its effect, and goes on with another process.
func failEverywhere(t *testing.T, d *deployment, mode redispassword.Mode, goOn func(when, old string)) {
	t.Helper()
	least := 10 // steps of a change
	if d.failsAtSentinels {
		least = 2
	}
	d.options.OldClients = true // the connections of the process that died may still be listed
	for _, after := range []bool{false, true} {
		for at := 1; ; at++ {
			when := fmt.Sprintf("step %d, made %t", at, after)
			planned, old := &failure{at: at, after: after}, d.password()
			d.anotherProcess(planned)
			err := d.makeAll()
			if planned.seen < at {
				if err != nil || at <= least {
					t.Fatalf("%s: %v after %d steps", when, err, planned.seen)
				}
				break
			}
			if !errors.Is(err, errPlanned) {
				t.Fatalf("%s: %v", when, err)
			}
			d.checkNotLockedOut(when, mode)
			goOn(when, old)
			if names, _ := d.store.Names(context.Background()); len(names) != 2 {
				t.Fatalf("%s: the store still has %v", when, names)
			}
		}
	}
}

// finishAnew goes on with a change in another process, and checks its end.
func finishAnew(t *testing.T, d *deployment) func(when, old string) {
	return func(when, old string) {
		t.Helper()
		_, others := d.passwords()
		d.anotherProcess(&failure{})
		if err := d.makeAll(); err != nil {
			t.Fatalf("%s: going on: %v", when, err)
		}
		d.expect(when, d.password(), "")
		if len(others) > 0 { // else the change had ended
			d.expect(when, "", old)
		}
	}
}

// takeBack takes a change back in another process, where it can be, and checks its end.
func takeBack(t *testing.T, d *deployment) func(when, old string) {
	return func(when, old string) {
		t.Helper()
		d.anotherProcess(&failure{})
		plan := d.plan()
		_, err := redispassword.Back(context.Background(), d.sources(), plan)
		var refused *redispassword.RefusedError
		if errors.As(err, &refused) || errors.Is(err, redispassword.ErrIdle) {
			finishAnew(t, d)(when, old)
			return
		}
		if err != nil {
			t.Fatalf("%s: taking back: %v", when, err)
		}
		d.checkNotLockedOut(when, plan.Mode)
		if _, err := redispassword.Finish(context.Background(), d.sources(), plan, d.options); err != nil && !errors.Is(err, redispassword.ErrIdle) {
			t.Fatalf("%s: finishing after taking back: %v", when, err)
		}
		if d.password() != old {
			t.Fatalf("%s: the old password is not back in the address", when)
		}
		d.expect(when, old, "")
	}
}

// If this fails, a process that dies in the middle locks the service out, or leaves a change that nobody can end.
func TestFailureAtEachStep(t *testing.T) {
	t.Parallel()
	for name, goOn := range map[string]func(*testing.T, *deployment) func(string, string){"going on": finishAnew, "taking back": takeBack} {
		t.Run("overlap, "+name, func(t *testing.T) {
			t.Parallel()
			primary, replica := startReplicated(t, "old-password")
			d := deploy(t, []*server{primary, replica}, primary.url("", "old-password"), "default", "old-password")
			failEverywhere(t, d, redispassword.Overlap, goOn(t, d))
		})
		t.Run("replace, "+name, func(t *testing.T) {
			t.Parallel()
			primary, replica := startReplicated(t, "old-password", `rename-command ACL ""`)
			d := deploy(t, []*server{primary, replica}, primary.url("", "old-password"), "default", "old-password")
			failEverywhere(t, d, redispassword.Replace, goOn(t, d))
		})
		t.Run("cluster, "+name, func(t *testing.T) {
			t.Parallel()
			d := deployCluster(t)
			failEverywhere(t, d, redispassword.Overlap, goOn(t, d))
		})
		t.Run("TLS, "+name, func(t *testing.T) {
			t.Parallel()
			s := startTLS(t, "requirepass of-the-admin", "user ocmt on >old-password ~* +@all")
			d := deploy(t, []*server{s}, s.url("", "of-the-admin"), "ocmt", "old-password")
			d.admin = func() string { return s.url("", "of-the-admin") }
			failEverywhere(t, d, redispassword.Overlap, goOn(t, d))
		})
		t.Run("Sentinel, "+name, func(t *testing.T) {
			t.Parallel()
			d, sentinels := deployBehindSentinels(t)
			d.failsAtSentinels = true // each needs a second or two to reach its primary; other steps fail above
			d.admin = func() string { return behindSentinel(sentinels[0], d.password()) }
			failEverywhere(t, d, redispassword.Overlap, func(when, old string) {
				goOn(t, d)(when, old)
				for _, s := range sentinels {
					if text := s.read(s.config()); !strings.Contains(text, "auth-pass ocmt "+d.password()) && !strings.Contains(text, "auth-pass ocmt \""+d.password()) {
						t.Errorf("%s: a Sentinel has not saved the password", when)
					}
				}
			})
		})
	}
}

// If this fails, whoever reads the log of Redis, watches its commands or lists its slow ones reads a password.
func TestPasswordsStayOutOfLogs(t *testing.T) {
	t.Parallel()
	s := start(t, "requirepass old-password-42", "user watcher on >of-the-watcher ~* +@all")
	shown := s.monitor("watcher of-the-watcher")
	d := deploy(t, []*server{s}, s.url("", "old-password-42"), "default", "old-password-42")
	d.begin()
	if _, err := redispassword.Back(context.Background(), d.sources(), d.plan()); err != nil {
		t.Fatal(err)
	}
	d.finish()
	d.begin()
	made := d.password()
	d.finish()
	client := s.open(s.url("watcher", "of-the-watcher"))
	defer func() { _ = client.Close() }()
	slow, err := client.SlowLogGet(context.Background(), 100000).Result()
	if err != nil || len(slow) < 20 {
		t.Fatalf("the slow log has %d entries: %v", len(slow), err)
	}
	texts := map[string]string{"the log": s.read(s.log()), "MONITOR": shown(), "the slow log": fmt.Sprint(slow)}
	for place, text := range texts {
		for _, password := range []string{"old-password-42", made} {
			if len(text) < 100 || contains(text, password) {
				t.Errorf("%s (%d bytes) holds a password, or was not seen", place, len(text))
			}
		}
	}
}
