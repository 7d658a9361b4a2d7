package redispassword_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/redispassword"
)

// If this fails, the password of one Redis is changed and the store of another gets it: the servers are locked out
// when they restart, and the change was told as done.
func TestStoreLeadsToAnotherRedis(t *testing.T) {
	t.Parallel()
	given, other := start(t, "requirepass old-password"), start(t, "requirepass old-password")
	hidden := start(t, "requirepass of-the-admin", "user ocmt on >old-password ~* +@all -info")
	for name, c := range map[string]struct{ address, want string }{
		"the same password": {other.url("", "old-password"), "leads to another Redis"},
		"another password":  {start(t, "requirepass another").url("", "old-password"), "refuses its password"},
		"nothing there":     {"redis://:old-password@127.0.0.1:1/0", "cannot be tried"},
	} {
		d := deploy(t, []*server{given}, given.url("", "old-password"), "default", "old-password")
		d.store.values["REDIS_URL"] = c.address
		obstacles := d.refused()
		if len(obstacles) != 1 || !strings.Contains(obstacles[0].String(), c.want) {
			t.Errorf("%s: %+v", name, obstacles)
		}
		d.options.Unreached = true
		if isOpen := d.plan().Check() == nil; isOpen != (name == "nothing there") {
			t.Errorf("%s: with Unreached, it is allowed: %t", name, isOpen)
		}
	}
	// A user who may not ask which server it is: the new password tells.
	shown := start(t, "requirepass of-the-admin", "user ocmt on >old-password ~* +@all")
	d := deploy(t, []*server{shown}, shown.url("", "of-the-admin"), "ocmt", "old-password")
	d.store.values["REDIS_URL"] = hidden.url("ocmt", "old-password")
	_, err := redispassword.Begin(context.Background(), d.sources(), d.plan())
	var halfway *redispassword.HalfwayError
	if !errors.As(err, &halfway) || !errors.Is(err, redispassword.ErrNotAccepted) || !strings.Contains(d.store.get("REDIS_URL"), "old-password") {
		t.Fatalf("the password went into the store: %v", err)
	}
	result, err := redispassword.Back(context.Background(), d.sources(), d.plan())
	if err != nil || !result.Done || !shown.accepts("ocmt", "old-password") {
		t.Errorf("it cannot be taken back: %v", err)
	}
}

// If this fails, an operator takes for proven what could not be looked at.
func TestUnreachedIsSaid(t *testing.T) {
	t.Parallel()
	d := deployOne(t)
	d.options.Unreached, d.options.OldClients = true, true
	d.store.values["REDIS_URL"] = "redis://:old-password@127.0.0.1:1/0"
	d.begin()
	result := d.finish()
	if !result.Done || !slices.ContainsFunc(result.Notes, func(note string) bool { return strings.Contains(note, "was not tried") }) {
		t.Errorf("it is not said: %v", result.Notes)
	}
}
